//! One room's fan-out: a task that gives each commit to every member, in order.
//!
//! Commits, joins and leaves come through one queue in the order of the log, so a
//! member's replay ends exactly where its live messages begin. It never waits for
//! a member.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::connection::Seat;
use super::event::{Event, Observer};
use super::writer::CatchUp;
use crate::log::{Epoch, Message};
use crate::protocol::{Close, Joined, Reply, RoomMessage, RoomRef, Wire};

/// After this many members the task lets others run.
const MEMBERS_PER_TURN: usize = 128;

/// What happens in a room, in the order of its log.
#[derive(Debug)]
pub(crate) enum Command {
    /// These were committed.
    Deliver {
        epoch: Epoch,
        messages: Vec<Message>,
    },
    /// JOINED, or a page of what this connection missed. Without a `rest` it is a
    /// member from here on; with one it is none until the rest was sent.
    Replay {
        seat: Arc<Seat>,
        joined: Option<Joined>,
        epoch: Epoch,
        page: Vec<Message>,
        rest: Option<Box<CatchUp>>,
    },
    /// This connection is no member any more.
    Leave { conn_id: u64 },
    /// Everybody has to go and come back.
    Evict(Close),
}

/// How a room's messages look on each wire.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) name: Arc<str>,
    pub(crate) number: u32,
}

impl Face {
    /// One contiguous batch of MESSAGEs.
    fn encode(&self, wire: Wire, epoch: Epoch, messages: &[Message]) -> Bytes {
        let room = match wire {
            Wire::Binary => RoomRef::Number(self.number),
            Wire::Json => RoomRef::Name(self.name.clone()),
        };
        let mut out = BytesMut::new();
        for message in messages {
            let message = RoomMessage {
                room: room.clone(),
                epoch,
                message: message.clone(),
            };
            wire.put_reply(&Reply::Message(message), &mut out);
        }
        out.freeze()
    }
}

/// Runs a room until nobody can send it commands any more.
pub(crate) async fn run(face: Face, mut commands: mpsc::Receiver<Command>, observer: Observer) {
    let mut members: BTreeMap<u64, Arc<Seat>> = BTreeMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Deliver { epoch, messages } => {
                let copies = messages.len() * members.len();
                deliver(&face, &mut members, epoch, messages).await;
                observer.observe(&Event::Delivered { copies });
            }
            Command::Replay {
                seat,
                joined,
                epoch,
                page,
                rest,
            } => {
                let mut out = BytesMut::new();
                let is_page = joined.is_none();
                if let Some(joined) = joined {
                    seat.wire.put_reply(&Reply::Joined(joined), &mut out);
                }
                out.extend_from_slice(&face.encode(seat.wire, epoch, &page));
                // The last page is empty where nothing was said since the one before it.
                if !out.is_empty() {
                    seat.outbox.push_answer(out.freeze());
                }
                if let Some(rest) = rest {
                    members.remove(&seat.conn_id);
                    seat.outbox.catch_up(*rest);
                } else {
                    members.insert(seat.conn_id, seat.clone());
                }
                if is_page {
                    seat.outbox.page_done();
                }
            }
            Command::Leave { conn_id } => {
                members.remove(&conn_id);
            }
            Command::Evict(close) => {
                for seat in std::mem::take(&mut members).into_values() {
                    seat.outbox.cut(close.clone());
                }
            }
        }
    }
}

async fn deliver(
    face: &Face,
    members: &mut BTreeMap<u64, Arc<Seat>>,
    epoch: Epoch,
    messages: Vec<Message>,
) {
    // Encoded once per format that somebody speaks.
    let mut batches: BTreeMap<Wire, Bytes> = BTreeMap::new();
    let mut gone = Vec::new();
    for (turn, (conn_id, seat)) in members.iter().enumerate() {
        let batch = batches
            .entry(seat.wire)
            .or_insert_with(|| face.encode(seat.wire, epoch, &messages));
        if !seat.outbox.push(batch.clone()) {
            gone.push(*conn_id);
        }
        if turn % MEMBERS_PER_TURN == MEMBERS_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
    }
    for conn_id in gone {
        members.remove(&conn_id);
    }
}
