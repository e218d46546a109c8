//! What a process can see happen, each with the words it is told in.
//!
//! Says what each of them means, and nothing of whether it should have happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Id, Name, Position};

/// What a process can see happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "snake_case")]
#[non_exhaustive]
pub enum What {
    /// It asked for `id` to be appended. Repeating that under the same id, unseen by
    /// whoever asked, is part of this one; asking two streams is two records.
    Invoked {
        /// The stream to append to.
        stream: Name,
        /// What to append.
        id: Id,
    },
    /// It was told that `id` is in the log.
    Acked {
        /// The stream that holds it.
        stream: Name,
        /// What was appended.
        id: Id,
        /// Where it stands.
        position: Position,
        /// Whether the answer said that it had been there already.
        duplicate: bool,
    },
    /// It was told that `id` is not and will not be in the log.
    Failed {
        /// The stream that refused.
        stream: Name,
        /// What it refused.
        id: Id,
    },
    /// It stopped waiting without an answer: `id` may have been appended, may be
    /// later, or never.
    Unknown {
        /// The stream that did not answer.
        stream: Name,
        /// What may or may not be in it.
        id: Id,
    },
    /// It was handed `id` as the stream's next.
    Delivered {
        /// The stream.
        stream: Name,
        /// What was handed over.
        id: Id,
        /// Where it stands.
        position: Position,
        /// The offset before it in the same log, where that was told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prev: Option<u64>,
    },
    /// It joined a stream, for the first time or again.
    Resumed {
        /// The stream.
        stream: Name,
        /// From where it asked to go on; `None` when it asked for a fresh start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Position>,
        /// Whether it was told that everything after `since` follows; `None` when
        /// it was told nothing, as on a fresh start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
        /// The place after which its deliveries go on.
        position: Position,
        /// How many deliveries it was told are a replay.
        count: u64,
    },
    /// It left a stream of its own will and keeps no position in it.
    Left {
        /// The stream.
        stream: Name,
    },
    /// Its connection ended, or it was stopped; it keeps its positions.
    Lost,
    /// It asked the network for a connection.
    Dialed {
        /// To whom.
        to: Name,
    },
    /// It has a connection, past whatever handshake there is. Another to the same peer
    /// takes the place of the one before.
    Connected {
        /// To whom.
        to: Name,
    },
    /// It declared its peer dead, which ends that connection. A [`Lost`](Self::Lost)
    /// usually follows, but need not.
    GaveUp {
        /// Which peer.
        on: Name,
        /// For how long it had heard nothing, in microseconds.
        silent_us: u64,
    },
    /// The world says: from now on this fault holds the process. Several may at once,
    /// also two of one name.
    Struck {
        /// What the fault is called.
        fault: Name,
        /// Whether nothing reaches the process while it lasts.
        deaf: bool,
    },
    /// The world says: the last of the faults of this name that hold the process
    /// holds it no longer.
    Relieved {
        /// What the fault is called.
        fault: Name,
    },
    /// The world says: every fault that ends is over, and from here on recovery is
    /// owed. Written once, by the process `world`.
    Healed,
    /// It says how many it holds of something that is limited: connections that are
    /// open or in use, bytes in a queue.
    Gauge {
        /// Of what.
        of: Name,
        /// How many.
        value: u64,
        /// How many it may hold.
        at_most: u64,
    },
    /// What the store of a stream holds when all is over; written once, by whoever
    /// reads the store. Of several for one stream the last counts.
    Final {
        /// The stream.
        stream: Name,
        /// The log's epoch, and the lowest offset that retention still owes.
        first_kept: Position,
        /// All that is in it, oldest first.
        log: Vec<(Position, Id)>,
    },
}

// === impl What ===

impl What {
    /// The stream, id and position of what is thereby known to be in a log.
    pub(crate) fn placed(&self) -> Option<(&Name, Id, Position)> {
        match self {
            Self::Acked {
                stream,
                id,
                position,
                ..
            }
            | Self::Delivered {
                stream,
                id,
                position,
                ..
            } => Some((stream, *id, *position)),
            Self::Invoked { .. }
            | Self::Failed { .. }
            | Self::Unknown { .. }
            | Self::Resumed { .. }
            | Self::Left { .. }
            | Self::Lost
            | Self::Dialed { .. }
            | Self::Connected { .. }
            | Self::GaveUp { .. }
            | Self::Struck { .. }
            | Self::Relieved { .. }
            | Self::Healed
            | Self::Gauge { .. }
            | Self::Final { .. } => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoked { stream, id } => write!(f, "asked to append {id} to {stream}"),
            Self::Acked {
                stream,
                id,
                position,
                duplicate,
            } => {
                let again = if *duplicate { " as a duplicate" } else { "" };
                write!(f, "was acknowledged {id} at {position} in {stream}{again}")
            }
            Self::Failed { stream, id } => write!(f, "was refused {id} by {stream}"),
            Self::Unknown { stream, id } => write!(f, "never learned whether {stream} took {id}"),
            Self::Delivered {
                stream,
                id,
                position,
                prev,
            } => {
                write!(f, "was handed {id} at {position} in {stream}")?;
                prev.map_or(Ok(()), |prev| write!(f, ", after offset {prev}"))
            }
            Self::Resumed {
                stream,
                since,
                recovered,
                position,
                count,
            } => {
                write!(f, "joined {stream} ")?;
                match since {
                    Some(since) => write!(f, "since {since}")?,
                    None => f.write_str("afresh")?,
                }
                match recovered {
                    Some(true) => f.write_str(", recovered")?,
                    Some(false) => f.write_str(", not recovered")?,
                    None => {}
                }
                write!(f, ": stands at {position}, {count} to follow")
            }
            Self::Left { stream } => write!(f, "left {stream}"),
            Self::Lost => f.write_str("lost the connection"),
            Self::Dialed { to } => write!(f, "dialed {to}"),
            Self::Connected { to } => write!(f, "is connected to {to}"),
            Self::GaveUp { on, silent_us } => {
                let (secs, micros) = (silent_us / 1_000_000, silent_us % 1_000_000);
                write!(f, "gave up on {on}, silent for {secs}.{micros:06} s")
            }
            Self::Struck { fault, deaf } => {
                let deaf = if *deaf { " and hears nothing" } else { "" };
                write!(f, "was struck by {fault}{deaf}")
            }
            Self::Relieved { fault } => write!(f, "was relieved of {fault}"),
            Self::Healed => f.write_str("is healed: every fault that ends is over"),
            Self::Gauge { of, value, at_most } => {
                write!(f, "holds {value} of at most {at_most} {of}")
            }
            Self::Final {
                stream,
                first_kept,
                log,
            } => {
                let held = log.len();
                write!(f, "holds {held} in {stream}, kept from {first_kept}")?;
                log.last()
                    .map_or(Ok(()), |(last, _)| write!(f, ", the last at {last}"))
            }
        }
    }
}
