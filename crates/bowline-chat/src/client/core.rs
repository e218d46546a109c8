//! What a client keeps across connections: where it stands in each room, and what
//! it published that nobody acknowledged yet.
//!
//! Pure: commands, answers and frames go in, effects come out. The promises of
//! delivery are kept here: in order, once each, repeated only with the same id.

mod room;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use room::{Entry, Room, Standing, too_large};

use super::{Event, PublishError, Receipt};
use crate::log::{MsgId, Position};
use crate::protocol::{Failure, JoinFrom, Joined, Published, RoomMessage, RoomRef};

/// The client's state. `T` is what a publish is answered through.
#[derive(Debug)]
pub(super) struct Core<T> {
    rooms: BTreeMap<Arc<str>, Room<T>>,
    /// The connection whose frames count; those of older ones are late.
    conn: Option<Conn>,
    /// The largest body the server takes; unbounded until one has said.
    body_max: usize,
}

#[derive(Debug)]
struct Conn {
    id: u64,
    numbers: BTreeMap<u32, Arc<str>>,
    /// Publishes sent on it and not answered.
    inflight: u32,
    inflight_max: u32,
}

/// What has to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Effect<T> {
    /// Enter or continue a room on the current connection.
    Join { room: Arc<str>, from: JoinFrom },
    /// Publish on the current connection.
    Publish {
        room: Arc<str>,
        msg_id: MsgId,
        body: Bytes,
    },
    /// Tell the application.
    Tell(Event),
    /// Answer a publish.
    Resolve(T, Result<Receipt, PublishError>),
}

impl<T> Core<T> {
    pub(super) fn new() -> Self {
        Self {
            rooms: BTreeMap::new(),
            conn: None,
            body_max: usize::MAX,
        }
    }

    /// The application enters a room. Entering it twice changes nothing.
    pub(super) fn join(&mut self, room: Arc<str>, from: JoinFrom, out: &mut Vec<Effect<T>>) {
        let connected = self.conn.is_some();
        self.rooms.entry(room.clone()).or_insert_with(|| {
            let standing = if connected {
                out.push(Effect::Join { room, from });
                Standing::Joining
            } else {
                Standing::Away
            };
            Room {
                first: from,
                position: from.since(),
                standing,
                outbox: VecDeque::new(),
            }
        });
    }

    /// The application publishes; it is sent when everything before it was.
    pub(super) fn publish(
        &mut self,
        room: &Arc<str>,
        msg_id: MsgId,
        body: Bytes,
        ticket: T,
        out: &mut Vec<Effect<T>>,
    ) {
        let Some(known) = self.rooms.get_mut(room) else {
            out.push(Effect::Resolve(ticket, Err(PublishError::NotJoined)));
            return;
        };
        if body.len() > self.body_max {
            let refused = too_large(&body, self.body_max);
            out.push(Effect::Resolve(ticket, Err(refused)));
            return;
        }
        known.outbox.push_back(Entry {
            msg_id,
            body,
            asked_on: None,
            sent: false,
            ticket,
        });
        self.flush(out);
    }

    /// A new connection was welcomed: says how to enter each room on it. Frames of
    /// earlier connections count no more; bodies this server would not take are over.
    pub(super) fn connected(
        &mut self,
        conn: u64,
        inflight_max: u32,
        body_max: usize,
        out: &mut Vec<Effect<T>>,
    ) -> Vec<(Arc<str>, JoinFrom)> {
        self.body_max = body_max;
        self.conn = Some(Conn {
            id: conn,
            numbers: BTreeMap::new(),
            inflight: 0,
            inflight_max,
        });
        self.rooms
            .iter_mut()
            .map(|(name, room)| {
                room.standing = Standing::Joining;
                room.refuse_larger_than(body_max, out);
                (name.clone(), room.rejoin())
            })
            .collect()
    }

    /// The server said where the client stands in a room.
    pub(super) fn joined(&mut self, conn: u64, joined: &Joined, out: &mut Vec<Effect<T>>) {
        let Some(current) = self.conn.as_mut().filter(|current| current.id == conn) else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&joined.room) else {
            return;
        };
        current.numbers.insert(joined.number, joined.room.clone());
        let since = joined.recovered.and(room.position);
        if joined.recovered != Some(true) {
            if joined.recovered == Some(false) {
                room.settle_unknown(joined.position, out);
            }
            room.position = Some(joined.position);
        }
        room.standing = Standing::Replaying { left: joined.count };
        out.push(Effect::Tell(Event::Joined {
            room: joined.room.clone(),
            since,
            position: joined.position,
            recovered: joined.recovered,
            count: joined.count,
        }));
        self.replayed(&joined.room.clone(), 0, out);
    }

    /// A message of a room arrived. What the client has already is dropped; a hole
    /// before it means entering the room again from where the client stands.
    pub(super) fn message(&mut self, conn: u64, sent: RoomMessage, out: &mut Vec<Effect<T>>) {
        let Some(current) = self.conn.as_ref().filter(|current| current.id == conn) else {
            return;
        };
        let name = match &sent.room {
            RoomRef::Name(name) => name,
            RoomRef::Number(number) => match current.numbers.get(number) {
                Some(name) => name,
                None => return,
            },
        };
        let Some((name, room)) = self.rooms.get_key_value(name) else {
            return;
        };
        let (name, position) = (name.clone(), room.position);
        if matches!(room.standing, Standing::Away | Standing::Joining) {
            return;
        }
        let Some(position) = position else { return };
        let room = self.rooms.get_mut(&name).expect("it was there above");
        let message = sent.message;
        if sent.epoch == position.epoch && message.offset <= position.offset {
            self.replayed(&name, 1, out);
            return;
        }
        if sent.epoch != position.epoch || message.prev != position.offset {
            room.standing = Standing::Joining;
            out.push(Effect::Join {
                room: name,
                from: JoinFrom::Since(position),
            });
            return;
        }
        let reached = Position {
            epoch: sent.epoch,
            offset: message.offset,
        };
        room.position = Some(reached);
        // One's own message is as good as its acknowledgement, which may have been lost.
        let receipt = Receipt {
            msg_id: message.msg_id,
            position: reached,
            duplicate: false,
        };
        room.resolve(message.msg_id, Ok(receipt), out);
        out.push(Effect::Tell(Event::Message {
            room: name.clone(),
            epoch: sent.epoch,
            message,
        }));
        self.replayed(&name, 1, out);
    }

    /// A connection takes the publish: from now on it may be in the log.
    pub(super) fn sent(&mut self, room: &Arc<str>, msg_id: MsgId) {
        if let Some(room) = self.rooms.get_mut(room) {
            let mut waiting = room.outbox.iter_mut();
            if let Some(entry) = waiting.find(|entry| entry.msg_id == msg_id) {
                entry.sent = true;
            }
        }
    }

    /// A publish was answered with its place.
    pub(super) fn published(
        &mut self,
        conn: u64,
        room: &Arc<str>,
        msg_id: MsgId,
        published: &Published,
        out: &mut Vec<Effect<T>>,
    ) {
        let receipt = Receipt {
            msg_id,
            position: published.position,
            duplicate: published.duplicate,
        };
        if let Some(room) = self.rooms.get_mut(room) {
            room.resolve(msg_id, Ok(receipt), out);
        }
        self.answered(conn, out);
    }

    /// A publish was refused. For good means it is over; otherwise the server ends
    /// the connection, and it is repeated on the next one in its order.
    pub(super) fn publish_refused(
        &mut self,
        conn: u64,
        room: &Arc<str>,
        msg_id: MsgId,
        failure: Failure,
        out: &mut Vec<Effect<T>>,
    ) {
        if !failure.temporary
            && let Some(room) = self.rooms.get_mut(room)
        {
            room.resolve(msg_id, Err(PublishError::Refused(failure)), out);
        }
        self.answered(conn, out);
    }

    /// A JOIN was refused. For good means the room is left, with what was to be
    /// published in it.
    pub(super) fn join_refused(
        &mut self,
        room: &Arc<str>,
        failure: &Failure,
        out: &mut Vec<Effect<T>>,
    ) {
        if failure.temporary {
            return;
        }
        if let Some(left) = self.rooms.remove(room) {
            for entry in left.outbox {
                let refused = entry.refused(PublishError::Refused(failure.clone()));
                out.push(Effect::Resolve(entry.ticket, Err(refused)));
            }
            out.push(Effect::Tell(Event::JoinRefused {
                room: room.clone(),
                failure: failure.clone(),
            }));
        }
    }

    fn answered(&mut self, conn: u64, out: &mut Vec<Effect<T>>) {
        if let Some(current) = self.conn.as_mut().filter(|current| current.id == conn) {
            current.inflight = current.inflight.saturating_sub(1);
        }
        self.flush(out);
    }

    /// `count` more messages of the replay are through.
    fn replayed(&mut self, name: &Arc<str>, count: u64, out: &mut Vec<Effect<T>>) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        if let Standing::Replaying { left } = room.standing {
            room.standing = match left.saturating_sub(count) {
                0 => Standing::Live,
                left => Standing::Replaying { left },
            };
            self.flush(out);
        }
    }

    /// Sends what the current connection has not carried yet: only in rooms whose
    /// replay is through, for it may hold what looks unsent, and in their order.
    fn flush(&mut self, out: &mut Vec<Effect<T>>) {
        let Some(conn) = &mut self.conn else { return };
        for (name, room) in &mut self.rooms {
            if room.standing != Standing::Live {
                continue;
            }
            for entry in &mut room.outbox {
                if entry.asked_on == Some(conn.id) {
                    continue;
                }
                if conn.inflight >= conn.inflight_max {
                    return;
                }
                conn.inflight += 1;
                entry.asked_on = Some(conn.id);
                out.push(Effect::Publish {
                    room: name.clone(),
                    msg_id: entry.msg_id,
                    body: entry.body.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
