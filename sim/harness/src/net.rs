//! The network of a world: turmoil's sockets behind the seam, wrapped so that faults look
//! as they do on Linux.
//!
//! turmoil gives time, scheduling and latency. It has no retransmission, so its own
//! partitions would turn every stream they touch into one that hangs for ever, and refuse
//! connects that should hang: no fault here uses them.
//!
//! Each listener has a kernel: a task that answers dials at once and keeps the streams until
//! the software accepts them. So a dial succeeds when the peer's kernel has answered, and
//! the software may accept the stream as soon as that answer has reached the dialer; a dial
//! that was given up before is never seen.
//!
//! Where it is simpler than Linux: the answer to a dial takes no time of its own, so that a
//! dial succeeds one way later; what was held back moves as soon as it can, not when a
//! kernel next retransmits; bytes a reader left unread are held back by a stall, and lost
//! with the peer's power, as if they had not arrived; no stream is given up for bytes that
//! stay unacknowledged; and a reset provoked by writing to a closed stream may overtake the
//! last bytes before the end.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;

use self::place::Place;
use self::state::{Dead, State, WireId};
use self::wire::Side;
use crate::clock::SimClock;
use crate::trace::{Trace, What};
use crate::{Answers, Fault, Streams, Topology};

mod chance;
mod datagrams;
mod dial;
mod lane;
mod listen;
mod place;
mod state;
mod stream;
mod wire;

pub use datagrams::{Socket, Sockets};
pub use dial::Dialer;
pub use listen::Listener;
pub use stream::Stream;

/// How many bytes a stream takes in one direction before its reader must read.
///
/// In the middle of what Linux's autotuning chooses for the two socket buffers together.
pub const WINDOW_BYTES: usize = 256 * 1024;

/// The longest piece one write hands to the network; longer ones are taken in part.
pub const SEGMENT_BYTES: usize = 16 * 1024;

/// How many streams a listener's kernel keeps for software that does not accept them.
///
/// What many servers ask of listen(2); Linux grants up to `net.core.somaxconn`, 4096 by
/// default.
pub const BACKLOG: usize = 1024;

/// How long a dial without an answer lasts before it fails with `TimedOut`.
///
/// Linux sends the SYN six times more, waiting one second and then twice as long each time:
/// see `tcp_syn_retries` in tcp(7).
pub const DIAL_PATIENCE: Duration = Duration::from_secs(127);

/// The network of one world; clones share it.
#[derive(Debug, Clone)]
pub struct Net {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    topology: Topology,
    clock: SimClock,
    trace: Trace,
    /// What an answer takes that no software is needed for, such as a refusal.
    round_trip: Duration,
    state: Mutex<State>,
    /// Tells dials that a fault began or ended.
    changed: Notify,
}

// === impl Net ===

impl Net {
    pub(crate) fn new(
        topology: Topology,
        streams: Streams,
        clock: SimClock,
        trace: Trace,
        round_trip: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                topology,
                clock,
                trace,
                round_trip,
                state: Mutex::new(State::new(streams, round_trip)),
                changed: Notify::new(),
            }),
        }
    }

    /// Dials on behalf of `node`, which must live on the host that dials.
    ///
    /// Its dials fail with `InvalidInput` where the topology has no such node.
    pub fn dialer(&self, node: &str) -> Dialer {
        Dialer::new(self.clone(), node)
    }

    /// Opens what `node` asks name servers through.
    ///
    /// Binding and connecting fail with `InvalidInput` where the topology has no such node.
    pub fn sockets(&self, node: &str) -> Sockets {
        Sockets::new(self.clone(), node)
    }

    /// Listens on `port` as `node`, which must live on the host that listens; port 0 takes
    /// any free one.
    ///
    /// # Errors
    ///
    /// `InvalidInput` where the topology has no such node, `AddrInUse` where its host
    /// already listens on the port.
    pub fn listen(
        &self,
        node: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Listener>> + Send + use<> {
        Listener::bind(self.clone(), node.to_owned(), port)
    }

    // --- what the world does to it ---

    /// Lets `fault`, the plan's step `step`, strike the streams and dials of `target`.
    pub(crate) fn strike(&self, step: usize, target: &str, fault: Fault) {
        let now = self.now();
        self.change(|state, wake| state.strike(step, target, fault, now, wake));
        self.shared.changed.notify_waiters();
    }

    /// Ends what the step `step` began.
    pub(crate) fn lift(&self, step: usize) {
        let now = self.now();
        self.change(|state, wake| state.lift(step, now, wake));
        self.shared.changed.notify_waiters();
    }

    /// Before the software of `host` is dropped as a killed process is.
    pub(crate) fn crash(&self, host: &str) {
        let now = self.now();
        self.change(|state, _| state.crash(host, now));
        self.shared.changed.notify_waiters();
    }

    /// Before the software of `host` is dropped as a dead machine's is.
    pub(crate) fn darken(&self, host: &str) {
        self.change(|state, _| state.darken(host));
        self.shared.changed.notify_waiters();
    }

    /// When the last of the software of `host` is dropped, inside the simulator.
    pub(crate) fn bury(&self, host: &str) {
        let Dead { ends, unnamed } = self.change(|state, _| state.bury(host));
        for ((wire, side), socket) in ends {
            self.close(wire, side, socket);
        }
        unnamed.into_values().for_each(drop);
    }

    /// Before the software of `host` is started again.
    pub(crate) fn restore(&self, host: &str) {
        let now = self.now();
        self.change(|state, _| state.restore(host, now));
        self.shared.changed.notify_waiters();
    }

    /// Whether a fault freezes the process of `node`.
    pub(crate) fn is_frozen(&self, node: &str) -> bool {
        let Some(host) = self.shared.topology.host_of(node) else {
            return false;
        };
        let place = Place::new(node.into(), host.into());
        self.change(|state, _| state.freezes(&place))
    }

    /// Waits until none does.
    pub(crate) async fn thawed(&self, node: &str) {
        loop {
            let changed = self.shared.changed.notified();
            if !self.is_frozen(node) {
                return;
            }
            changed.await;
        }
    }

    /// Lets happen what is due; between two steps.
    pub(crate) fn tick(&self) {
        let now = self.now();
        if self.change(|state, wake| state.tick(now, wake)) {
            self.shared.changed.notify_waiters();
        }
    }

    // --- what its parts share ---

    /// Changes the state, then wakes whom that concerns: a waker may run anything, even
    /// what drops a stream, so never under the lock.
    fn change<R>(&self, change: impl FnOnce(&mut State, &mut Vec<Waker>) -> R) -> R {
        let mut wake = Vec::new();
        let result = {
            let state = self.shared.state.lock();
            change(
                &mut state.unwrap_or_else(PoisonError::into_inner),
                &mut wake,
            )
        };
        wake.into_iter().for_each(Waker::wake);
        result
    }

    /// How names of `host` are answered for, where that is not the truth.
    pub(crate) fn answers_for(&self, host: &str) -> Option<Answers> {
        self.change(|state, _| state.answers_for(host))
    }

    fn place(&self, node: &str) -> io::Result<Place> {
        let (node, host) = self.shared.topology.names(node).ok_or_else(|| {
            let message = format!("the topology has no node named {node:?}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        Ok(Place::new(node, host))
    }

    fn now(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    /// Closes one end of a stream: the kernel's part of dropping it.
    fn close(&self, wire: WireId, side: Side, socket: turmoil::net::TcpStream) {
        self.record_end(wire, side, What::Closed, 0);
        let now = self.now();
        self.change(|state, _| state.close(wire, side, now));
        drop(socket);
    }

    fn record_end(&self, wire: WireId, side: Side, what: What, len: usize) {
        let (at, peer) = self.change(|state, _| state.names(wire, side));
        self.shared.trace.stream(at, peer, what, len);
    }

    fn record(&self, at: &Place, peer: &Place, what: What, len: usize) {
        self.shared.trace.stream(at.name(), peer.name(), what, len);
    }
}

#[cfg(test)]
mod tests;
