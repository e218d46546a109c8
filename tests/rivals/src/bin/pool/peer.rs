//! A peer in memory: it answers dials as told, ends connections when told, and remembers what was
//! done to it. It has no opinion on what is much.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep};

use crate::contender::{Dial, Link};

/// How a dial ends, judged when it has taken its time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// With a connection, after this long.
    Accept(Duration),
    /// With an error, after this long.
    Refuse(Duration),
    /// Never.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    answer: Answer,
    dialed_at: Vec<Instant>,
    abandoned: usize,
    opened: usize,
    /// Its ends of what is open and healthy.
    ends: BTreeMap<usize, DuplexStream>,
    destroyed: usize,
}

/// A dial until it is answered.
struct Underway<'a> {
    peer: &'a Peer,
    answered: bool,
}

/// The caller's end of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    io: DuplexStream,
    number: usize,
    peer: Peer,
}

// === impl Peer ===

impl Peer {
    pub(crate) fn new(answer: Answer) -> Self {
        Self(Arc::new(Mutex::new(State {
            answer,
            dialed_at: Vec::new(),
            abandoned: 0,
            opened: 0,
            ends: BTreeMap::new(),
            destroyed: 0,
        })))
    }

    /// From now on dials end like this, those under way among them.
    pub(crate) fn answer(&self, answer: Answer) {
        self.state().answer = answer;
    }

    /// Ends every connection.
    pub(crate) fn end_all(&self) {
        let ends = std::mem::take(&mut self.state().ends);
        drop(ends);
    }

    /// Ends one connection, the one at `place` among those open, counted round; false if there is none.
    pub(crate) fn end_one(&self, place: usize) -> bool {
        let end = {
            let ends = &mut self.state().ends;
            let place = place.checked_rem(ends.len());
            let number = place.and_then(|place| ends.keys().nth(place).copied());
            number.and_then(|number| ends.remove(&number))
        };
        end.is_some()
    }

    /// When each dial began.
    pub(crate) fn dialed_at(&self) -> Vec<Instant> {
        self.state().dialed_at.clone()
    }

    pub(crate) fn dials(&self) -> usize {
        self.state().dialed_at.len()
    }

    /// Dials that were given up before they were answered.
    pub(crate) fn abandoned(&self) -> usize {
        self.state().abandoned
    }

    /// Connections that are open and healthy.
    pub(crate) fn open(&self) -> usize {
        self.state().ends.len()
    }

    /// Connections that were closed on it though they were healthy.
    pub(crate) fn destroyed(&self) -> usize {
        self.state().destroyed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self) -> Wire {
        let (io, end) = duplex(64);
        let mut state = self.state();
        let number = state.opened;
        state.opened += 1;
        state.ends.insert(number, end);
        let peer = self.clone();
        Wire { io, number, peer }
    }
}

impl Dial for Peer {
    type Link = Wire;

    async fn dial(&self) -> io::Result<Wire> {
        self.state().dialed_at.push(Instant::now());
        let mut underway = Underway {
            peer: self,
            answered: false,
        };
        let first = self.state().answer;
        match first {
            Answer::Accept(after) | Answer::Refuse(after) => sleep(after).await,
            Answer::Silence => pending().await,
        }
        underway.answered = true;
        let now = self.state().answer;
        match now {
            Answer::Accept(_) => Ok(self.accept()),
            Answer::Refuse(_) | Answer::Silence => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }
}

// === impl Underway ===

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.peer.state().abandoned += 1;
        }
    }
}

// === impl Wire ===

impl Link for Wire {
    fn is_dead(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        // Outside the task's budget of turns, or a busy task would take the dead for living.
        let look = pin!(unconstrained(std::future::poll_fn(|context| {
            Pin::new(&mut self.io).poll_read(context, &mut buffer)
        })));
        look.poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let end = {
            let mut state = self.peer.state();
            let end = state.ends.remove(&self.number);
            state.destroyed += usize::from(end.is_some());
            end
        };
        drop(end);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
