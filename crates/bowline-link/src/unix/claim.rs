//! Whose file a socket's path is: what may be removed, and what never.
//!
//! A path cannot be unlinked *if it is still that file*, so whoever binds or unlinks holds
//! a lock on the directory meanwhile. It is advisory: other programs need not know it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The file of a bound socket, removed when this is dropped, if it is still there.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    file: Id,
}

/// Which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id {
    device: u64,
    inode: u64,
}

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A socket where nobody answers, or nothing any more.
    Stale,
    /// A socket where somebody answers, or may.
    Live,
    /// A file, a folder, a link.
    NotASocket,
}

/// Locks the directory of `path` against others who bind or unlink there; none if it is
/// locked. The lock ends when the file is dropped.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let directory = File::open(directory)?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Looks, by calling, what is at `path`. Under the lock.
pub(super) fn look(path: &Path) -> io::Result<Found> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Stale),
        Err(error) => Err(error),
        Ok(there) if !there.file_type().is_socket() => Ok(Found::NotASocket),
        Ok(_) if answers(path)? => Ok(Found::Live),
        Ok(_) => Ok(Found::Stale),
    }
}

/// Removes what was just found stale. Under the lock.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) | Ok(()) => Ok(()),
    }
}

/// Whether a server may be there: only a refusal says that none is.
fn answers(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A server with a full backlog would let a blocking connect wait.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) => Ok(error.kind() != io::ErrorKind::ConnectionRefused),
        Ok(()) => Ok(true),
    }
}

// === impl Claim ===

impl Claim {
    /// Remembers the file just bound at `path`. Under the lock.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: std::path::absolute(path)?,
            file: Id::of(path)?,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Where somebody is just binding, or the directory is gone, the file stays: the
        // next server to bind finds it stale.
        let Ok(Some(_lock)) = lock(&self.path) else {
            return;
        };
        if Id::of(&self.path).is_ok_and(|there| there == self.file) {
            fs::remove_file(&self.path).ok();
        }
    }
}

// === impl Id ===

impl Id {
    fn of(path: &Path) -> io::Result<Self> {
        fs::symlink_metadata(path).map(|found| Self::from(&found))
    }
}

impl From<&fs::Metadata> for Id {
    fn from(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
        }
    }
}
