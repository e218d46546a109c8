//! Sessions whose peers answer pings as they are told, over the net of `world`.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use bowline_pool::{Builder, CheckError, Death, Event, Pool, Raw, Reuse, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Net, Streamed, endpoint, ms};

/// What becomes of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The right line comes, after this long.
    Answer(Duration),
    Silence,
    /// Another line comes.
    Garbage,
    /// The right line comes, and then more.
    Chatter,
    /// Bytes come without end, and never a line.
    Endless,
    HangUp,
    /// The session is left in the middle of an exchange.
    Unsettled,
    /// The ping has a bug.
    Panic,
    /// It has one before it even begins.
    PanicAtOnce,
}

/// A line-based exchange over a stream.
pub(crate) struct Session {
    pub(crate) raw: Streamed,
    peers: Peers,
}

/// The net, and the manners of who is called over it.
#[derive(Clone)]
pub(crate) struct Peers {
    pub(crate) net: Net,
    state: Arc<Mutex<State>>,
    looks: Arc<AtomicUsize>,
}

struct State {
    manner: Box<dyn FnMut(usize) -> Manner + Send>,
    pings: Vec<(usize, Instant)>,
    pinging: usize,
    pinging_peak: usize,
}

struct Pinging(Peers);

// === impl Session ===

impl Session {
    pub(crate) fn number(&self) -> usize {
        self.raw.get_ref().id
    }

    async fn exchange(&mut self, manner: Manner) -> Result<(), BoxError> {
        let id = self.number();
        self.raw.write_all(b"?").await?;
        let peer = self.peers.clone();
        let line = tokio::select! {
            biased;
            line = read_line(&mut self.raw) => line?,
            never = peer.answer(id, manner) => match never {},
        };
        match (line.as_slice(), manner) {
            (_, Manner::Panic) => panic!("a ping may be broken"),
            (_, Manner::Unsettled) => Ok(()),
            (b"+", _) => {
                self.raw.settle();
                Ok(())
            }
            (other, _) => Err(format!("{} is no answer", other.escape_ascii()).into()),
        }
    }
}

impl Reuse for Session {
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death> {
        self.peers.looks.fetch_add(1, Ordering::SeqCst);
        self.raw.poll_closed(context)
    }

    fn is_settled(&self) -> bool {
        self.raw.is_settled()
    }

    fn settle(&mut self) {
        self.raw.settle();
    }

    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        let manner = (self.peers.state().manner)(self.number());
        assert_ne!(manner, Manner::PanicAtOnce, "a ping may be broken");
        Some(async move {
            let _pinging = self.peers.begin(self.number());
            self.exchange(manner).await
        })
    }
}

async fn read_line(raw: &mut Streamed) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        match raw.read_u8().await? {
            b'\n' => return Ok(line),
            byte => line.push(byte),
        }
    }
}

// === impl Peers ===

impl Peers {
    /// Dials take 50 ms, answers to pings 1 ms.
    pub(crate) fn new() -> Self {
        Self {
            net: Net::answering(|| Answer::Accept(ms(50))),
            state: Arc::new(Mutex::new(State {
                manner: Box::new(|_| Manner::Answer(ms(1))),
                pings: Vec::new(),
                pinging: 0,
                pinging_peak: 0,
            })),
            looks: Arc::default(),
        }
    }

    pub(crate) fn pool(&self, settings: Settings) -> Pool<Session> {
        self.builder(settings).build().unwrap()
    }

    pub(crate) fn builder(
        &self,
        settings: Settings,
    ) -> Builder<impl Connect<Connection = Session>> {
        let peers = self.clone();
        let connect = tower::service_fn(move |_: Endpoint| {
            let peers = peers.clone();
            async move {
                let raw = Raw::new(peers.net.clone().dial(endpoint()).await?);
                Ok::<_, io::Error>(Session { raw, peers })
            }
        });
        let builder = Pool::builder(connect, settings).observer(self.net.log());
        builder.endpoints([endpoint()]).unwrap()
    }

    /// Treats all pings from now on like this.
    pub(crate) fn treat(&self, manner: Manner) {
        self.treat_each(move |_| manner);
    }

    /// Treats pings on each connection from now on as told.
    pub(crate) fn treat_each(&self, manner: impl FnMut(usize) -> Manner + Send + 'static) {
        self.state().manner = Box::new(manner);
    }

    /// Which connections were pinged when.
    pub(crate) fn pings(&self) -> Vec<(usize, Instant)> {
        self.state().pings.clone()
    }

    pub(crate) fn pinging_peak(&self) -> usize {
        self.state().pinging_peak
    }

    /// How often the pool has looked at a connection.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// What failed checks said.
    pub(crate) fn failures(&self) -> Vec<CheckError> {
        let events = self.net.events().into_iter();
        let failures = events.filter_map(|event| match event {
            Event::CheckFailed { error, .. } => Some(error),
            _ => None,
        });
        failures.collect()
    }

    async fn answer(self, id: usize, manner: Manner) -> Infallible {
        let mut io = self.net.take_peer(id);
        assert_eq!(io.read_u8().await.unwrap(), b'?');
        match manner {
            Manner::Answer(after) => {
                sleep(after).await;
                io.write_all(b"+\n").await.unwrap();
            }
            Manner::Garbage => io.write_all(b"whatever\n").await.unwrap(),
            Manner::Chatter => io.write_all(b"+\n+\n").await.unwrap(),
            Manner::Endless => loop {
                io.write_all(&[b'.'; 64]).await.unwrap();
                // Or no time would ever pass.
                sleep(ms(1)).await;
            },
            Manner::HangUp => drop(io.shutdown().await),
            Manner::Unsettled | Manner::Panic => io.write_all(b"+\n").await.unwrap(),
            Manner::Silence | Manner::PanicAtOnce => {}
        }
        self.net.put_peer(id, io);
        pending().await
    }

    fn begin(&self, id: usize) -> Pinging {
        let mut state = self.state();
        state.pings.push((id, Instant::now()));
        state.pinging += 1;
        state.pinging_peak = state.pinging_peak.max(state.pinging);
        Pinging(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Pinging {
    fn drop(&mut self) {
        self.0.state().pinging -= 1;
    }
}

/// A pool in which `count` connections are parked, numbered from 0, the last
/// one warmest.
pub(crate) async fn parked(pool: &Pool<Session>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.checkout().await.unwrap());
    }
    drop(held);
    assert_eq!(pool.snapshot().parked, count);
}

/// Polls a future once; what it wanted to wait for, if anything, stays.
pub(crate) async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
