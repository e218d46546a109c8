//! The words of a room's log: epochs, offsets, message ids, messages.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// Which log an offset counts in: 64 random bits, drawn when a room's log is
/// created and again whenever the log may have lost or been replaced.
///
/// Printed as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Epoch(pub u64);

/// A message's place in its room's log; the first is 1, and 0 is before the first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Offset(pub u64);

/// A place in one particular log: what a client keeps to come back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The log.
    pub epoch: Epoch,
    /// The place in it.
    pub offset: Offset,
}

/// Names a publish, so that repeating it is harmless: 128 random bits.
///
/// Printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MsgId(pub [u8; 16]);

/// A message as its room's log holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the room's log.
    pub offset: Offset,
    /// The place of the message before it in the same log, 0 when it is the first:
    /// whoever holds another position has missed something.
    pub prev: Offset,
    /// The id its publisher gave it.
    pub msg_id: MsgId,
    /// The user who published it.
    pub from: Arc<str>,
    /// Whether `from` is only a guest's nick, which proves nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// When the server took it, in milliseconds since 1970 on the server's clock;
    /// for people, never for order.
    pub ts: u64,
    /// What was said; any bytes.
    #[serde(flatten, with = "crate::protocol::json_body")]
    pub body: Bytes,
}

// === impl Epoch ===

impl Epoch {
    /// Draws a fresh one.
    pub fn draw(secrets: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(secrets.next_u64())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({self})")
    }
}

impl From<Epoch> for String {
    fn from(it: Epoch) -> Self {
        it.to_string()
    }
}

impl TryFrom<String> for Epoch {
    type Error = NotHex;

    fn try_from(text: String) -> Result<Self, NotHex> {
        text.parse()
    }
}

impl FromStr for Epoch {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        digits(text).map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

// === impl Offset ===

impl Offset {
    /// The place after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// === impl MsgId ===

impl MsgId {
    /// Draws a fresh one. It must come from a generator no other run can share:
    /// two publishes with one id are one message.
    pub fn draw(secrets: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut id = [0; 16];
        secrets.fill_bytes(&mut id);
        Self(id)
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MsgId({self})")
    }
}

impl From<MsgId> for String {
    fn from(it: MsgId) -> Self {
        it.to_string()
    }
}

impl TryFrom<String> for MsgId {
    type Error = NotHex;

    fn try_from(text: String) -> Result<Self, NotHex> {
        text.parse()
    }
}

impl FromStr for MsgId {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        digits(text).map(Self)
    }
}

/// A text that is not the hex digits it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} hex digits")]
pub struct NotHex {
    /// How many digits were expected.
    pub digits: usize,
}

fn digits<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(NotHex { digits: 2 * N })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_epochs_read_what_they_print() {
        let id = MsgId([0xa5; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        let epoch = Epoch(0xfe);
        assert_eq!(epoch.to_string(), "00000000000000fe");
        assert_eq!(epoch.to_string().parse(), Ok(epoch));
        assert_eq!("00000000000000FE".parse(), Ok(epoch));
        assert_eq!("fe".parse::<Epoch>(), Err(NotHex { digits: 16 }));
        assert_eq!("zz".repeat(16).parse::<MsgId>(), Err(NotHex { digits: 32 }));
    }
}
