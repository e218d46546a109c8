//! What happened to the heartbeats, and what is known of each peer. All of it is
//! plain data.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use bowline_policy::Observe;
use bowline_policy::heartbeat::Death;
use tokio::time::Instant;

use super::peer_clock::{Drift, Offset};
use super::rtt::Rtt;
use crate::Log;
use crate::beat::Status;

/// What happened.
///
/// [`Refused`](Self::Refused) is caused by whoever can send us a datagram, as
/// often as they like: an observer should count it, and log it sparingly; [`Log`]
/// writes it for tracing only.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A peer was heard from, for the first time or after its death.
    Up {
        /// Who.
        node: u32,
    },
    /// A peer was given up. It is still probed once per interval, and may come
    /// [`Up`](Self::Up) again.
    Dead {
        /// Who.
        node: u32,
        /// Why.
        death: Death,
    },
    /// A peer feels otherwise than it did.
    StatusChanged {
        /// Who.
        node: u32,
        /// How it felt; `None` before the first time.
        from: Option<Status>,
        /// How it feels.
        to: Status,
    },
    /// A peer has another session than before: its process is another one.
    Restarted {
        /// Who.
        node: u32,
    },
    /// A peer that may roam is heard from elsewhere.
    Moved {
        /// Who.
        node: u32,
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
    /// A peer's time of day jumped.
    ClockJumped {
        /// Whose.
        node: u32,
        /// By how many microseconds; negative if it was set back.
        micros: i64,
    },
    /// A peer's clock drifts by more than is tolerated. Told once, and again
    /// only after it no longer did.
    Drifting {
        /// Whose.
        node: u32,
        /// How much.
        drift: Drift,
    },
    /// Our own time of day jumped: every peer gets one fresh probe and one
    /// timeout.
    OwnClockJumped,
    /// A datagram was counted and dropped; or, if it was
    /// [`Late`](Refusal::Late), answered and not taken for life.
    Refused {
        /// Where it says it came from.
        from: SocketAddr,
        /// The node it names, if that is a peer.
        node: Option<u32>,
        /// What was wrong with it.
        why: Refusal,
    },
    /// A datagram of ours was dropped: too many waited for the socket.
    Overflow {
        /// Where it should have gone.
        to: SocketAddr,
    },
    /// The socket failed, and is used again: what it says concerns one
    /// datagram, or one peer's host.
    Socket {
        /// What we were doing.
        during: During,
        /// What it said.
        kind: io::ErrorKind,
    },
}

/// What a socket was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    /// To send.
    Send,
    /// To receive.
    Receive,
}

/// What was wrong with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be read; [`Packet::read`](super::Packet::read) says why.
    #[error("malformed")]
    Malformed,
    /// It names a node that is no peer.
    #[error("unknown node")]
    UnknownNode,
    /// It names a key that its peer does not have.
    #[error("unknown key")]
    UnknownKey,
    /// Its tag is not the one its key makes.
    #[error("forged")]
    Forged,
    /// It is meant for another node.
    #[error("meant for another node")]
    NotForUs,
    /// It does not come from where its peer is.
    #[error("from an address that is not its peer's")]
    WrongAddress,
    /// It came before, or is too old to tell.
    #[error("replayed")]
    Replayed,
    /// It answers a probe of another session, or none that waits for an answer.
    #[error("an answer nobody waits for")]
    Unasked,
    /// It lay somewhere for longer than a peer may be silent.
    #[error("held back for too long")]
    Late,
}

/// Whether a peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It was not heard from yet.
    Starting,
    /// It was heard from lately.
    Up,
    /// It was given up.
    Dead(Death),
}

/// How many datagrams there were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Probes we sent.
    pub probes: u64,
    /// Answers we sent.
    pub answers: u64,
    /// Datagrams received that were taken for life.
    pub proofs: u64,
    /// Datagrams that were refused, by what was wrong with them.
    pub refused: BTreeMap<Refusal, u64>,
}

/// What is known of a peer.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Who.
    pub node: u32,
    /// Whether it is there.
    pub state: State,
    /// Where probes go; `None` for one that roams and was not heard from.
    pub address: Option<SocketAddr>,
    /// How it felt when last heard.
    pub status: Option<Status>,
    /// When it last proved its life.
    pub heard_at: Option<Instant>,
    /// How long a probe and its answer take.
    pub rtt: Option<Rtt>,
    /// How far its time of day is from ours.
    pub offset: Option<Offset>,
    /// How much faster its clock runs.
    pub drift: Option<Drift>,
    /// How many datagrams there were.
    pub counts: Counts,
}

// === impl Counts ===

impl Counts {
    pub(super) fn refuse(&mut self, why: Refusal) {
        *self.refused.entry(why).or_default() += 1;
    }
}

// === impl Log ===

/// What needs a person is a warning: a death, a fault, a clock that is wrong. Other changes are
/// told; single datagrams are for tracing, for anybody may send them.
impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Up { node } => tracing::info!(node, "node up"),
            Event::Dead { node, death } => tracing::warn!(node, %death, "node dead"),
            Event::StatusChanged {
                node,
                from,
                to: Status::Fault,
            } => tracing::warn!(node, ?from, "node has a fault"),
            Event::StatusChanged { node, from, to } => {
                tracing::info!(node, ?from, ?to, "node feels otherwise");
            }
            Event::Restarted { node } => tracing::info!(node, "node restarted"),
            Event::Moved { node, from, to } => tracing::info!(node, %from, %to, "node moved"),
            Event::ClockJumped { node, micros } => {
                tracing::info!(node, micros, "node's clock jumped");
            }
            Event::Drifting { node, drift } => {
                let Drift { ppm, error_ppm } = *drift;
                tracing::warn!(node, ppm, error_ppm, "node's clock drifts");
            }
            Event::OwnClockJumped => tracing::warn!("our own clock jumped"),
            Event::Refused { from, node, why } => {
                tracing::trace!(%from, node, %why, "datagram refused");
            }
            Event::Overflow { to } => tracing::debug!(%to, "datagram dropped, too many wait"),
            Event::Socket { during, kind } => tracing::debug!(?during, %kind, "socket failed"),
        }
    }
}
