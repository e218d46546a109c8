//! What happened in a world, as a hash of all of it and the last lines for people.
//!
//! It sees shapes (when, between whom, what, how long), never payloads: those may hold
//! what no seed decides.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::SimClock;

/// How many lines are kept for people unless somebody wants more; the hash is over all
/// there ever were.
pub const LINES_KEPT: usize = 512;

/// The record of one world; clones share it.
#[derive(Debug, Clone)]
pub struct Trace {
    clock: SimClock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    hash: Fnv,
    count: u64,
    lines: VecDeque<Line>,
    lines_kept: usize,
    sealed: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, since the world began.
    pub at: Duration,
    /// The node to which it happened.
    pub node: Arc<str>,
    /// The node at the other end of the stream, if a stream is concerned.
    pub peer: Option<Arc<str>>,
    /// What it was.
    pub what: What,
    /// How many bytes it was about.
    pub len: usize,
    /// What was said about it.
    pub text: String,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A dial was refused.
    Refused,
    /// A dial led to a stream.
    Connected,
    /// A listener yielded a stream.
    Accepted,
    /// Bytes were taken for sending.
    Wrote,
    /// Bytes were handed to the application.
    Read,
    /// The application shut down its sending side.
    Shut,
    /// The application was told that the peer will send no more.
    End,
    /// The application was told that the stream is reset or broken.
    Broken,
    /// The application dropped its end.
    Closed,
    /// A fault began.
    Fault,
    /// A fault is over.
    Healed,
    /// The world said something.
    Note,
}

// === impl Trace ===

impl Trace {
    pub(crate) fn new(clock: SimClock, lines_kept: usize) -> Self {
        Self {
            clock,
            inner: Arc::new(Mutex::new(Inner {
                hash: Fnv::new(),
                count: 0,
                lines: VecDeque::new(),
                lines_kept,
                sealed: false,
            })),
        }
    }

    /// Adds what the world wants to say about `node`.
    ///
    /// The text becomes part of the hash: say only what the same seed says again.
    pub fn note(&self, node: &str, text: impl Into<String>) {
        self.record(node.into(), None, What::Note, 0, text.into());
    }

    /// A hash of all that happened so far, the same on every platform.
    pub fn hash(&self) -> u64 {
        self.lock().hash.0
    }

    /// How many things happened so far.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// The last things that happened, as many as are kept, oldest first.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().lines.iter().cloned().collect()
    }

    /// Ends the record: how a world is taken down depends on what else the process does.
    pub(crate) fn seal(&self) {
        self.lock().sealed = true;
    }

    pub(crate) fn fault(&self, target: &str, what: What, text: String) {
        self.record(target.into(), None, what, 0, text);
    }

    pub(crate) fn stream(&self, node: Arc<str>, peer: Arc<str>, what: What, len: usize) {
        self.record(node, Some(peer), what, len, String::new());
    }

    fn record(&self, node: Arc<str>, peer: Option<Arc<str>>, what: What, len: usize, text: String) {
        let line = Line {
            at: self.clock.elapsed(),
            node,
            peer,
            what,
            len,
            text,
        };
        let mut inner = self.lock();
        if inner.sealed {
            return;
        }
        line.hash_into(&mut inner.hash);
        inner.count += 1;
        while inner.lines.len() >= inner.lines_kept.max(1) {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Line ===

impl Line {
    fn hash_into(&self, hash: &mut Fnv) {
        hash.number(u64::try_from(self.at.as_micros()).unwrap_or(u64::MAX));
        hash.text(&self.node);
        hash.text(self.peer.as_deref().unwrap_or_default());
        hash.text(self.what.name());
        hash.number(self.len as u64);
        hash.text(&self.text);
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_ms = self.at.as_millis();
        write!(f, "{:>6}.{:03}s ", at_ms / 1000, at_ms % 1000)?;
        match &self.peer {
            Some(peer) => write!(f, "{} <> {peer}: {}", self.node, self.what.name())?,
            None => write!(f, "{}: {}", self.node, self.what.name())?,
        }
        if self.len > 0 {
            write!(f, " {}", self.len)?;
        }
        if !self.text.is_empty() {
            write!(f, " {}", self.text)?;
        }
        Ok(())
    }
}

// === impl What ===

impl What {
    // Names, not numbers, are hashed: adding a variant moves no other.
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Connected => "connected",
            Self::Accepted => "accepted",
            Self::Wrote => "wrote",
            Self::Read => "read",
            Self::Shut => "shut",
            Self::End => "end",
            Self::Broken => "broken",
            Self::Closed => "closed",
            Self::Fault => "fault",
            Self::Healed => "healed",
            Self::Note => "note",
        }
    }
}

/// FNV-1a in 64 bits: four lines whose value will never change under us.
#[derive(Debug)]
pub(crate) struct Fnv(u64);

impl Fnv {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    pub(crate) fn value(&self) -> u64 {
        self.0
    }

    // The length goes first, so that "ab","c" and "a","bc" differ.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut hash = Fnv::new();
        assert_eq!(hash.0, 0xcbf2_9ce4_8422_2325);
        hash.bytes(b"foobar");
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn everything_counts_but_only_the_last_lines_are_kept() {
        let trace = Trace::new(SimClock::new(), LINES_KEPT);
        for n in 0..LINES_KEPT + 3 {
            trace.note("ann", format!("said {n}"));
        }
        assert_eq!(trace.count(), LINES_KEPT as u64 + 3);
        assert_eq!(trace.lines().len(), LINES_KEPT);
        assert_eq!(trace.lines()[0].to_string(), "     0.000s ann: note said 3");
        let before = trace.hash();
        trace.note("ann", "");
        assert_ne!(trace.hash(), before);
    }

    #[test]
    fn each_part_of_a_line_moves_the_hash() {
        let trace = || Trace::new(SimClock::new(), LINES_KEPT);
        let hash = |node: &str, peer: &str, what, len| {
            let trace = trace();
            trace.stream(node.into(), peer.into(), what, len);
            trace.hash()
        };
        let base = hash("a", "bc", What::Read, 1);
        assert_eq!(base, hash("a", "bc", What::Read, 1));
        for other in [
            hash("ab", "c", What::Read, 1),
            hash("a", "b", What::Read, 1),
            hash("a", "bc", What::Wrote, 1),
            hash("a", "bc", What::Read, 2),
        ] {
            assert_ne!(base, other);
        }
        let later = trace();
        later.clock.stand_at(Duration::from_millis(1));
        later.stream("a".into(), "bc".into(), What::Read, 1);
        assert_ne!(base, later.hash());
    }
}
