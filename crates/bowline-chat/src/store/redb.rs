//! History in one file, durable before it is acknowledged; who may read the file is the operating system's business.
//!
//! One `append` is one transaction and one sync of the disk, however many drafts it
//! carries: that is the group commit, and the reason to hand over what has arrived
//! meanwhile as one batch.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rand_core::CryptoRng;
use redb::{Database, ReadableDatabase, StorageBackend};

use crate::log::{Message, Offset};

use super::{Appended, Draft, Error, Head, OpenError, Refused, Replay, Retention, Store};

mod file;
mod record;
mod tables;
#[cfg(test)]
mod tests;

use file::After;
use tables::{LOG, ROOMS, Room, Transaction, failed};

/// How much of the file is kept in memory at most.
pub const CACHE_BYTES: usize = 64 << 20;

/// Keeps history in a [redb](https://docs.rs/redb) database: one file, which one
/// process at a time may have open.
///
/// Durable: whatever it returned survives a power loss, as far as the disk tells
/// the truth about its syncs. After a crash the first open reads the whole file
/// once, to see what of it is whole.
pub struct Redb {
    open: Opener,
    /// Gone after an error, until reopened.
    database: Option<Database>,
    /// The number of the last transaction known to be durable.
    committed: u64,
    /// Whether the disk lost what it had called durable, and epochs still say nothing of it.
    lost: bool,
    retention: Retention,
    secrets: Box<dyn CryptoRng + Send>,
}

/// Opens the database and says how many transactions were committed in it.
type Opener = Box<dyn FnMut(After) -> Result<(Database, u64), OpenError> + Send>;

// === impl Redb ===

impl Redb {
    /// Opens the store at `path`, or creates it, readable by this user alone. Epochs
    /// come from `secrets`.
    ///
    /// # Errors
    ///
    /// Says which file it is about and what can be done; a file that is not a store
    /// is left as it is.
    pub fn open(
        path: &Path,
        retention: Retention,
        secrets: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, OpenError> {
        let place = path.display().to_string();
        let path = path.to_owned();
        Self::with_place(place, move || file::backend(&path), retention, secrets)
    }

    /// Opens the store on a disk that `factory` supplies: once now, and once more
    /// for every [`reopen`](Store::reopen).
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), calling the file "the given backend".
    pub fn with_backend<B: StorageBackend>(
        factory: impl FnMut() -> io::Result<B> + Send + 'static,
        retention: Retention,
        secrets: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, OpenError> {
        Self::with_place("the given backend".to_owned(), factory, retention, secrets)
    }

    fn with_place<B: StorageBackend>(
        place: String,
        mut factory: impl FnMut() -> io::Result<B> + Send + 'static,
        retention: Retention,
        secrets: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, OpenError> {
        let mut store = Self {
            open: Box::new(move |after| file::open(&place, &mut factory, after)),
            database: None,
            committed: 0,
            lost: false,
            retention,
            secrets,
        };
        let (database, committed) = (store.open)(After::Start)?;
        store.database = Some(database);
        store.committed = committed;
        Ok(store)
    }

    /// Runs `work` in one transaction; the store is closed if that fails.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let database = self.database.as_ref().ok_or(Error::Closed)?;
        let done = tables::transact(
            database,
            self.retention,
            &mut *self.secrets,
            self.committed,
            work,
        );
        match done {
            Ok((answer, committed)) => {
                self.committed = committed;
                Ok(answer)
            }
            Err(error) => {
                self.database = None;
                Err(error)
            }
        }
    }
}

impl Store for Redb {
    fn durable(&self) -> bool {
        true
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        self.transact(|transaction| {
            let mut outcomes = Vec::with_capacity(batch.len());
            for draft in batch {
                outcomes.push(transaction.append(draft)?);
            }
            Ok(outcomes)
        })
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        self.transact(|transaction| transaction.open_room(room))
    }

    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error> {
        const DOING: &str = "opening a replay";
        let database = self.database.as_ref().ok_or(Error::Closed)?;
        let name: Arc<str> = room.into();
        let snapshot = database.begin_read().map_err(failed(DOING))?;
        let rooms = snapshot.open_table(ROOMS).map_err(failed(DOING))?;
        let Some(row) = rooms.get(room).map_err(failed(DOING))? else {
            return Err(Error::NoSuchRoom { room: name });
        };
        let room = Room::of_row(row.value());
        let head = room.head;
        // An empty range where `after` is the last or beyond it.
        let from = Offset(after.0.saturating_add(1)).clamp(head.first, head.last.next());
        let records = snapshot
            .open_table(LOG)
            .map_err(failed(DOING))?
            .range_owned((room.number, from.0)..(room.number, head.last.next().0))
            .map_err(failed(DOING))?;
        let messages = {
            let name = Arc::clone(&name);
            records.map(move |entry| -> Result<Message, Error> {
                let (key, value) = entry.map_err(failed("reading a replay"))?;
                let (_, offset) = key.value();
                record::decode(Offset(offset), value.value()).map_err(|what| Error::Damaged {
                    room: Arc::clone(&name),
                    offset: Offset(offset),
                    what,
                })
            })
        };
        Ok(Replay::new(name, head, after, messages))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        // First, for the file admits one opening at a time.
        self.database = None;
        let (database, found) =
            (self.open)(After::Failure).map_err(|source| Error::Reopen { source })?;
        self.database = Some(database);
        // Positions handed out since what is found will be given to other messages, so
        // they must count for nothing.
        self.lost |= found < self.committed;
        self.committed = found;
        if self.lost {
            self.transact(|transaction| transaction.redraw_epochs())?;
            self.lost = false;
        }
        Ok(())
    }
}

impl fmt::Debug for Redb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redb")
            .field("open", &self.database.is_some())
            .field("committed", &self.committed)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}
