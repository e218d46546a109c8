//! How long a connection may go unused, and what use is.

use std::time::Duration;

/// How long a connection may go unused. There is no default: it belongs below what the middleboxes
/// on the way forget after, which only its owner knows.
///
/// One limit is one duration, for good: whoever wants connections not to end together draws another
/// one for each, when it is wrapped and never again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    after: Duration,
    counts: Use,
}

/// What counts as use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Use {
    /// Every byte, either way.
    Bytes,
    /// Every byte that comes, as a server may want it: what it sends proves no interest.
    BytesReceived,
    /// Nothing but [`Idle::touch`](super::Idle::touch). For connections with a heartbeat, whose
    /// probes would otherwise be use for ever: whoever sorts frames from probes touches for frames.
    Touches,
}

/// A limit under which every connection is idle from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idle limit of {:?} allows nothing", Duration::ZERO)]
pub struct NoTime;

// === impl Limit ===

impl Limit {
    /// Allows this long without [any byte](Use::Bytes).
    ///
    /// # Errors
    ///
    /// When it is zero.
    pub fn new(after: Duration) -> Result<Self, NoTime> {
        if after.is_zero() {
            return Err(NoTime);
        }
        Ok(Self {
            after,
            counts: Use::Bytes,
        })
    }

    /// Counts this as use, and nothing else.
    #[must_use]
    pub fn counting(mut self, counts: Use) -> Self {
        self.counts = counts;
        self
    }

    /// How long.
    pub fn after(self) -> Duration {
        self.after
    }

    /// What use is.
    pub fn counts(self) -> Use {
        self.counts
    }
}
