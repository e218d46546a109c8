//! The secrets two nodes share, and the tags made with them. It never prints
//! one, and compares tags only through the library, in constant time.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How many bytes of the tag are sent: half of what HMAC-SHA-256 makes, the
/// least that RFC 2104 section 5 advises.
pub const TAG_BYTES: usize = 16;

/// The shortest secret, in bytes: as long as the hash, below which RFC 2104
/// section 3 strongly discourages keys.
pub const SECRET_BYTES_MIN: usize = 32;

/// What every tag begins with, so that a secret used elsewhere too makes no tag
/// there that is good here.
const CONTEXT: &[u8] = b"bowline udp heartbeat 1";

/// A secret, with the name by which packets tell it from another one.
#[derive(Clone)]
pub struct Key {
    id: u8,
    mac: Hmac<Sha256>,
}

/// What a peer's packets may be tagged with: one key, or two while they are
/// being changed.
///
/// To change a key without a gap, let every node [accept](Self::accepting) the
/// new one, then let every node send with it, still accepting the old one, and
/// then drop the old one.
#[derive(Debug, Clone)]
pub struct Keys {
    sending: Key,
    accepted: Option<Key>,
}

/// Why a secret was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKey {
    /// The secret can be guessed.
    #[error("a secret of {bytes} bytes is shorter than {least}")]
    Short {
        /// How long it is.
        bytes: usize,
        /// How long it must be.
        least: usize,
    },
    /// Two keys of one name: packets could not say which they mean.
    #[error("both keys have id {id}")]
    SameId {
        /// The id.
        id: u8,
    },
}

// === impl Key ===

impl Key {
    /// Keeps `secret` under a name that packets show to everybody.
    ///
    /// # Errors
    ///
    /// A secret of under [`SECRET_BYTES_MIN`] bytes. They should be random.
    pub fn new(id: u8, secret: &[u8]) -> Result<Self, InvalidKey> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(InvalidKey::Short {
                bytes: secret.len(),
                least: SECRET_BYTES_MIN,
            });
        }
        let mac = hmac(secret).chain_update(CONTEXT);
        Ok(Self { id, mac })
    }

    /// Its name.
    pub fn id(&self) -> u8 {
        self.id
    }

    pub(super) fn tag(&self, body: &[u8]) -> [u8; TAG_BYTES] {
        truncated(self.mac.clone().chain_update(body))
    }

    /// Whether the last bytes of `datagram` are the tag of all before them.
    pub(super) fn verifies(&self, datagram: &[u8]) -> bool {
        let Some((body, tag)) = datagram.split_last_chunk::<TAG_BYTES>() else {
            return false;
        };
        let mac = self.mac.clone().chain_update(body);
        mac.verify_truncated_left(tag).is_ok()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn hmac(secret: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret).expect("HMAC takes secrets of any length")
}

fn truncated(mac: Hmac<Sha256>) -> [u8; TAG_BYTES] {
    let whole = mac.finalize().into_bytes();
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&whole[..TAG_BYTES]);
    tag
}

// === impl Keys ===

impl Keys {
    /// Sends with `key`, and accepts no other.
    pub fn new(key: Key) -> Self {
        Self {
            sending: key,
            accepted: None,
        }
    }

    /// Accepts `key` as well.
    ///
    /// # Errors
    ///
    /// Two keys of one id.
    pub fn accepting(self, key: Key) -> Result<Self, InvalidKey> {
        if key.id == self.sending.id {
            return Err(InvalidKey::SameId { id: key.id });
        }
        Ok(Self {
            accepted: Some(key),
            ..self
        })
    }

    /// The key that probes are sent with.
    pub fn sending(&self) -> &Key {
        &self.sending
    }

    pub(super) fn find(&self, id: u8) -> Option<&Key> {
        let accepted = self.accepted.as_ref();
        [Some(&self.sending), accepted]
            .into_iter()
            .flatten()
            .find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests;
