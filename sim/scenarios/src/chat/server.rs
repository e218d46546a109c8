//! The server's host: its software, made again after each crash, and what its store holds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::log::Offset;
use bowline_chat::protocol::CloseCode;
use bowline_chat::server::{EndReason, Environment, Event, Server, Settings};
use bowline_chat::store::{Committer, OpenError, Redb, Retention, Store};
use bowline_link::BoxError;
use bowline_link::codec::Limits;
use bowline_policy::Observe;
use bowline_policy::heartbeat::Fixed;
use bowline_sim::disk::Disk;
use bowline_sim::history::What;
use bowline_sim::scenario::{After, Node};
use tokio::time::sleep;

use super::backend::Backend;
use super::board::Board;
use super::mutant::{Mutant, Mutation};
use super::script::{messages_kept, storm};
use super::{ROOMS, id, position};

/// Where the server listens.
pub(super) const PORT: u16 = 7400;

/// How long whoever looks after the server waits before they start it again, when its
/// store could not be opened; the server itself waits as long before it reopens one.
pub(super) const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// How many connections it takes: few, so that those it has not noticed to be dead count.
const CONNECTIONS_MAX: usize = 12;

/// The largest frame: small, so that the outbox can be.
const FRAME_BYTES_MAX: usize = 2 * 1024;

/// What may wait for one member: the least that the server allows with such frames.
const OUTBOX_BYTES_MAX: usize = 6 * FRAME_BYTES_MAX + 1024;

/// A page of a replay: small, so that most take several.
const PAGE_BYTES: usize = 1024;

/// The same where much is said at once.
const STORM_PAGE_BYTES: usize = 8 * 1024;

/// Tells the world what happens in the server.
struct Told {
    node: Node<Board>,
    open: AtomicU64,
}

/// The heartbeat that the server asks for.
pub(super) fn heartbeat() -> Fixed {
    Fixed::new(Duration::from_secs(2), Duration::from_secs(1), 2).expect("it makes sense")
}

/// How long the longest replay takes, a page and a round trip at a time.
pub(super) fn replay_max() -> Duration {
    /// More than five people say in one room, in pages.
    const PAGES: u32 = 100;
    /// The longest latency both ways, and the steps between.
    const ROUND_TRIP: Duration = Duration::from_millis(50);
    PAGES * ROUND_TRIP
}

/// Serves until the host dies.
pub(super) async fn run(node: Node<Board>, mutation: Option<Mutation>) -> Result<(), BoxError> {
    let store = loop {
        match open(node.disk(), node.shared(), node.start() + 1, mutation) {
            Ok(store) => break store,
            // A program that cannot open its store ends, and is started again.
            Err(error) => {
                node.note(format!("no store: {error}"));
                sleep(REOPEN_PAUSE).await;
            }
        }
    };
    let streams = node.shared().streams;
    let environment = Environment {
        wall: Arc::new(node.wall_clock()),
        secrets: Arc::new(Mutex::new(streams.secrets(node.start() + 1))),
        observer: Arc::new(Told {
            node: node.clone(),
            open: AtomicU64::new(0),
        }),
    };
    let page_bytes = match storm(streams) {
        Some(_) => STORM_PAGE_BYTES,
        None => PAGE_BYTES,
    };
    let settings = Settings::new(Limits::new(512, FRAME_BYTES_MAX)?, heartbeat())?
        .connections_max(CONNECTIONS_MAX)?
        .outbox_bytes_max(OUTBOX_BYTES_MAX)?
        .replay_page_bytes(page_bytes)?;
    let store = Mutant::new(store, node.clone(), mutation);
    let listener = node.listen(PORT).await?;
    Server::new(Committer::inline(store), settings, environment)
        .serve(listener, std::future::pending())
        .await;
    Ok(())
}

// Index 0 reads the store at the end.
fn open(
    disk: &Disk,
    board: &Board,
    start: u64,
    mutation: Option<Mutation>,
) -> Result<Redb, OpenError> {
    let (disk, streams) = (disk.clone(), board.streams);
    let syncs = mutation != Some(Mutation::ForgetToSync);
    let retention = Retention::new(messages_kept(streams), 16).expect("neither is zero");
    Redb::with_backend(
        move || Ok(Backend::new(disk.open(), syncs)),
        retention,
        Box::new(streams.secrets(1_000_000 + start)),
    )
}

/// Writes down what the store holds when all is over. A log that cannot be read is not
/// written down, which the checks do not let pass.
pub(super) fn last_word(after: &After<Board>) {
    for room in ROOMS {
        if let Ok(held) = held(after, room) {
            after.record("store", held);
        }
    }
}

fn held(after: &After<Board>, room: &str) -> Result<What, BoxError> {
    let board = after.shared();
    let mut store = open(after.disk("server"), board, 0, None)?;
    let head = store.open_room(room)??;
    let mut replay = store.replay(room, Offset(head.first.0.saturating_sub(1)))?;
    let mut log = Vec::new();
    loop {
        let page = replay.next_page(1 << 20)?;
        if page.is_empty() {
            break;
        }
        log.extend(page.iter().map(|message| {
            let place = position(head.epoch.0, message.offset.0);
            (place, id(board.meant(message.msg_id)))
        }));
    }
    Ok(What::Final {
        stream: room.into(),
        first_kept: position(head.epoch.0, head.first.0),
        log,
    })
}

// === impl Told ===

impl Observe<Event> for Told {
    fn observe(&self, event: &Event) {
        match event {
            Event::Accepted => {
                let value = self.open.fetch_add(1, Ordering::Relaxed) + 1;
                self.node.record(What::Gauge {
                    of: "connections".into(),
                    value,
                    at_most: CONNECTIONS_MAX as u64,
                });
            }
            Event::Ended { reason } => {
                self.open.fetch_sub(1, Ordering::Relaxed);
                // What ends with the process ends in no order that the seed decides.
                match reason {
                    EndReason::Closed(close) if close.code == CloseCode::SLOW => {
                        self.node.note("cut a slow reader");
                    }
                    EndReason::Closed(_)
                    | EndReason::Left
                    | EndReason::Failed { .. }
                    | EndReason::UnknownFormat
                    | EndReason::Dropped => {}
                    _ => {}
                }
            }
            Event::Refused { .. } | Event::CommitFailed { .. } | Event::StoreReopened => {
                self.node.note(format!("{event:?}"));
            }
            Event::StoreFailed { error } => self.node.note(format!("store failed: {error}")),
            Event::Committed { duplicates, .. } if *duplicates > 0 => {
                self.node.note(format!("{duplicates} had been said before"));
            }
            _ => {}
        }
    }
}
