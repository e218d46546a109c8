//! Opening the file: making sure that it is ours, whole and really on the disk before anything is read from it.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::Path;

use redb::backends::FileBackend;
use redb::{
    BackendError, Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase,
    StorageBackend, StorageError, TableError,
};

use super::super::OpenError;
use super::CACHE_BYTES;
use super::tables::{COMMITTED, LOG, META, ROOMS, SCHEMA, source};

/// The version of the tables and records; a file with another is refused.
const SCHEMA_KNOWN: u64 = 1;

/// What a redb file begins with; written last when one is created.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";
/// Where the header ends that redb writes before that.
const HEADER_BYTES: u64 = 320;
/// The largest file that can be one whose creation was cut short.
const UNFINISHED_BYTES_MAX: u64 = 16 << 20;
const CHUNK_BYTES: usize = 1 << 20;

/// What happened before this opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The process has just started.
    Start,
    /// The disk failed in an earlier opening.
    Failure,
}

/// The file at `path`, created if it does not exist, in a folder that will still
/// know of it after a power loss.
pub(super) fn backend(path: &Path) -> io::Result<FileBackend> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    sync_folder(path)?;
    FileBackend::new(file).map_err(io::Error::other)
}

/// Opens the database that `factory`'s disk holds, or creates it there. Returns also
/// how many transactions were committed in it.
pub(super) fn open<B: StorageBackend>(
    place: &str,
    factory: &mut impl FnMut() -> io::Result<B>,
    after: After,
) -> Result<(Database, u64), OpenError> {
    let backend = factory().map_err(|error| OpenError::of_io(place, error))?;
    alone_with(place, &backend, || {
        if after == After::Failure {
            settle(&backend).map_err(|error| OpenError::of_io(place, error))?;
        }
        recognise(place, &backend)
    })?;
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(backend)
        .map_err(|error| of_database(place, error))?;
    let committed = adopt(place, &database)?;
    Ok((database, committed))
}

/// Does `work` while no other process has the file open. Between this and redb's own
/// lock another may still come first; that one then finds the file as `work` left it.
fn alone_with<B: StorageBackend>(
    place: &str,
    backend: &B,
    work: impl FnOnce() -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    match backend.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
        Ok(true) => {}
        Ok(false) => {
            return Err(OpenError::Locked {
                place: place.to_owned(),
            });
        }
        // No locks here, hence no other process that respects them either.
        Err(BackendError::Unsupported) => return work(),
        Err(error) => return Err(OpenError::of_io(place, error.into())),
    }
    let done = work();
    let unlocked = backend
        .unlock_range(Bound::Unbounded, Bound::Unbounded)
        .map_err(|error| OpenError::of_io(place, error.into()));
    done.and(unlocked)
}

/// Writes the file over itself and syncs it.
///
/// After a failed sync the operating system may show, and call written, what is not
/// on the disk. What we are about to read and build on must be there: only writing
/// it once more makes a sync tell the truth about it.
fn settle(backend: &impl StorageBackend) -> io::Result<()> {
    each_chunk(backend, 0, |at, chunk| {
        backend.write(at, chunk).map(|()| true)
    })?;
    backend.sync_data()
}

/// Refuses a file that is not a database, before anything is written to it, and
/// empties one whose creation was cut short, which redb would not take.
fn recognise(place: &str, backend: &impl StorageBackend) -> Result<(), OpenError> {
    let of_io = |error| OpenError::of_io(place, error);
    let length = backend.len().map_err(of_io)?;
    let mut magic = [0; MAGIC.len()];
    if length == 0 {
        return Ok(());
    }
    if length >= MAGIC.len() as u64 {
        backend.read(0, &mut magic).map_err(of_io)?;
        if magic == MAGIC {
            return Ok(());
        }
        if magic == [0; MAGIC.len()] && is_unfinished(backend, length).map_err(of_io)? {
            return backend.set_len(0).map_err(of_io);
        }
    }
    Err(OpenError::NotAStore {
        place: place.to_owned(),
    })
}

/// Whether the file has nothing in it but, at most, a header that nothing followed.
fn is_unfinished(backend: &impl StorageBackend, length: u64) -> io::Result<bool> {
    if length > UNFINISHED_BYTES_MAX {
        return Ok(false);
    }
    each_chunk(backend, HEADER_BYTES, |_, chunk| {
        Ok(chunk.iter().all(|&byte| byte == 0))
    })
}

/// Shows `see` the file from `at` on, piece by piece, until it says `false`.
fn each_chunk(
    backend: &impl StorageBackend,
    mut at: u64,
    mut see: impl FnMut(u64, &[u8]) -> io::Result<bool>,
) -> io::Result<bool> {
    let length = backend.len()?;
    let mut chunk = vec![0; CHUNK_BYTES];
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(CHUNK_BYTES);
        let chunk = &mut chunk[..left.min(CHUNK_BYTES)];
        backend.read(at, chunk)?;
        if !see(at, chunk)? {
            return Ok(false);
        }
        at += chunk.len() as u64;
    }
    Ok(true)
}

/// Makes an empty database ours, and refuses one that is neither empty nor ours.
fn adopt(place: &str, database: &Database) -> Result<u64, OpenError> {
    let other_program = || OpenError::OtherProgram {
        place: place.to_owned(),
    };
    let read = begin_read(place, database)?;
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) if is_empty(place, &read)? => {
            initialise(place, database)?;
            return Ok(0);
        }
        Err(TableError::Storage(error)) => return Err(damaged(place, error)),
        Err(_) => return Err(other_program()),
    };
    let found = meta
        .get(SCHEMA)
        .map_err(|error| damaged(place, error))?
        .ok_or_else(other_program)?
        .value();
    if found != SCHEMA_KNOWN {
        return Err(OpenError::Version {
            place: place.to_owned(),
            found,
            known: SCHEMA_KNOWN,
        });
    }
    let committed = meta.get(COMMITTED).map_err(|error| damaged(place, error))?;
    Ok(committed.map_or(0, |committed| committed.value()))
}

fn is_empty(place: &str, read: &ReadTransaction) -> Result<bool, OpenError> {
    let mut tables = read.list_tables().map_err(|error| damaged(place, error))?;
    let mut multimaps = read
        .list_multimap_tables()
        .map_err(|error| damaged(place, error))?;
    Ok(tables.next().is_none() && multimaps.next().is_none())
}

fn initialise(place: &str, database: &Database) -> Result<(), OpenError> {
    let write = || -> Result<(), redb::Error> {
        let write = database.begin_write()?;
        write.open_table(META)?.insert(SCHEMA, SCHEMA_KNOWN)?;
        write.open_table(ROOMS)?;
        write.open_table(LOG)?;
        write.commit()?;
        Ok(())
    };
    write().map_err(|error| damaged(place, error))
}

fn begin_read(place: &str, database: &Database) -> Result<ReadTransaction, OpenError> {
    database.begin_read().map_err(|error| damaged(place, error))
}

fn of_database(place: &str, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::Locked {
            place: place.to_owned(),
        },
        DatabaseError::Storage(StorageError::Io(error)) => OpenError::of_io(place, error),
        error => damaged(place, error),
    }
}

/// What redb could not do: the disk's fault where the disk answered, else the content's.
fn damaged(place: &str, error: impl Into<redb::Error>) -> OpenError {
    match error.into() {
        redb::Error::Io(error) => OpenError::of_io(place, error),
        error => OpenError::Damaged {
            place: place.to_owned(),
            source: source(error),
        },
    }
}

/// A new file's name is as durable as its content only once its folder is synced.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match std::fs::File::open(folder)?.sync_all() {
        // Some network file systems cannot, and need not.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
