//! A user and a password for the proxy, kept out of every text.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64;

/// What follows `Basic` in the header.
#[derive(Clone)]
pub(super) struct Login(Arc<str>);

/// A user or a password that Basic cannot carry (RFC 7617).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLogin {
    /// The user ends at the first colon, so it cannot have one.
    #[error("the user for an HTTP proxy has a colon")]
    Colon,
    /// Neither may have control characters.
    #[error("the user or the password for an HTTP proxy has a control character")]
    Control,
}

// === impl Login ===

impl Login {
    pub(super) fn new(user: &str, password: &str) -> Result<Self, InvalidLogin> {
        if user.contains(':') {
            return Err(InvalidLogin::Colon);
        }
        if user.chars().chain(password.chars()).any(char::is_control) {
            return Err(InvalidLogin::Control);
        }
        let pair = format!("{user}:{password}");
        Ok(Self(BASE64.encode(pair.as_bytes()).into()))
    }

    pub(super) fn encoded(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}
