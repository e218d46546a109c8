//! What goes wrong in a store, told apart by what the caller or a person can do about it.

use std::io;
use std::sync::Arc;

use bowline_link::BoxError;

use crate::log::Offset;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed. What was being written may have become durable
    /// or not: reopen the store and look.
    #[error("the store failed while {doing}")]
    Failed {
        /// What it was about to do.
        doing: &'static str,
        /// What went wrong: an [`io::Error`] where the disk answered one.
        source: BoxError,
    },
    /// An earlier call failed and the store was not reopened since.
    #[error("the store failed before and has not been reopened")]
    Closed,
    /// The store could not be brought back.
    #[error("the store could not be reopened")]
    Reopen {
        /// Why not.
        source: OpenError,
    },
    /// The room was never opened: the caller's mistake, nothing is wrong with the store.
    #[error("there is no room {room:?}")]
    NoSuchRoom {
        /// The room asked for.
        room: Arc<str>,
    },
    /// What the store holds is not what it was given.
    #[error("the record at offset {offset} of room {room:?} is damaged: {what}")]
    Damaged {
        /// The room it is in.
        room: Arc<str>,
        /// Where in the room.
        offset: Offset,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A page of this replay failed before, so the rest of it would have a hole.
    #[error("the replay failed before and cannot be continued")]
    ReplayBroken,
}

/// Why a store could not be opened, and what a person can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another store in this one, has it open.
    #[error(
        "{place} is in use by another process: stop that one, or give this one a file of its own"
    )]
    Locked {
        /// The store's file.
        place: String,
    },
    /// The file is something else. It was not touched.
    #[error("{place} is not a message store: name one, or a file that does not exist yet")]
    NotAStore {
        /// The file.
        place: String,
    },
    /// The file is a database, but another program's.
    #[error(
        "{place} is another program's database: name a message store, or a file that does not exist yet"
    )]
    OtherProgram {
        /// The file.
        place: String,
    },
    /// The file was written by a version of this program that this one cannot read.
    #[error(
        "{place} has version {found}, this program reads {known}: run the version that wrote it, or name another file"
    )]
    Version {
        /// The store's file.
        place: String,
        /// The version in the file.
        found: u64,
        /// The version that would do.
        known: u64,
    },
    /// The operating system does not let this user read and write the file.
    #[error(
        "{place} may not be read and written by this user: change its owner or mode, or name another file"
    )]
    Permission {
        /// The store's file.
        place: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The folder that the file should be in does not exist.
    #[error("{place} is in a folder that does not exist: create the folder, or name another file")]
    NoFolder {
        /// The store's file.
        place: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// There is no room left on the disk, or in this user's quota.
    #[error("no space is left for {place}: free some, or name a file on another disk")]
    DiskFull {
        /// The store's file.
        place: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The file was a store, but what is in it does not fit together.
    #[error("{place} is damaged: restore it from a backup, or move it away to start with nothing")]
    Damaged {
        /// The store's file.
        place: String,
        /// What does not fit.
        source: BoxError,
    },
    /// Anything else that the disk answered.
    #[error("{place} could not be opened")]
    Io {
        /// The store's file.
        place: String,
        /// What the operating system answered.
        source: io::Error,
    },
}

// === impl Error ===

impl Error {
    /// Whether the disk is full: nothing succeeds until a person frees some space.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Failed { source, .. } => source.downcast_ref::<io::Error>().is_some_and(is_full),
            Self::Reopen { source } => matches!(source, OpenError::DiskFull { .. }),
            Self::Closed | Self::NoSuchRoom { .. } | Self::Damaged { .. } | Self::ReplayBroken => {
                false
            }
        }
    }
}

// === impl OpenError ===

impl OpenError {
    /// Sorts an answer of the operating system by what can be done about it.
    pub(super) fn of_io(place: &str, source: io::Error) -> Self {
        let place = place.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Permission { place, source }
            }
            io::ErrorKind::NotFound => Self::NoFolder { place, source },
            _ if is_full(&source) => Self::DiskFull { place, source },
            _ => Self::Io { place, source },
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
