//! A network in memory that counts what is open and breaks what it is told to.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Connect, Dial, Endpoint};
use bowline_policy::backoff::{Jitter, Schedule};
use bowline_policy::{Observe, Share, from_fn, lifetime};
use bowline_pool::{Builder, CloseReason, Event, Pool, Pooled, Raw, Settings, Streams};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::time::{Instant, sleep};

/// What a dial meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A stream, after this long.
    Accept(Duration),
    /// A stream that the peer ends at once, after this long.
    HangUp(Duration),
    /// An error, after this long.
    Refuse(Duration),
    /// Nothing, ever.
    Silence,
    /// A bug in the dialer.
    Panic,
}

#[derive(Clone)]
pub(crate) struct Net(Arc<Mutex<State>>);

struct State {
    answer: Box<dyn FnMut(&Endpoint) -> Answer + Send>,
    /// Open and opening.
    live: usize,
    peak: usize,
    dialing: usize,
    dialing_peak: usize,
    dialed_at: Vec<Instant>,
    dialed_to: Vec<Endpoint>,
    /// What was open and opening when each dial began, that one among them.
    dialed_as: Vec<usize>,
    peers: BTreeMap<usize, Peer>,
    opened: usize,
    /// Each with the number of its pool.
    events: Vec<(usize, Event)>,
    pools: usize,
}

struct Peer {
    io: Option<DuplexStream>,
    reset: Arc<AtomicBool>,
    fit: bool,
    /// It answers no ping.
    mute: bool,
}

/// Our end of a stream.
pub(crate) struct Wire {
    pub(crate) id: usize,
    io: DuplexStream,
    reset: Arc<AtomicBool>,
    live: Live,
}

struct Live(Net);

struct Dialing(Net);

pub(crate) type Streamed = Raw<Wire>;

pub(crate) fn settings(max: usize) -> Settings {
    backing_off(max, ms(100), ms(2_000))
}

pub(crate) fn backing_off(max: usize, base: Duration, cap: Duration) -> Settings {
    let schedule = Schedule::exponential(base, cap)
        .unwrap()
        .jitter(Jitter::None)
        .unwrap();
    Settings::new(max, 1)
        .unwrap()
        .backoff(schedule)
        .wait(Duration::from_secs(1))
        .unwrap()
        .lifetime(exactly(IDLE, AGE))
}

/// Limits without jitter.
pub(crate) fn exactly(idle: Duration, age: Duration) -> lifetime::Settings {
    let settings = lifetime::Settings::new(idle, age).unwrap();
    settings.spread(Share::NONE).unwrap()
}

pub(crate) const IDLE: Duration = Duration::from_secs(10);

pub(crate) const AGE: Duration = Duration::from_secs(3_600);

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::new("chat.example", 7400)
}

/// One of several endpoints.
pub(crate) fn at(name: &str) -> Endpoint {
    Endpoint::new(name, 7400)
}

/// So many connections at once.
pub(crate) async fn borrow(pool: &Pool<Streamed>, count: usize) -> Vec<Pooled<Streamed>> {
    let mut held = Vec::new();
    for number in 0..count {
        let conn = pool.checkout().await;
        held.push(conn.unwrap_or_else(|lost| panic!("{number} of {count}: {lost}")));
    }
    held
}

// === impl Net ===

impl Net {
    /// Every dial is accepted after 50 ms.
    pub(crate) fn new() -> Self {
        Self::answering(|| Answer::Accept(ms(50)))
    }

    pub(crate) fn answering(mut answer: impl FnMut() -> Answer + Send + 'static) -> Self {
        Self::answering_each(move |_| answer())
    }

    pub(crate) fn answering_each(answer: impl FnMut(&Endpoint) -> Answer + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            answer: Box::new(answer),
            live: 0,
            peak: 0,
            dialing: 0,
            dialing_peak: 0,
            dialed_at: Vec::new(),
            dialed_to: Vec::new(),
            dialed_as: Vec::new(),
            peers: BTreeMap::new(),
            opened: 0,
            events: Vec::new(),
            pools: 0,
        })))
    }

    pub(crate) fn pool(&self, settings: Settings) -> Pool<Streamed> {
        Pool::observed(self.streams(), endpoint(), settings, self.log())
    }

    /// What dials on this net.
    pub(crate) fn streams(&self) -> Streams<impl Dial<Io = Wire>> {
        let net = self.clone();
        Streams::new(tower::service_fn(move |endpoint: Endpoint| {
            net.clone().dial(endpoint)
        }))
    }

    /// A pool in the making that reaches these, and pings what is parked.
    pub(crate) fn pinging(
        &self,
        settings: Settings,
        endpoints: &[&str],
    ) -> Builder<impl Connect<Connection = Streamed>> {
        let net = self.clone();
        let dial = tower::service_fn(move |endpoint: Endpoint| net.clone().dial(endpoint));
        let streams = Streams::new(dial).pinged_by(|wire: &mut Wire| Box::pin(wire.ping()));
        Pool::builder(streams, settings)
            .observer(self.log())
            .endpoints(endpoints.iter().map(|name| at(name)))
            .unwrap()
    }

    /// Takes note of everything that happens in a pool.
    pub(crate) fn log(&self) -> Arc<dyn Observe<Event>> {
        let log = self.clone();
        let mut state = self.state();
        let number = state.pools;
        state.pools += 1;
        drop(state);
        let observer = from_fn(move |event: &Event| {
            log.state().events.push((number, event.clone()));
        });
        Arc::new(observer)
    }

    pub(crate) fn answer(&self, mut answer: impl FnMut() -> Answer + Send + 'static) {
        self.state().answer = Box::new(move |_| answer());
    }

    pub(crate) async fn dial(self, endpoint: Endpoint) -> io::Result<Wire> {
        let live = self.enter();
        let _dialing = self.begin();
        let answer = {
            let mut state = self.state();
            state.dialed_to.push(endpoint.clone());
            (state.answer)(&endpoint)
        };
        match answer {
            Answer::Accept(after) | Answer::HangUp(after) | Answer::Refuse(after) => {
                if !after.is_zero() {
                    sleep(after).await;
                }
            }
            Answer::Silence => pending().await,
            Answer::Panic => panic!("a dialer may be broken"),
        }
        match answer {
            Answer::Refuse(_) => Err(io::ErrorKind::ConnectionRefused.into()),
            Answer::HangUp(_) => {
                let wire = self.open(live);
                self.hang_up(wire.id);
                Ok(wire)
            }
            Answer::Accept(_) | Answer::Silence | Answer::Panic => Ok(self.open(live)),
        }
    }

    fn open(&self, live: Live) -> Wire {
        let (ours, theirs) = duplex(64);
        let reset = Arc::new(AtomicBool::new(false));
        let mut state = self.state();
        let id = state.opened;
        state.opened += 1;
        state.peers.insert(
            id,
            Peer {
                io: Some(theirs),
                reset: Arc::clone(&reset),
                fit: true,
                mute: false,
            },
        );
        Wire {
            id,
            io: ours,
            reset,
            live,
        }
    }

    pub(crate) fn hang_up(&self, id: usize) {
        let mut state = self.state();
        let peer = state.peers.get_mut(&id).unwrap();
        peer.fit = false;
        peer.io = None;
    }

    pub(crate) fn reset(&self, id: usize) {
        let mut state = self.state();
        let peer = state.peers.get_mut(&id).unwrap();
        peer.fit = false;
        peer.reset.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn say(&self, id: usize) {
        let mut io = {
            let mut state = self.state();
            let peer = state.peers.get_mut(&id).unwrap();
            peer.fit = false;
            peer.io.take().unwrap()
        };
        io.write_all(b"?").await.unwrap();
        self.state().peers.get_mut(&id).unwrap().io = Some(io);
    }

    /// The peer is there and answers no ping.
    pub(crate) fn mute(&self, id: usize) {
        self.state().peers.get_mut(&id).unwrap().mute = true;
    }

    /// When each dial began, and as the how many-th connection.
    pub(crate) fn dialed_as(&self) -> Vec<(Instant, usize)> {
        let state = self.state();
        let dialed_at = state.dialed_at.iter().copied();
        dialed_at.zip(state.dialed_as.iter().copied()).collect()
    }

    pub(crate) fn dialed_to(&self) -> Vec<Endpoint> {
        self.state().dialed_to.clone()
    }

    /// Whether each connection that was opened was closed once, and no other.
    pub(crate) fn books_balance(&self) -> bool {
        let mut open = BTreeMap::new();
        for (pool, event) in &self.state().events {
            match event {
                Event::Opened { id, .. } => {
                    assert!(open.insert((*pool, *id), ()).is_none(), "{id} again")
                }
                Event::Closed { id, .. } => {
                    assert!(open.remove(&(*pool, *id)).is_some(), "{id} not open")
                }
                _ => {}
            }
        }
        open.is_empty()
    }

    /// Takes the peer's end of a stream, until it is put back.
    pub(crate) fn take_peer(&self, id: usize) -> DuplexStream {
        self.state().peers.get_mut(&id).unwrap().io.take().unwrap()
    }

    pub(crate) fn put_peer(&self, id: usize, io: DuplexStream) {
        self.state().peers.get_mut(&id).unwrap().io = Some(io);
    }

    /// Whether the peer has left the stream alone.
    pub(crate) fn is_fit(&self, id: usize) -> bool {
        self.state().peers[&id].fit
    }

    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    pub(crate) fn peak(&self) -> usize {
        self.state().peak
    }

    pub(crate) fn dialing_peak(&self) -> usize {
        self.state().dialing_peak
    }

    pub(crate) fn dialed_at(&self) -> Vec<Instant> {
        self.state().dialed_at.clone()
    }

    pub(crate) fn dials(&self) -> usize {
        self.state().dialed_at.len()
    }

    pub(crate) fn opened(&self) -> usize {
        self.state().opened
    }

    pub(crate) fn reasons(&self) -> Vec<CloseReason> {
        let state = self.state();
        let reasons = state.events.iter().filter_map(|(_, event)| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let state = self.state();
        state
            .events
            .iter()
            .map(|(_, event)| event.clone())
            .collect()
    }

    fn enter(&self) -> Live {
        let mut state = self.state();
        state.live += 1;
        state.peak = state.peak.max(state.live);
        state.dialed_at.push(Instant::now());
        let live = state.live;
        state.dialed_as.push(live);
        Live(self.clone())
    }

    fn begin(&self) -> Dialing {
        let mut state = self.state();
        state.dialing += 1;
        state.dialing_peak = state.dialing_peak.max(state.dialing);
        Dialing(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.state().live -= 1;
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.state().dialing -= 1;
    }
}

// === impl Wire ===

impl Wire {
    /// Asks the peer for a sign of life.
    pub(crate) async fn ping(&self) -> Result<(), BoxError> {
        sleep(ms(1)).await;
        let (fit, mute) = {
            let state = self.live.0.state();
            let peer = &state.peers[&self.id];
            (peer.fit, peer.mute)
        };
        match (fit, mute) {
            (true, false) => Ok(()),
            (true, true) => pending().await,
            (false, _) => Err("no answer".into()),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
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
