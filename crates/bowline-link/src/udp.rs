//! Heartbeats in datagrams: a side channel that tells whether a node lives
//! without a connection to it, and in a network where connections stall. It
//! carries nothing else, and proves nothing about any connection.
//!
//! [`Heartbeat`] drives one socket with up to [`PEERS_MAX`] peers, each known by
//! number, address and [`Keys`]. Both sides probe; since a probe proves the life
//! of its sender too, an idle pair pays for one probe and one answer per
//! interval.
//!
//! # The packet
//!
//! All numbers are big-endian.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `node_id` | who sends this |
//! | 4 | 8 | `timestamp` | microseconds since 1970 on the prober's clock; an answer echoes it |
//! | 12 | 1 | `status` | of the sender: 0 ok, 1 busy, 2 fault |
//! | 13 | 4 | `sequence` | of the prober, from 1, never wrapping in a session; an answer echoes it |
//! | 17 | 1 | `kind` | 1 probe, 2 answer |
//! | 18 | 1 | `key_id` | which key made the tag |
//! | 19 | 4 | `to` | the node this is meant for |
//! | 23 | 8 | `session` | of the sender, not 0 |
//! | 31 | 8 | `their_session` | of the node this is meant for; 0 if not known |
//! | 39 | 8 | `answered_at` | microseconds since 1970 on the answering clock; 0 in a probe |
//! | 47 | any | | of a later version: authenticated, and ignored |
//! | last 16 | 16 | `tag` | the first half of HMAC-SHA-256 over `bowline udp heartbeat 1` and all bytes before |
//!
//! An answer has the 63 bytes of the shortest probe, so nobody can be made to
//! send more than was sent to them. A datagram may have up to
//! [`PACKET_BYTES_MAX`].
//!
//! # What is believed
//!
//! The tag covers the direction, both nodes and both sessions: an answer is no
//! probe, what is meant for one node is of no use at another, and addresses may
//! be rewritten on the way, as NATs do. A *session* is drawn at random by each
//! process. It is believed only in the answer to a probe that waited for one,
//! and probes prove life only if they name both sessions and a sequence number
//! not seen in them before (a window of [`WINDOW`]). So a restart is noticed
//! with the next answer, at most one interval later, and nothing recorded before
//! it proves life ever after.
//!
//! A probe that was held back on the way for longer than its peer may be silent
//! is answered and proves nothing; that is told by the peer's clock, and a clock
//! that jumped only costs the probes by which it is learned anew. Whoever can
//! hold every packet back can still pass each on once within that time.
//!
//! Drift, jumps, replays and forgeries are events, never a death. Silence is
//! judged as everywhere else, by [`bowline_policy::heartbeat`]; only authentic
//! packets that came for the first time break it.
//!
//! `cargo run -p bowline-link --features udp --example udp_heartbeat` shows two
//! nodes and the death of one.

mod datagrams;
mod event;
mod heartbeat;
mod keys;
mod packet;
mod peer;
mod peer_clock;
mod rtt;
mod settings;
mod table;
mod window;

pub use datagrams::{BindError, Datagrams, Socket};
pub use event::{Counts, During, Event, Refusal, Snapshot, State};
pub use heartbeat::{
    DATAGRAMS_PER_POLL, FAILURE_PAUSE, FAILURES_MAX, Handle, Heartbeat, OUTBOX_MAX, UNREAD_MAX,
};
pub use keys::{InvalidKey, Key, Keys, SECRET_BYTES_MIN, TAG_BYTES};
pub use packet::{Kind, Malformed, PACKET_BYTES, PACKET_BYTES_MAX, Packet};
pub use peer::WAITING_MAX;
pub use peer_clock::{CLOCK_SAMPLES_MAX, Drift, Offset};
pub use rtt::Rtt;
pub use settings::{
    Address, DRIFT_PPM_DEFAULT, InvalidPeer, PEERS_MAX, PeerSettings, Session, Settings,
};
pub use window::WINDOW;
