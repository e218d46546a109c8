//! One session's application: takes the client's events and writes down what they say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bowline_chat::client::Event;
use bowline_chat::log::Offset;
use bowline_sim::history::What;
use bowline_sim::scenario::Node;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::{id, place, position};

/// Who waits that long for the next event has taken all there were.
const CAUGHT_UP: Duration = Duration::from_millis(50);

/// Who joins a room so many times on one connection, to mend a hole, never will.
pub(super) const JOINS_MAX: u32 = 200;

/// Who listens.
#[derive(Clone)]
pub(super) struct Ears {
    pub(super) node: Node<Board>,
    /// The person.
    pub(super) who: &'static str,
    /// What the session is called in the history.
    pub(super) session: Arc<str>,
    /// When no events are taken.
    pub(super) nap: Option<(Duration, Duration)>,
}

impl Ears {
    /// Listens until the client ends.
    pub(super) async fn listen(self, mut events: mpsc::Receiver<Event>) {
        let mut connected = false;
        let mut rooms = BTreeSet::new();
        let mut joins = 0;
        // After a nap, until all that waited was taken.
        let mut is_late = false;
        loop {
            let event = if is_late {
                let Ok(event) = timeout(CAUGHT_UP, events.recv()).await else {
                    is_late = false;
                    continue;
                };
                event
            } else {
                events.recv().await
            };
            let Some(event) = event else { return };
            is_late |= self.nap().await;
            match &event {
                // Told in its turn: everything the last connection brought is through.
                Event::Connected { .. } => {
                    joins = 0;
                    if std::mem::replace(&mut connected, true) {
                        self.node.shared().away(self.who);
                        self.lost(is_late, &rooms);
                    }
                }
                Event::Joined { room, .. } => {
                    rooms.insert(room.clone());
                    joins += 1;
                    if joins > JOINS_MAX {
                        self.node.shared().despair();
                    }
                    self.hear(event);
                }
                _ => self.hear(event),
            }
        }
    }

    /// Takes no events for as long as the nap lasts; whether there was one.
    async fn nap(&self) -> bool {
        let Some((from, until)) = self.nap else {
            return false;
        };
        let mut slept = false;
        while let now = self.node.elapsed()
            && from <= now
            && now < until
        {
            sleep(until - now).await;
            slept = true;
        }
        slept
    }

    /// The connection was lost, and there is another.
    ///
    /// Who is behind is told late: others may know by now of what is younger than the
    /// answer to the next join, and a check would miss that in it. So the history says
    /// that they left, and asks nothing of the answer but that it is kept.
    fn lost(&self, is_late: bool, rooms: &BTreeSet<Arc<str>>) {
        if !is_late {
            self.record(What::Lost);
            return;
        }
        for room in rooms {
            let stream = (&**room).into();
            self.record(What::Left { stream });
        }
    }

    fn hear(&self, event: Event) {
        match event {
            Event::Joined {
                room,
                since,
                position,
                recovered,
                count,
            } => {
                self.reached(&room, position.offset);
                // It cannot be told of more than there is.
                let announced = What::Gauge {
                    of: format!("messages announced in {room}").into(),
                    value: position.offset.0 + count,
                    at_most: self.node.shared().head(&room).0,
                };
                let resumed = What::Resumed {
                    stream: (&*room).into(),
                    since: since.map(place),
                    recovered,
                    position: place(position),
                    count,
                };
                self.record(announced);
                self.record(resumed);
            }
            Event::Message {
                room,
                epoch,
                message,
            } => {
                self.reached(&room, message.offset);
                self.record(What::Delivered {
                    stream: (&*room).into(),
                    id: id(message.msg_id),
                    position: position(epoch.0, message.offset.0),
                    prev: Some(message.prev.0),
                });
            }
            other => self.node.note(format!("{other:?}")),
        }
    }

    fn reached(&self, room: &Arc<str>, offset: Offset) {
        self.node.shared().reached(self.who, room, offset);
    }

    fn record(&self, what: What) {
        self.node.record_as(&self.session, what);
    }
}
