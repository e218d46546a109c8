//! History in memory: for tests, trials and rooms that nobody minds losing; it keeps nothing across a restart.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;

use crate::log::{Epoch, Message, MsgId, Offset};

use super::{Appended, Draft, Error, Head, Refused, Replay, Retention, Store};

/// Keeps history in memory, within its [`Retention`].
///
/// Not durable: every `Memory` starts with nothing, and draws new epochs, so that
/// nobody takes what it holds for the continuation of an earlier one.
pub struct Memory {
    retention: Retention,
    secrets: Box<dyn CryptoRng + Send>,
    rooms: BTreeMap<Arc<str>, Room>,
}

struct Room {
    epoch: Epoch,
    first: Offset,
    last: Offset,
    log: VecDeque<Message>,
    ids: BTreeMap<MsgId, Offset>,
}

// === impl Memory ===

impl Memory {
    /// An empty store; epochs come from `secrets`.
    pub fn new(retention: Retention, secrets: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            retention,
            secrets,
            rooms: BTreeMap::new(),
        }
    }

    fn room(&mut self, name: &str) -> Result<&mut Room, Refused> {
        // Looked up twice: a room is made once and used for ever after.
        if !self.rooms.contains_key(name) {
            let max = self.retention.rooms_max();
            if self.rooms.len() >= max as usize {
                return Err(Refused::RoomsFull { max });
            }
            let room = Room::new(Epoch::draw(&mut *self.secrets));
            self.rooms.insert(Arc::from(name), room);
        }
        Ok(self
            .rooms
            .get_mut(name)
            .expect("the room was there or has just been made"))
    }

    fn append_one(&mut self, draft: &Draft) -> Result<Appended, Refused> {
        draft.check()?;
        let keep = self.retention.messages_per_room();
        Ok(self.room(&draft.room)?.append(draft, keep))
    }
}

impl Store for Memory {
    fn durable(&self) -> bool {
        false
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        Ok(batch.iter().map(|draft| self.append_one(draft)).collect())
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        Ok(self.room(room).map(|room| room.head()))
    }

    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error> {
        let Some((name, room)) = self.rooms.get_key_value(room) else {
            return Err(Error::NoSuchRoom { room: room.into() });
        };
        // The first kept one has the offset `first`, and there is no hole after it.
        let skip = after.0.saturating_add(1).saturating_sub(room.first.0);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let messages: Vec<_> = room.log.iter().skip(skip).cloned().map(Ok).collect();
        Ok(Replay::new(
            Arc::clone(name),
            room.head(),
            after,
            messages.into_iter(),
        ))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("retention", &self.retention)
            .field("rooms", &self.rooms.len())
            .finish_non_exhaustive()
    }
}

// === impl Room ===

impl Room {
    fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            first: Offset(1),
            last: Offset(0),
            log: VecDeque::new(),
            ids: BTreeMap::new(),
        }
    }

    fn head(&self) -> Head {
        Head {
            epoch: self.epoch,
            first: self.first,
            last: self.last,
        }
    }

    fn append(&mut self, draft: &Draft, keep: u64) -> Appended {
        if let Some(&offset) = self.ids.get(&draft.msg_id) {
            return Appended::duplicate_of(self.epoch, offset);
        }
        let prev = self.last;
        self.last = prev.next();
        self.ids.insert(draft.msg_id, self.last);
        self.log.push_back(draft.to_message(self.last));
        while self.log.len() as u64 > keep {
            let forgotten = self.log.pop_front().expect("longer than what is kept");
            self.ids.remove(&forgotten.msg_id);
            self.first = forgotten.offset.next();
        }
        Appended {
            epoch: self.epoch,
            offset: self.last,
            prev,
            duplicate: false,
        }
    }
}
