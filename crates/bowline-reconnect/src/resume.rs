//! What the peer needs to continue a session, kept from one connection to the
//! next. Nobody here reads it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest resume token: what fits into a first message, with room.
pub const RESUME_TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What the peer gave us to continue a session with. A secret: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ResumeToken(Arc<[u8]>);

/// A token over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a resume token of {bytes} bytes is over the limit of {max}")]
#[non_exhaustive]
pub struct TokenTooLong {
    /// How long it was.
    pub bytes: usize,
    /// [`RESUME_TOKEN_BYTES_MAX`].
    pub max: usize,
}

/// Where a link keeps its resume token: a session hook finds there what an
/// earlier connection left, and leaves what the next one needs.
///
/// Clones belong to the same connection. It may be kept as long as that lives,
/// for peers that change the token on the way; what a connection says after a
/// later one has spoken is not heard.
#[derive(Clone)]
pub struct Resume {
    epoch: u64,
    store: Store,
}

/// The one token of a link.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    /// Who spoke last.
    epoch: u64,
    token: Option<ResumeToken>,
}

// === impl ResumeToken ===

impl ResumeToken {
    /// Takes these bytes for a token.
    ///
    /// # Errors
    ///
    /// More than [`RESUME_TOKEN_BYTES_MAX`].
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Result<Self, TokenTooLong> {
        let bytes = bytes.into();
        if bytes.len() > RESUME_TOKEN_BYTES_MAX {
            return Err(TokenTooLong {
                bytes: bytes.len(),
                max: RESUME_TOKEN_BYTES_MAX,
            });
        }
        Ok(Self(bytes))
    }

    /// The token, for the peer's eyes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResumeToken({} bytes)", self.0.len())
    }
}

// === impl Resume ===

impl Resume {
    /// What the last connection left, if it did.
    pub fn token(&self) -> Option<ResumeToken> {
        self.store.kept().token.clone()
    }

    /// Leaves `token` for the next connection.
    pub fn keep(&self, token: ResumeToken) {
        self.leave(Some(token));
    }

    /// Leaves none: the session is over, and the next one begins fresh.
    pub fn forget(&self) {
        self.leave(None);
    }

    fn leave(&self, token: Option<ResumeToken>) {
        let mut kept = self.store.kept();
        if self.epoch >= kept.epoch {
            *kept = Kept {
                epoch: self.epoch,
                token,
            };
        }
    }
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token();
        f.debug_struct("Resume")
            .field("epoch", &self.epoch)
            .field("token", &token)
            .finish()
    }
}

// === impl Store ===

impl Store {
    /// The store as connection `epoch` sees it.
    pub(crate) fn of(&self, epoch: u64) -> Resume {
        let store = self.clone();
        Resume { epoch, store }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
