//! One datagram: the 17 bytes of a heartbeat, what ties them to one exchange
//! between two nodes, and a tag. It reads and writes; whether to believe what
//! it read is for the keys and the table of peers.

use crate::beat::{BEAT_BYTES, Beat};

use super::keys::{Key, TAG_BYTES};

/// How many bytes our datagrams have, and the least that one must have.
pub const PACKET_BYTES: usize = BODY_BYTES + TAG_BYTES;

/// The longest datagram that is read: what every path carries whole (RFC 8200
/// section 5 asks 1280 bytes of each link, headers included).
pub const PACKET_BYTES_MAX: usize = 1232;

const KIND_AT: usize = BEAT_BYTES;
const KEY_AT: usize = KIND_AT + 1;
const TO_AT: usize = KEY_AT + 1;
const SESSION_AT: usize = TO_AT + 4;
const THEIRS_AT: usize = SESSION_AT + 8;
const ANSWERED_AT: usize = THEIRS_AT + 8;
const BODY_BYTES: usize = ANSWERED_AT + 8;

const PROBE: u8 = 1;
const ANSWER: u8 = 2;

/// What a datagram says. Not to be believed before its tag was verified, which
/// [`Heartbeat`](super::Heartbeat) does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The heartbeat. Its `node_id` is the sender's; `timestamp` and `sequence`
    /// are the prober's in either direction.
    pub beat: Beat,
    /// Which direction.
    pub kind: Kind,
    /// Under which key the tag was made.
    pub key_id: u8,
    /// The node it is meant for.
    pub to: u32,
    /// The sender's session.
    pub session: u64,
    /// The receiver's session as the sender knows it; 0 if it does not.
    pub their_session: u64,
}

/// Whether a packet asks or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks to be answered.
    Probe,
    /// Answers.
    Answer {
        /// When, in microseconds since 1970 on the answering node's clock.
        answered_at: u64,
    },
}

/// Why bytes are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer bytes than the least.
    #[error("{bytes} bytes are less than {least}")]
    Short {
        /// How many there are.
        bytes: usize,
        /// How many there must be.
        least: usize,
    },
    /// Neither a probe nor an answer.
    #[error("unknown kind {kind}")]
    Kind {
        /// The byte that tells.
        kind: u8,
    },
    /// The sender names no session, so that nothing tells it from its past.
    #[error("the sender has no session")]
    NoSession,
}

// === impl Packet ===

impl Packet {
    /// Reads a datagram. What stands between the known fields and the tag is
    /// ignored: a later version may say more.
    ///
    /// # Errors
    ///
    /// Too few bytes, an unknown kind, or session 0.
    pub fn read(datagram: &[u8]) -> Result<Self, Malformed> {
        let short = Malformed::Short {
            bytes: datagram.len(),
            least: PACKET_BYTES,
        };
        if datagram.len() < PACKET_BYTES {
            return Err(short);
        }
        let (beat, _) = datagram.split_first_chunk().ok_or(short)?;
        let kind = match datagram[KIND_AT] {
            PROBE => Kind::Probe,
            ANSWER => Kind::Answer {
                answered_at: number(datagram, ANSWERED_AT),
            },
            kind => return Err(Malformed::Kind { kind }),
        };
        let session = number(datagram, SESSION_AT);
        if session == 0 {
            return Err(Malformed::NoSession);
        }
        let mut to = [0; 4];
        to.copy_from_slice(&datagram[TO_AT..SESSION_AT]);
        Ok(Self {
            beat: Beat::from_bytes(*beat),
            kind,
            key_id: datagram[KEY_AT],
            to: u32::from_be_bytes(to),
            session,
            their_session: number(datagram, THEIRS_AT),
        })
    }

    /// Writes the datagram under `key`, whose id replaces
    /// [`key_id`](Self::key_id).
    pub fn write(&self, key: &Key) -> [u8; PACKET_BYTES] {
        let (kind, answered_at) = match self.kind {
            Kind::Probe => (PROBE, 0),
            Kind::Answer { answered_at } => (ANSWER, answered_at),
        };
        let mut bytes = [0; PACKET_BYTES];
        bytes[..KIND_AT].copy_from_slice(&self.beat.to_bytes());
        bytes[KIND_AT] = kind;
        bytes[KEY_AT] = key.id();
        bytes[TO_AT..SESSION_AT].copy_from_slice(&self.to.to_be_bytes());
        bytes[SESSION_AT..THEIRS_AT].copy_from_slice(&self.session.to_be_bytes());
        bytes[THEIRS_AT..ANSWERED_AT].copy_from_slice(&self.their_session.to_be_bytes());
        bytes[ANSWERED_AT..BODY_BYTES].copy_from_slice(&answered_at.to_be_bytes());
        let tag = key.tag(&bytes[..BODY_BYTES]);
        bytes[BODY_BYTES..].copy_from_slice(&tag);
        bytes
    }
}

/// The eight bytes at `at`, which the caller knows are there.
fn number(datagram: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&datagram[at..at + 8]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests;
