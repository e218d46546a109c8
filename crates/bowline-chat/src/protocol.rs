//! What client and server say to each other: one schema, two wire formats.
//!
//! `docs/protocol.md` is the specification; this module decides nothing about
//! when something is said.

mod binary;
mod close;
mod field;
mod json;
mod message;
mod wire;

pub(crate) use json::body as json_body;

pub use close::{Close, CloseCode, ErrorCode};
pub use message::{
    Beat, Failure, Hello, Join, JoinFrom, Joined, Ping, Publish, Published, Reply, Request,
    RoomMessage, RoomRef, Status, Welcome,
};
pub use wire::{Fault, Wire, WireCodec};

/// The protocol version spoken here; HELLO names the versions a client speaks.
pub const VERSION: u32 = 1;

/// The longest nick or room name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 64;

/// Whether `name` may name a room or a guest: 1 to [`NAME_BYTES_MAX`] bytes, no
/// control characters, no blank at either end.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
