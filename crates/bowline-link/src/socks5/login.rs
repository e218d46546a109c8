//! A user and a password for the proxy, kept out of every text.

use std::fmt;
use std::sync::Arc;

/// How long a user and a password may each be, in bytes (RFC 1929).
pub const LOGIN_MAX: usize = 255;

/// The message of RFC 1929, ready to send.
#[derive(Clone)]
pub(super) struct Login(Arc<[u8]>);

/// A user or a password that RFC 1929 cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {field} for a SOCKS5 proxy has {len} bytes: from 1 to {LOGIN_MAX} it may have")]
pub struct InvalidLogin {
    /// Which of the two.
    pub field: &'static str,
    /// How long it is.
    pub len: usize,
}

// === impl Login ===

impl Login {
    pub(super) fn new(user: &str, password: &str) -> Result<Self, InvalidLogin> {
        let mut message = vec![1];
        for (field, text) in [("user", user), ("password", password)] {
            let len = text.len();
            match u8::try_from(len) {
                Ok(short) if short > 0 => message.push(short),
                _ => return Err(InvalidLogin { field, len }),
            }
            message.extend_from_slice(text.as_bytes());
        }
        Ok(Self(message.into()))
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}
