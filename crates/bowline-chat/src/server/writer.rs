//! The one writer of a store: everything that touches a log goes through it, in order.
//!
//! Publishes that arrive while a commit runs become the next commit. Nothing is
//! numbered, acknowledged or delivered before the transaction that holds it is
//! durable; what the commit returned then goes, in the order of the log, to the
//! publishers and to the rooms.

mod join;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::connection::Seat;
use super::event::{Event, Observer};
use super::room::{Command, Face};
use super::session::Answer;
pub(crate) use join::CatchUp;
use join::find;

use crate::chain::chain;
use crate::log::{Epoch, Message, MsgId, Offset, Position};
use crate::protocol::{Close, CloseCode, JoinFrom};
use crate::store::{Appended, Committer, Draft, Error, Refused, Store};

/// How many publishes one transaction holds at most.
const COMMIT_MAX: usize = 1024;

/// How many commands a room may have waiting; its task never waits for a member,
/// so the writer waits for it only briefly.
const ROOM_QUEUE_MAX: usize = 64;

/// How long the writer leaves a store alone that could not be opened again.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// What a connection asks of the logs.
#[derive(Debug)]
pub(crate) enum Request {
    /// Append this.
    Publish {
        draft: Draft,
        seq: u64,
        /// The id, where the server drew it.
        drawn: Option<MsgId>,
        seat: Arc<Seat>,
    },
    /// Enter a room.
    Join {
        seq: u64,
        room: Arc<str>,
        from: JoinFrom,
        seat: Arc<Seat>,
    },
    /// Go on with a replay whose last page was sent.
    Continue { rest: CatchUp, seat: Arc<Seat> },
    /// Leave a room.
    Leave { room: Arc<str>, conn_id: u64 },
}

/// The writer and the rooms it feeds.
pub(crate) struct Writer<S: Store> {
    store: Committer<S>,
    rooms: BTreeMap<Arc<str>, Room>,
    tasks: JoinSet<()>,
    /// While the store is broken: when to try opening it again.
    reopen_at: Option<Instant>,
    /// How many JOINs there were: their replays are told apart by it.
    joins: u64,
    page_bytes: usize,
    observer: Observer,
}

#[derive(Debug)]
struct Room {
    face: Face,
    epoch: Epoch,
    /// The last message handed to the room's task.
    delivered: Offset,
    commands: mpsc::Sender<Command>,
    /// Which JOIN's replay each connection is being sent; any older one is over.
    catching_up: BTreeMap<u64, u64>,
}

impl<S: Store> Writer<S> {
    pub(crate) fn new(store: Committer<S>, page_bytes: usize, observer: Observer) -> Self {
        Self {
            store,
            rooms: BTreeMap::new(),
            tasks: JoinSet::new(),
            reopen_at: None,
            joins: 0,
            page_bytes,
            observer,
        }
    }

    /// Works until nobody can ask any more, then closes the store.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut batch = Vec::new();
        loop {
            let reopen_at = self.reopen_at;
            tokio::select! {
                biased;
                () = sleep_until(reopen_at.unwrap_or_else(Instant::now)), if reopen_at.is_some() => {
                    self.reopen().await;
                }
                taken = requests.recv_many(&mut batch, COMMIT_MAX) => {
                    if taken == 0 {
                        // Dropping it would block the thread until it is closed.
                        self.store.close().await;
                        return;
                    }
                    self.serve(std::mem::take(&mut batch)).await;
                }
            }
        }
    }

    /// Publishes last, in one transaction: who joined in the same breath sees them.
    async fn serve(&mut self, requests: Vec<Request>) {
        let mut publishes = Vec::new();
        let mut others = Vec::new();
        for request in requests {
            match request {
                Request::Publish {
                    draft,
                    seq,
                    drawn,
                    seat,
                } => publishes.push((draft, Ticket { seq, drawn, seat })),
                other => others.push(other),
            }
        }
        for request in others {
            match request {
                Request::Join {
                    seq,
                    room,
                    from,
                    seat,
                } => self.join(seq, room, from, seat).await,
                Request::Continue { rest, seat } => self.catch_up(rest, seat).await,
                Request::Leave { room, conn_id } => self.leave(&room, conn_id).await,
                Request::Publish { .. } => unreachable!("publishes were taken out above"),
            }
        }
        if !publishes.is_empty() {
            self.commit(publishes).await;
        }
    }

    // === publishing ===

    async fn commit(&mut self, publishes: Vec<(Draft, Ticket)>) {
        // After a failed commit the publisher's later ones are dropped with it: taking
        // them would break its order. It is being closed, and will repeat them all.
        let (drafts, tickets): (Vec<_>, Vec<_>) = publishes
            .into_iter()
            .filter(|(_, ticket)| !ticket.seat.store_failed.load(Ordering::Relaxed))
            .unzip();
        if drafts.is_empty() {
            return;
        }
        if self.reopen_at.is_some() {
            refuse_all(&tickets);
            return;
        }
        let kept = drafts.clone();
        match self.store.run(move |store| store.append(&drafts)).await {
            Ok(outcomes) => self.committed(kept, tickets, outcomes).await,
            Err(error) => {
                self.observer.observe(&Event::CommitFailed {
                    publishes: tickets.len(),
                    error: chain(&error),
                });
                refuse_all(&tickets);
                self.reopen().await;
            }
        }
    }

    async fn committed(
        &mut self,
        drafts: Vec<Draft>,
        tickets: Vec<Ticket>,
        outcomes: Vec<Result<Appended, Refused>>,
    ) {
        let mut fresh: BTreeMap<Arc<str>, (Epoch, Vec<Message>)> = BTreeMap::new();
        let (mut new, mut duplicates) = (0, 0);
        for ((draft, ticket), outcome) in drafts.into_iter().zip(tickets).zip(outcomes) {
            if let Ok(appended) = &outcome {
                if appended.duplicate {
                    duplicates += 1;
                } else {
                    new += 1;
                    let (_, messages) = fresh
                        .entry(draft.room.clone())
                        .or_insert((appended.epoch, Vec::new()));
                    messages.push(message(draft, appended));
                }
            }
            ticket.answer(outcome);
        }
        self.observer.observe(&Event::Committed { new, duplicates });
        for (room, (epoch, messages)) in fresh {
            self.deliver(&room, epoch, messages).await;
        }
    }

    async fn deliver(&mut self, name: &Arc<str>, epoch: Epoch, messages: Vec<Message>) {
        // A room nobody joined since the start has no task and nobody to tell.
        if let (Some(room), Some(last)) = (self.rooms.get_mut(name), messages.last()) {
            room.delivered = last.offset;
            let _closed = room
                .commands
                .send(Command::Deliver { epoch, messages })
                .await;
        }
    }

    /// Brings a failed store back. What it then holds is what was committed, so
    /// what the rooms have not seen of it is delivered now.
    async fn reopen(&mut self) {
        if let Err(error) = self.store.run(|store| store.reopen()).await {
            self.store_failed(&error);
            return;
        }
        self.reopen_at = None;
        self.observer.observe(&Event::StoreReopened);
        let names: Vec<_> = self.rooms.keys().cloned().collect();
        for name in names {
            if let Err(error) = self.deliver_unseen(&name).await {
                self.store_failed(&error);
                return;
            }
        }
    }

    async fn deliver_unseen(&mut self, name: &Arc<str>) -> Result<(), Error> {
        let Some(room) = self.rooms.get(name) else {
            return Ok(());
        };
        let (epoch, delivered) = (room.epoch, room.delivered);
        let (wanted, from) = (
            name.clone(),
            JoinFrom::Since(Position {
                epoch,
                offset: delivered,
            }),
        );
        let page_bytes = self.page_bytes;
        let Ok(mut found) = self
            .store
            .run(move |store| find(store, &wanted, from, page_bytes))
            .await?
        else {
            return Ok(());
        };
        if found.recovered != Some(true) {
            let room = self.rooms.get_mut(name).expect("it was there above");
            room.epoch = found.head.epoch;
            room.delivered = found.head.last;
            let evict = Command::Evict(Close::new(CloseCode::LOG_REPLACED));
            let _closed = room.commands.send(evict).await;
            return Ok(());
        }
        while let Some(last) = found.page.last() {
            let offset = last.offset;
            let page = std::mem::take(&mut found.page);
            self.deliver(name, epoch, page).await;
            if offset == found.head.last {
                break;
            }
            found = self
                .store
                .run(move |_: &mut S| {
                    found.page = found.replay.next_page(page_bytes)?;
                    Ok(found)
                })
                .await?;
        }
        Ok(())
    }

    fn store_failed(&mut self, error: &Error) {
        let error = chain(error);
        self.observer.observe(&Event::StoreFailed { error });
        self.reopen_at = Some(Instant::now() + REOPEN_PAUSE);
    }

    async fn send(&self, name: &Arc<str>, command: Command) {
        if let Some(room) = self.rooms.get(name) {
            // Its task ends only with the writer.
            let _closed = room.commands.send(command).await;
        }
    }
}

/// Where an outcome goes.
#[derive(Debug)]
struct Ticket {
    seq: u64,
    drawn: Option<MsgId>,
    seat: Arc<Seat>,
}

impl Ticket {
    fn answer(self, outcome: Result<Appended, Refused>) {
        self.seat.answer(Answer::Published {
            seq: self.seq,
            drawn: self.drawn,
            outcome,
        });
    }
}

/// Tells the publishers that nothing is known of what they published, and ends
/// their connections: they come back and repeat it, in order.
fn refuse_all(tickets: &[Ticket]) {
    let mut failed = BTreeMap::new();
    for ticket in tickets {
        ticket.seat.store_failed.store(true, Ordering::Relaxed);
        ticket.seat.answer(Answer::Unavailable { seq: ticket.seq });
        failed.insert(ticket.seat.conn_id, &ticket.seat);
    }
    for seat in failed.values() {
        seat.answer(Answer::StoreFailed);
    }
}

fn message(draft: Draft, appended: &Appended) -> Message {
    Message {
        offset: appended.offset,
        prev: appended.prev,
        msg_id: draft.msg_id,
        from: draft.from,
        guest: draft.guest,
        ts: draft.ts,
        body: draft.body,
    }
}
