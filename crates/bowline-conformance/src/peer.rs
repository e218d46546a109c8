//! A peer that does as it is told, and writes down what it sees. It opens no socket.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

mod wire;

use wire::Ending;
pub use wire::{Wire, WireError};

/// How long a dial takes before it is answered: longer than nothing, so that
/// even who redials without a pause lets the clock move.
const DIAL_TAKES: Duration = Duration::from_millis(1);

/// The dials that a peer answers in its life. A subject that makes more spins,
/// and finds every further one unanswered, which ends the trial.
const DIALS_MAX: usize = 100_000;

/// A scripted peer: what a subject's connector dials.
///
/// A clone is the same peer.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Shared>);

/// A request; no two of one peer are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request(pub u64);

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub request: Request,
    /// The number of the connection it was asked on, from 1.
    pub connection: u64,
}

/// The peer refused a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection refused")]
pub struct DialError;

#[derive(Debug)]
struct Shared {
    inside: Mutex<Inside>,
    /// Told of every dial.
    dialed: Notify,
}

#[derive(Debug)]
struct Inside {
    dialing: Dialing,
    dial_takes: Duration,
    silent: bool,
    dials: Vec<Instant>,
    connections: u64,
    connected_at: Option<Instant>,
    open: Vec<Arc<Ending>>,
    requests: u64,
    /// How often each request was received.
    received: BTreeMap<Request, u32>,
}

/// What the peer does with a dial.
#[derive(Debug, Clone, Copy)]
enum Dialing {
    Accept,
    Refuse,
    /// Accepts, and hangs up so long after.
    Flap(Duration),
}

// === impl Peer ===

impl Peer {
    /// A peer that accepts, and answers each request at once.
    pub(crate) fn new() -> Self {
        let inside = Mutex::new(Inside {
            dialing: Dialing::Accept,
            dial_takes: DIAL_TAKES,
            silent: false,
            dials: Vec::new(),
            connections: 0,
            connected_at: None,
            open: Vec::new(),
            requests: 0,
            received: BTreeMap::new(),
        });
        let dialed = Notify::new();
        Self(Arc::new(Shared { inside, dialed }))
    }

    pub(crate) fn refusing() -> Self {
        let peer = Self::new();
        peer.refuse();
        peer
    }

    /// Opens a connection, or is refused: this is what a subject's connector
    /// calls, once for each attempt.
    ///
    /// # Errors
    ///
    /// [`DialError`], while the peer refuses.
    ///
    /// # Cancellation
    ///
    /// Dropping the future gives the attempt up; it was counted when `dial` was called.
    pub fn dial(
        &self,
    ) -> impl Future<Output = Result<Wire, DialError>> + Send + Sync + use<> + 'static {
        let peer = self.clone();
        let (takes, answered) = {
            let mut inside = peer.inside();
            inside.dials.push(Instant::now());
            (inside.dial_takes, inside.dials.len() <= DIALS_MAX)
        };
        peer.0.dialed.notify_waiters();
        async move {
            if !answered {
                pending::<()>().await;
            }
            sleep(takes).await;
            peer.answer_dial()
        }
    }

    fn answer_dial(&self) -> Result<Wire, DialError> {
        let mut inside = self.inside();
        let until = match inside.dialing {
            Dialing::Refuse => return Err(DialError),
            Dialing::Accept => None,
            Dialing::Flap(up) => Some(Instant::now() + up),
        };
        inside.connections += 1;
        inside.connected_at = Some(Instant::now());
        let ending = Arc::new(Ending::new(until));
        inside.open.retain(|open| !open.is_over());
        inside.open.push(Arc::clone(&ending));
        Ok(Wire::new(inside.connections, self.clone(), ending))
    }

    /// A request that was not made before.
    pub(crate) fn request(&self) -> Request {
        let mut inside = self.inside();
        inside.requests += 1;
        Request(inside.requests)
    }

    pub(crate) fn accept(&self) {
        self.inside().dialing = Dialing::Accept;
    }

    pub(crate) fn refuse(&self) {
        self.inside().dialing = Dialing::Refuse;
    }

    pub(crate) fn flap(&self, up: Duration) {
        self.inside().dialing = Dialing::Flap(up);
    }

    pub(crate) fn dial_takes(&self, takes: Duration) {
        self.inside().dial_takes = takes;
    }

    /// Whether requests stay without an answer, from the next one on.
    pub(crate) fn silent(&self, silent: bool) {
        self.inside().silent = silent;
    }

    /// Ends every connection.
    pub(crate) fn hang_up(&self) {
        let open = std::mem::take(&mut self.inside().open);
        for ending in open {
            ending.end();
        }
    }

    pub(crate) fn dials(&self) -> usize {
        self.inside().dials.len()
    }

    /// Waits until there have been `dials`. It wakes nobody who polls it for anything else.
    pub(crate) async fn has_seen(&self, dials: usize) {
        loop {
            let mut dialed = pin!(self.0.dialed.notified());
            // From before the look, or a dial between the two would be missed.
            dialed.as_mut().enable();
            if self.dials() >= dials {
                return;
            }
            dialed.await;
        }
    }

    /// When each dial began, from the given one on.
    pub(crate) fn dialed_at(&self, from: usize) -> Vec<Instant> {
        self.inside().dials.get(from..).unwrap_or_default().to_vec()
    }

    /// When the latest connection was made.
    pub(crate) fn connected_at(&self) -> Option<Instant> {
        self.inside().connected_at
    }

    /// The pauses between one dial and the next.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let inside = self.inside();
        let pairs = inside.dials.windows(2);
        pairs.map(|pair| pair[1] - pair[0]).collect()
    }

    /// How often `request` was received.
    pub(crate) fn received(&self, request: Request) -> u32 {
        self.inside().received.get(&request).copied().unwrap_or(0)
    }

    /// Takes a request in, and says whether it is to be answered.
    fn receive(&self, request: Request) -> bool {
        let mut inside = self.inside();
        *inside.received.entry(request).or_default() += 1;
        !inside.silent
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        let inside = self.0.inside.lock();
        inside.expect("nothing panics while it holds the lock")
    }
}
