//! A disk that forgets what a real one would: one byte file in memory, for stores that
//! take part in crashes and power losses. It is no file system.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::Rng;

use crate::seed::below;

/// The disk of a host, which outlives the host's software; clones share it.
///
/// Software calls [`open`](Self::open) each time it starts and works on the [`File`].
#[derive(Debug, Clone, Default)]
pub struct Disk {
    inner: Arc<Mutex<Inner>>,
}

/// An open handle on a [`Disk`]; clones are one handle.
#[derive(Debug, Clone)]
pub struct File {
    disk: Disk,
    generation: u64,
}

/// What a power loss does to writes that were never synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// All are lost: the worst for whoever promised too early.
    Lost,
    /// Chance decides for each write by itself, because real disks reorder: the worst for
    /// whoever relies on the order of two writes without a sync between them.
    Reordered,
}

#[derive(Debug, Default)]
struct Inner {
    /// As software sees it.
    seen: Vec<u8>,
    /// As a power loss leaves it.
    durable: Vec<u8>,
    /// What separates the two, in order.
    unsynced: Vec<Change>,
    /// Handles of an earlier generation are fenced.
    generation: u64,
    full: bool,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

// === impl Disk ===

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the file for software that starts now.
    pub fn open(&self) -> File {
        File {
            generation: self.lock().generation,
            disk: self.clone(),
        }
    }

    /// From now on every operation of the handles opened so far fails.
    ///
    /// A world does this *before* it drops a host's software: stores write and sync while
    /// they are dropped, which a killed process cannot.
    pub fn fence(&self) {
        self.lock().generation += 1;
    }

    /// From now on nothing that makes the file longer is taken, whoever opens it.
    ///
    /// What is on it can be read, overwritten, cut off and synced.
    pub fn fill(&self) {
        self.lock().full = true;
    }

    /// Ends what [`fill`](Self::fill) began.
    pub fn make_room(&self) {
        self.lock().full = false;
    }

    /// Forgets unsynced writes as `unsynced` says, taking chance from `rng`.
    ///
    /// What then is left is durable.
    pub fn power_loss(&self, unsynced: Unsynced, rng: &mut impl Rng) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        for change in inner.unsynced.drain(..) {
            let survives = match unsynced {
                Unsynced::Lost => false,
                Unsynced::Reordered => below(rng, 2) == 1,
            };
            if survives {
                change.apply(&mut inner.durable);
            }
        }
        inner.seen.clone_from(&inner.durable);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl File ===

impl File {
    /// How long the file is, in bytes.
    ///
    /// # Errors
    ///
    /// When the handle is fenced.
    pub fn len(&self) -> io::Result<u64> {
        Ok(self.lock()?.seen.len() as u64)
    }

    /// Whether the file has no bytes.
    ///
    /// # Errors
    ///
    /// When the handle is fenced.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.lock()?.seen.is_empty())
    }

    /// Fills `into` with the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// When the handle is fenced, and `UnexpectedEof` where the file ends too early;
    /// then nothing was read.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let inner = self.lock()?;
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| inner.seen.get(offset..offset.checked_add(into.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes `bytes` at `offset`; a gap before them reads as zeros.
    ///
    /// # Errors
    ///
    /// When the handle is fenced, `FileTooLarge` past the memory's reach, and `StorageFull`
    /// where the file would become longer on a full disk; then nothing was done.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        offset
            .checked_add(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        self.change(Change::Write {
            offset,
            bytes: bytes.to_owned(),
        })
    }

    /// Makes the file `len` bytes long; new ones are zeros.
    ///
    /// # Errors
    ///
    /// When the handle is fenced, `FileTooLarge` past the memory's reach, and `StorageFull`
    /// where the file would become longer on a full disk; then nothing was done.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.change(Change::SetLen(len))
    }

    /// Makes all writes so far durable.
    ///
    /// # Errors
    ///
    /// When the handle is fenced.
    pub fn sync(&self) -> io::Result<()> {
        let mut inner = self.lock()?;
        let inner = &mut *inner;
        for change in inner.unsynced.drain(..) {
            change.apply(&mut inner.durable);
        }
        Ok(())
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut inner = self.lock()?;
        if inner.full && change.reaches() > inner.seen.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut inner.seen);
        inner.unsynced.push(change);
        Ok(())
    }

    fn lock(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.lock();
        if inner.generation == self.generation {
            Ok(inner)
        } else {
            Err(io::Error::other(
                "the process that opened this file is dead",
            ))
        }
    }
}

// === impl Change ===

impl Change {
    /// How long a file has to be for it.
    fn reaches(&self) -> usize {
        match self {
            Self::Write { offset, bytes } => offset + bytes.len(),
            Self::SetLen(len) => *len,
        }
    }

    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => to.resize(*len, 0),
        }
    }
}

#[cfg(test)]
mod tests;
