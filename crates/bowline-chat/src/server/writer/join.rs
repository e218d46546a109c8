//! Entering a room: where its log stands, and what the client missed, page by page.
//!
//! A replay is read from one snapshot, so what is trimmed meanwhile cannot tear a
//! hole in it. At most one page of it is in memory for each connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{ROOM_QUEUE_MAX, Room, Writer};
use crate::log::{Epoch, Message, Offset, Position};
use crate::protocol::{Close, CloseCode, JoinFrom, Joined};
use crate::server::connection::Seat;
use crate::server::event::Event;
use crate::server::room::{self, Command, Face};
use crate::server::session::Answer;
use crate::store::{Error, Head, Refused, Replay, Store};

/// A replay too large for one page, between two pages.
#[derive(Debug)]
pub(crate) struct CatchUp {
    room: Arc<str>,
    /// The JOIN it belongs to.
    join: u64,
    replay: Replay,
    epoch: Epoch,
    /// The last message read from it.
    reached: Offset,
}

/// What a JOIN found in the store, all of it from one moment.
pub(super) struct Found {
    pub(super) head: Head,
    from: Position,
    pub(super) recovered: Option<bool>,
    pub(super) replay: Replay,
    pub(super) page: Vec<Message>,
    /// Whether there is nothing in the log after the page.
    at_end: bool,
}

impl CatchUp {
    /// The room whose log it is.
    pub(crate) fn room(&self) -> &str {
        &self.room
    }
}

impl<S: Store> Writer<S> {
    pub(super) async fn join(&mut self, seq: u64, name: Arc<str>, from: JoinFrom, seat: Arc<Seat>) {
        if self.reopen_at.is_some() {
            seat.answer(Answer::JoinUnavailable { seq, room: name });
            return;
        }
        let wanted = name.clone();
        // No page yet: however many rooms are joined at once, pages follow one by one.
        let found = self
            .store
            .run(move |store| find(store, &wanted, from, 0))
            .await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(refused)) => {
                let room = name;
                seat.answer(Answer::JoinRefused { seq, room, refused });
                return;
            }
            Err(error) => {
                self.store_failed(&error);
                seat.answer(Answer::JoinUnavailable { seq, room: name });
                return;
            }
        };
        let count = found.replay.count();
        if let Some(recovered) = found.recovered {
            self.observer
                .observe(&Event::Recovered { recovered, count });
        }
        let number = self.room(&name, &found.head);
        seat.answer(Answer::Joined {
            room: name.clone(),
            number,
        });
        let joined = Joined {
            seq,
            room: name.clone(),
            number,
            position: found.from,
            recovered: found.recovered,
            count,
        };
        self.joins += 1;
        self.replay(name, self.joins, Some(joined), found, seat)
            .await;
    }

    /// Sends the next page of a replay; after the last one the connection becomes a
    /// member, at the very message at which the replay ended.
    pub(super) async fn catch_up(&mut self, rest: CatchUp, seat: Arc<Seat>) {
        let page_bytes = self.page_bytes;
        let CatchUp {
            room,
            join,
            replay,
            epoch,
            reached,
        } = rest;
        let current = self.rooms.get(&room).map(|room| &room.catching_up);
        if current.and_then(|joins| joins.get(&seat.conn_id)) != Some(&join) {
            seat.outbox.page_done();
            return;
        }
        if self.reopen_at.is_some() {
            seat.outbox.cut(Close::new(CloseCode::STORE_FAILED));
            return;
        }
        let wanted = room.clone();
        let found = self
            .store
            .run(move |store| {
                go_on(
                    store,
                    &wanted,
                    replay,
                    Position {
                        epoch,
                        offset: reached,
                    },
                    page_bytes,
                )
            })
            .await;
        match found {
            Ok(Some(found)) => self.replay(room, join, None, found, seat).await,
            Ok(None) => seat.outbox.cut(Close::new(CloseCode::SLOW)),
            Err(error) => {
                self.store_failed(&error);
                seat.outbox.cut(Close::new(CloseCode::STORE_FAILED));
            }
        }
    }

    /// Hands a page to the room, which sends it in its turn. If it was the last one
    /// the connection is a member from there on; if not, the rest follows as fast
    /// as the connection takes it.
    async fn replay(
        &mut self,
        name: Arc<str>,
        join: u64,
        joined: Option<Joined>,
        found: Found,
        seat: Arc<Seat>,
    ) {
        let room = self.rooms.get_mut(&name).expect("rooms are never closed");
        if found.at_end {
            room.catching_up.remove(&seat.conn_id);
        } else {
            room.catching_up.insert(seat.conn_id, join);
        }
        let reached = found.reached();
        let epoch = found.head.epoch;
        let rest = (!found.at_end).then(|| {
            Box::new(CatchUp {
                room: name.clone(),
                join,
                replay: found.replay,
                epoch,
                reached,
            })
        });
        let page = Command::Replay {
            seat,
            joined,
            epoch,
            page: found.page,
            rest,
        };
        self.send(&name, page).await;
    }

    pub(super) async fn leave(&mut self, name: &Arc<str>, conn_id: u64) {
        if let Some(room) = self.rooms.get_mut(name) {
            room.catching_up.remove(&conn_id);
        }
        self.send(name, Command::Leave { conn_id }).await;
    }

    /// The room's number; its task is started when somebody first joins.
    fn room(&mut self, name: &Arc<str>, head: &Head) -> u32 {
        let number = u32::try_from(self.rooms.len()).expect("the store bounds the rooms");
        let room = self.rooms.entry(name.clone()).or_insert_with(|| {
            let (commands, queue) = mpsc::channel(ROOM_QUEUE_MAX);
            let face = Face {
                name: name.clone(),
                number: number + 1,
            };
            self.tasks
                .spawn(room::run(face.clone(), queue, self.observer.clone()));
            Room {
                face,
                epoch: head.epoch,
                delivered: head.last,
                commands,
                catching_up: BTreeMap::new(),
            }
        });
        room.face.number
    }
}

impl Found {
    /// The last message that was read.
    fn reached(&self) -> Offset {
        self.page
            .last()
            .map_or(self.from.offset, |last| last.offset)
    }
}

/// Reads the room's head and the first page of the messages a JOIN asks for, from one
/// moment; no page where `page_bytes` is 0.
pub(super) fn find(
    store: &mut impl Store,
    name: &str,
    from: JoinFrom,
    page_bytes: usize,
) -> Result<Result<Found, Refused>, Error> {
    let head = match store.open_room(name)? {
        Ok(head) => head,
        Err(refused) => return Ok(Err(refused)),
    };
    let (offset, recovered) = match from {
        JoinFrom::Live => (head.last, None),
        JoinFrom::History(count) => {
            let oldest = head.first.0.saturating_sub(1);
            (Offset(head.last.0.saturating_sub(count).max(oldest)), None)
        }
        JoinFrom::Since(position) => {
            let whole = position.epoch == head.epoch
                && position.offset <= head.last
                && position.offset.next() >= head.first;
            let offset = if whole { position.offset } else { head.last };
            (offset, Some(whole))
        }
    };
    let mut replay = store.replay(name, offset)?;
    let page = match page_bytes {
        0 => Vec::new(),
        _ => replay.next_page(page_bytes)?,
    };
    let mut found = Found {
        head,
        from: Position {
            epoch: head.epoch,
            offset,
        },
        recovered,
        replay,
        page,
        at_end: false,
    };
    found.at_end = found.reached() == head.last;
    Ok(Ok(found))
}

/// Reads one more page of `replay`. When all of its snapshot was read, what came
/// after it is the next one; `None` if that was trimmed away or replaced meanwhile.
fn go_on(
    store: &mut impl Store,
    name: &str,
    mut replay: Replay,
    reached: Position,
    page_bytes: usize,
) -> Result<Option<Found>, Error> {
    // A store reopened since has ended the snapshot; a fresh one goes on, if any can.
    let page = replay.next_page(page_bytes).unwrap_or_default();
    if !page.is_empty() {
        return Ok(Some(Found {
            head: replay.head(),
            from: reached,
            recovered: None,
            replay,
            page,
            // The log may have grown since the snapshot.
            at_end: false,
        }));
    }
    let found = find(store, name, JoinFrom::Since(reached), page_bytes)?;
    let found = found.ok().filter(|found| found.recovered == Some(true));
    match found {
        // Asked again at once, and for ever, it would yield as little.
        Some(found) if found.page.is_empty() && !found.at_end => Err(Error::Damaged {
            room: name.into(),
            offset: reached.offset.next(),
            what: "the log ends before its last message",
        }),
        found => Ok(found),
    }
}
