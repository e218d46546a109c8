//! What the people of the chat world do, and the record of what they saw.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::client::{Client, Event, PublishError, Publishing, Settings};
use bowline_chat::log::{Offset, Position};
use bowline_chat::protocol::JoinFrom;
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_sim::history::{Record, Recorder, What};
use bowline_sim::{Net, SimClock, Streams, Trace, World};
use rand_core::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{ROOM, TROUBLE, id, position};

/// Where the server listens.
pub(super) const PORT: u16 = 7400;

/// How many lines each of them says.
const LINES: u32 = 25;

/// Everybody, and what they write down.
#[derive(Clone)]
pub(super) struct Party {
    net: Net,
    clock: SimClock,
    trace: Trace,
    streams: Streams,
    names: Vec<&'static str>,
    pub(super) recorder: Recorder,
    pub(super) progress: Arc<Mutex<Progress>>,
}

/// How far they are.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Who has said all they wanted.
    pub(super) silent: usize,
    /// Publishes without an answer.
    pub(super) unanswered: usize,
    /// The last place that was acknowledged.
    pub(super) acked: Offset,
    /// The last place each of them was shown.
    pub(super) reached: BTreeMap<String, Offset>,
}

impl Party {
    pub(super) fn new(
        world: &World,
        streams: Streams,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self {
            net: world.net(),
            clock: world.wall_clock(),
            trace: world.trace(),
            streams,
            names: names.into_iter().collect(),
            recorder: Recorder::default(),
            progress: Arc::default(),
        }
    }

    /// Lets everybody talk, and listen for ever.
    pub(super) async fn talk(self) -> Result<(), BoxError> {
        let schedule = Schedule::exponential(Duration::from_millis(200), Duration::from_secs(5))?
            .splay(Duration::from_millis(500))?;
        let backoff = Maker::new(schedule, self.streams.system(0).next_u64());
        let mut people = JoinSet::new();
        for (index, name) in self.names.clone().into_iter().enumerate() {
            let party = self.clone();
            let settings =
                Settings::new(name, backoff.clone()).connect_timeout(Duration::from_secs(4));
            people.spawn(async move { party.person(index as u64, name, settings).await });
        }
        while let Some(ended) = people.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn person(
        self,
        index: u64,
        name: &'static str,
        settings: Settings,
    ) -> Result<(), BoxError> {
        let mut chance = self.streams.workload(index + 1);
        let secrets = Arc::new(Mutex::new(self.streams.secrets(1000 + index)));
        let endpoint = Endpoint::new("server", PORT);
        let (client, events) = Client::start(self.net.dialer(name), endpoint, settings, secrets)?;
        // Some come in late, and one of them wants to know what was said before.
        sleep(Duration::from_millis(chance.next_u64() % 4000)).await;
        let from = if index == 0 {
            JoinFrom::History(5)
        } else {
            JoinFrom::Live
        };
        client.join(ROOM, from).await?;
        let mut tasks = JoinSet::new();
        let listening = self.clone();
        tasks.spawn(async move { listening.listen(name, events).await });
        let pause = 2 * TROUBLE.as_millis() as u64 / u64::from(LINES);
        for line in 0..LINES {
            sleep(Duration::from_millis(chance.next_u64() % pause)).await;
            let publishing = client.publish(ROOM, format!("{name} {line}")).await?;
            let stream = ROOM.into();
            let id = id(publishing.msg_id());
            self.record(name, What::Invoked { stream, id });
            self.progress().unanswered += 1;
            let waiting = self.clone();
            tasks.spawn(async move { waiting.wait_for(name, publishing).await });
        }
        self.progress().silent += 1;
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        Ok(())
    }

    async fn wait_for(self, name: &'static str, publishing: Publishing) {
        let stream = ROOM.into();
        let id = id(publishing.msg_id());
        let outcome = publishing.receipt().await;
        let mut progress = self.progress();
        progress.unanswered -= 1;
        let what = match outcome {
            Ok(receipt) => {
                progress.acked = progress.acked.max(receipt.position.offset);
                What::Acked {
                    stream,
                    id,
                    position: place(receipt.position),
                    duplicate: receipt.duplicate,
                }
            }
            Err(PublishError::Refused(_)) => What::Failed { stream, id },
            Err(_) => What::Unknown { stream, id },
        };
        drop(progress);
        self.record(name, what);
    }

    async fn listen(self, name: &'static str, mut events: mpsc::Receiver<Event>) {
        let mut connected = false;
        while let Some(event) = events.recv().await {
            let stream = ROOM.into();
            match event {
                // Told in its turn: everything the last connection brought is through.
                Event::Connected { .. } => {
                    if std::mem::replace(&mut connected, true) {
                        self.record(name, What::Lost);
                    }
                }
                Event::Joined {
                    since,
                    position,
                    recovered,
                    count,
                    ..
                } => {
                    if recovered != Some(true) {
                        self.reached(name, position.offset);
                    }
                    let resumed = What::Resumed {
                        stream,
                        since: since.map(place),
                        recovered,
                        position: place(position),
                        count,
                    };
                    self.record(name, resumed);
                }
                Event::Message { epoch, message, .. } => {
                    self.reached(name, message.offset);
                    let delivered = What::Delivered {
                        stream,
                        id: id(message.msg_id),
                        position: position(epoch.0, message.offset.0),
                        prev: Some(message.prev.0),
                    };
                    self.record(name, delivered);
                }
                other => self.trace.note(name, format!("{other:?}")),
            }
        }
    }

    fn reached(&self, name: &str, offset: Offset) {
        self.progress().reached.insert(name.to_owned(), offset);
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress
            .lock()
            .expect("nobody panics while holding it")
    }

    /// Writes down what was seen, in the history and in the trace.
    fn record(&self, name: &str, what: What) {
        self.trace.note(name, what.to_string());
        let micros = self.clock.elapsed().as_micros() as u64;
        self.recorder.record(Record::new(name, what).at(micros));
    }
}

fn place(at: Position) -> bowline_sim::history::Position {
    position(at.epoch.0, at.offset.0)
}
