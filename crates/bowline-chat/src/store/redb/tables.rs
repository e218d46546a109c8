//! The tables, and what one write transaction does to them: everything or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline_link::BoxError;
use rand_core::CryptoRng;
use redb::{Database, Durability, ReadableTable, ReadableTableMetadata, Table, TableDefinition};

use crate::log::{Epoch, Offset};

use super::super::{Appended, Draft, Error, Head, Refused, Retention};
use super::record;

/// What the store says of itself: [`SCHEMA`] and [`COMMITTED`].
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("bowline-store");
/// A room's name to its number, epoch, first and last offset.
pub(super) const ROOMS: TableDefinition<'_, &str, (u32, u64, u64, u64)> =
    TableDefinition::new("rooms");
/// A room's number and an offset to the record there.
pub(super) const LOG: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("log");
/// A room's number and a message's id to the offset where it is.
const IDS: TableDefinition<'_, (u32, u128), u64> = TableDefinition::new("ids");

/// The key of the version of these tables.
pub(super) const SCHEMA: &str = "schema";
/// The key of the number of transactions committed.
pub(super) const COMMITTED: &str = "committed";

const DOING: &str = "appending";

/// A room as its row says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) number: u32,
    pub(super) head: Head,
}

/// One write transaction, with the tables open.
pub(super) struct Transaction<'t, 's> {
    rooms: Table<'t, &'static str, (u32, u64, u64, u64)>,
    log: Table<'t, (u32, u64), &'static [u8]>,
    ids: Table<'t, (u32, u128), u64>,
    /// The rooms used in this transaction; their rows are written once, at its end.
    used: BTreeMap<Arc<str>, Room>,
    retention: Retention,
    secrets: &'s mut (dyn CryptoRng + Send),
    record: Vec<u8>,
    changed: bool,
}

/// Runs `work` in one transaction and makes what it did durable. Returns its answer
/// and how many transactions were committed so far.
pub(super) fn transact<T>(
    database: &Database,
    retention: Retention,
    secrets: &mut (dyn CryptoRng + Send),
    committed: u64,
    work: impl FnOnce(&mut Transaction<'_, '_>) -> Result<T, Error>,
) -> Result<(T, u64), Error> {
    let mut write = database.begin_write().map_err(failed(DOING))?;
    write
        .set_durability(Durability::Immediate)
        .map_err(failed(DOING))?;
    let mut transaction = Transaction {
        rooms: write.open_table(ROOMS).map_err(failed(DOING))?,
        log: write.open_table(LOG).map_err(failed(DOING))?,
        ids: write.open_table(IDS).map_err(failed(DOING))?,
        used: BTreeMap::new(),
        retention,
        secrets,
        record: Vec::new(),
        changed: false,
    };
    let answer = work(&mut transaction)?;
    let changed = transaction.changed;
    transaction.write_rooms()?;
    if !changed {
        // What it answered was committed before, so there is nothing to sync.
        write.abort().map_err(failed(DOING))?;
        return Ok((answer, committed));
    }
    write
        .open_table(META)
        .map_err(failed(DOING))?
        .insert(COMMITTED, committed + 1)
        .map_err(failed(DOING))?;
    write.commit().map_err(failed("committing"))?;
    Ok((answer, committed + 1))
}

/// Wraps what redb answered, with the disk's own answer as the source where it is one.
pub(super) fn failed<E: Into<redb::Error>>(doing: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Failed {
        doing,
        source: source(error),
    }
}

pub(super) fn source(error: impl Into<redb::Error>) -> BoxError {
    match error.into() {
        redb::Error::Io(error) => Box::new(error),
        error => Box::new(error),
    }
}

// === impl Transaction ===

impl Transaction<'_, '_> {
    pub(super) fn open_room(&mut self, name: &str) -> Result<Result<Head, Refused>, Error> {
        Ok(self.room(&name.into())?.map(|room| room.head))
    }

    pub(super) fn append(&mut self, draft: &Draft) -> Result<Result<Appended, Refused>, Error> {
        if let Err(refused) = draft.check() {
            return Ok(Err(refused));
        }
        let mut room = match self.room(&draft.room)? {
            Ok(room) => room,
            Err(refused) => return Ok(Err(refused)),
        };
        let epoch = room.head.epoch;
        let id = (room.number, u128::from_be_bytes(draft.msg_id.0));
        let original = self.ids.get(id).map_err(failed(DOING))?;
        if let Some(offset) = original.map(|offset| Offset(offset.value())) {
            return Ok(Ok(Appended::duplicate_of(epoch, offset)));
        }
        let prev = room.head.last;
        let offset = prev.next();
        record::encode(draft, &mut self.record);
        self.log
            .insert((room.number, offset.0), self.record.as_slice())
            .map_err(failed(DOING))?;
        self.ids.insert(id, offset.0).map_err(failed(DOING))?;
        room.head.last = offset;
        self.trim(&draft.room, &mut room)?;
        self.changed = true;
        self.used.insert(Arc::clone(&draft.room), room);
        Ok(Ok(Appended {
            epoch,
            offset,
            prev,
            duplicate: false,
        }))
    }

    /// Gives every room a new epoch: all positions handed out before mean nothing.
    pub(super) fn redraw_epochs(&mut self) -> Result<(), Error> {
        for entry in self.rooms.iter().map_err(failed(DOING))? {
            let (name, row) = entry.map_err(failed(DOING))?;
            let mut room = Room::of_row(row.value());
            room.head.epoch = Epoch::draw(&mut *self.secrets);
            self.used.insert(name.value().into(), room);
        }
        self.changed = true;
        Ok(())
    }

    fn room(&mut self, name: &Arc<str>) -> Result<Result<Room, Refused>, Error> {
        if let Some(room) = self.used.get(name) {
            return Ok(Ok(*room));
        }
        let row = self.rooms.get(&**name).map_err(failed(DOING))?;
        let known = row.map(|row| Room::of_row(row.value()));
        let room = match known {
            Some(room) => room,
            None => match self.create(name)? {
                Ok(room) => room,
                Err(refused) => return Ok(Err(refused)),
            },
        };
        self.used.insert(Arc::clone(name), room);
        Ok(Ok(room))
    }

    fn create(&mut self, name: &str) -> Result<Result<Room, Refused>, Error> {
        let max = self.retention.rooms_max();
        // Rooms are never removed, so their count is the next number.
        let count = self.rooms.len().map_err(failed(DOING))?;
        let number = match u32::try_from(count) {
            Ok(number) if number < max => number,
            _ => return Ok(Err(Refused::RoomsFull { max })),
        };
        let room = Room {
            number,
            head: Head {
                epoch: Epoch::draw(&mut *self.secrets),
                first: Offset(1),
                last: Offset(0),
            },
        };
        // At once, so that the next one created here counts it.
        self.rooms.insert(name, room.row()).map_err(failed(DOING))?;
        self.changed = true;
        Ok(Ok(room))
    }

    fn trim(&mut self, name: &Arc<str>, room: &mut Room) -> Result<(), Error> {
        let keep = self.retention.messages_per_room();
        while room.head.last.0 - room.head.first.0 >= keep {
            let oldest = room.head.first;
            let damaged = |what| Error::Damaged {
                room: Arc::clone(name),
                offset: oldest,
                what,
            };
            let msg_id = {
                let record = self
                    .log
                    .remove((room.number, oldest.0))
                    .map_err(failed(DOING))?
                    .ok_or_else(|| damaged("it is missing"))?;
                record::msg_id(record.value()).map_err(damaged)?
            };
            self.ids
                .remove((room.number, u128::from_be_bytes(msg_id.0)))
                .map_err(failed(DOING))?;
            room.head.first = oldest.next();
        }
        Ok(())
    }

    fn write_rooms(mut self) -> Result<(), Error> {
        if self.changed {
            for (name, room) in &self.used {
                self.rooms
                    .insert(&**name, room.row())
                    .map_err(failed(DOING))?;
            }
        }
        Ok(())
    }
}

// === impl Room ===

impl Room {
    pub(super) fn of_row((number, epoch, first, last): (u32, u64, u64, u64)) -> Self {
        Self {
            number,
            head: Head {
                epoch: Epoch(epoch),
                first: Offset(first),
                last: Offset(last),
            },
        }
    }

    fn row(&self) -> (u32, u64, u64, u64) {
        let Head { epoch, first, last } = self.head;
        (self.number, epoch.0, first.0, last.0)
    }
}
