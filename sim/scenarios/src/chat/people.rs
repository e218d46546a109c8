//! The people: each plays a script, then says a last word in every room.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_chat::client::{Client, PublishError, Publishing, Settings};
use bowline_chat::log::MsgId;
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_sim::history::What;
use bowline_sim::scenario::Node;
use rand_core::Rng;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::board::Board;
use super::ears::{Ears, JOINS_MAX};
use super::script::{Act, Script, is_careful, session};
use super::server::PORT;
use super::wire::Dialer;
use super::{id, place};

/// How long a client waits at most before it tries again.
pub(super) const BACKOFF_MAX: Duration = Duration::from_secs(4);

/// How long one attempt may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// How often somebody looks whether they may speak.
const PATIENCE: Duration = Duration::from_millis(20);

/// A person's session: a client, and whoever listens to it.
struct Session {
    mouth: Mouth,
    client: Client,
    tasks: JoinSet<()>,
}

/// Asks, and writes down what becomes of it.
#[derive(Clone)]
struct Mouth {
    node: Node<Board>,
    who: &'static str,
    session: Arc<str>,
    /// Publishes without an answer, in the order in which they were asked for.
    open: Arc<Mutex<Vec<(&'static str, MsgId)>>>,
}

/// Lives one person's life, or gives up where somebody goes in circles.
pub(super) async fn live(node: Node<Board>) -> Result<(), BoxError> {
    tokio::select! {
        biased;
        () = node.shared().despaired() => Err(
            format!("somebody joined a room {JOINS_MAX} times on one connection").into()
        ),
        lived = play(&node) => lived,
    }
}

async fn play(node: &Node<Board>) -> Result<(), BoxError> {
    let script = Script::of(node.shared().streams, node.name());
    let mut session = None;
    for (at, act) in &script.acts {
        until(node, *at).await;
        match act {
            Act::Arrive(number) => session = Some(Session::begin(node, &script, *number)?),
            Act::Join(room, from) => {
                let session: &Session = session.as_ref().expect("joins follow an arrival");
                session.client.join(room, *from).await?;
            }
            Act::Say {
                room,
                lines,
                bytes,
                patience,
            } => {
                let session = session.as_mut().expect("one speaks after an arrival");
                session.say(room, *lines, *bytes, *patience).await?;
            }
            Act::Leave { goodbye } => {
                let session = session.take().expect("one leaves after an arrival");
                session.end(*goodbye).await;
            }
        }
    }
    node.healed().await;
    let session = session.expect("everybody is there in the end");
    // Whom a fault holds for ever owes nothing, and would only be heard at some odd moment.
    if node.is_core(node.name()) {
        for room in script.rooms() {
            session.say_last(room).await?;
        }
    }
    let board = node.shared();
    board.settled(|name| node.is_core(name)).await;
    Ok(())
}

/// Waits for a moment of the world's time, whatever the host's clock does.
async fn until(node: &Node<Board>, at: Duration) {
    while let Some(left) = at.checked_sub(node.elapsed())
        && !left.is_zero()
    {
        sleep(left).await;
    }
}

// === impl Session ===

impl Session {
    fn begin(node: &Node<Board>, script: &Script, number: u32) -> Result<Self, BoxError> {
        let who = script.name;
        let streams = node.shared().streams;
        let index = node.jitter().next_u64() ^ u64::from(number);
        let schedule = Schedule::exponential(Duration::from_millis(200), BACKOFF_MAX)?
            .splay(Duration::from_millis(500))?;
        let settings = Settings::new(who, Maker::new(schedule, index))
            .connect_timeout(CONNECT_TIMEOUT)
            .wall_clock(Arc::new(node.wall_clock()));
        let secrets = Arc::new(Mutex::new(streams.secrets(index)));
        let endpoint = Endpoint::new("server", PORT);
        let dialer = Dialer::new(node.clone());
        let (client, events) = Client::start(dialer, endpoint, settings, secrets)?;
        let session: Arc<str> = session(who, number).into();
        let ears = Ears {
            node: node.clone(),
            who,
            session: session.clone(),
            nap: script.nap,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(ears.listen(events));
        let mouth = Mouth {
            node: node.clone(),
            who,
            session,
            open: Arc::default(),
        };
        Ok(Self {
            mouth,
            client,
            tasks,
        })
    }

    /// Says `lines` lines at once, and leaves others to wait for the answers.
    async fn say(
        &mut self,
        room: &'static str,
        lines: u64,
        bytes: usize,
        patience: Option<Duration>,
    ) -> Result<(), BoxError> {
        if !self.mouth.may_speak(room) {
            return Ok(());
        }
        for _ in 0..lines {
            let publishing = self.client.publish(room, vec![b'.'; bytes]).await?;
            self.mouth.asked(room, &publishing);
            let mouth = self.mouth.clone();
            self.tasks.spawn(async move {
                // An answer as such is none of their business.
                let _answer = mouth.wait(room, publishing, patience).await;
            });
        }
        Ok(())
    }

    /// Says a last word until it is known to be in the log.
    async fn say_last(&self, room: &'static str) -> Result<(), BoxError> {
        while !self.mouth.may_speak(room) {
            sleep(PATIENCE).await;
        }
        loop {
            let publishing = self.client.publish(room, "goodbye").await?;
            self.mouth.asked(room, &publishing);
            if self.mouth.wait(room, publishing, None).await {
                self.mouth.node.shared().said_last(self.mouth.who, room);
                return Ok(());
            }
        }
    }

    /// Ends: nobody waits for answers any more.
    async fn end(mut self, goodbye: bool) {
        if goodbye {
            self.client.close().await;
        } else {
            drop(self.client);
        }
        self.tasks.shutdown().await;
        for (stream, asked) in std::mem::take(&mut *self.mouth.open()) {
            self.mouth.node.shared().answered(self.mouth.who);
            self.mouth.record(What::Unknown {
                stream: stream.into(),
                id: id(asked),
            });
        }
        self.mouth.record(What::Lost);
    }
}

// === impl Mouth ===

impl Mouth {
    fn asked(&self, room: &'static str, publishing: &Publishing) {
        let asked = publishing.msg_id();
        self.open().push((room, asked));
        self.node.shared().asked(self.who);
        self.record(What::Invoked {
            stream: room.into(),
            id: id(asked),
        });
    }

    /// Whether, in a careful world, nothing said in another room is without an answer.
    fn may_speak(&self, room: &str) -> bool {
        let is_careful = is_careful(self.node.shared().streams);
        !is_careful || self.open().iter().all(|(other, _)| *other == room)
    }

    /// Waits for the answer, no longer than `patience`; whether it is in the log.
    async fn wait(
        &self,
        room: &'static str,
        publishing: Publishing,
        patience: Option<Duration>,
    ) -> bool {
        let msg_id = publishing.msg_id();
        let (stream, id) = (room.into(), id(msg_id));
        let answer = match patience {
            Some(patience) => timeout(patience, publishing.receipt()).await.ok(),
            None => Some(publishing.receipt().await),
        };
        let what = match answer {
            Some(Ok(receipt)) => What::Acked {
                stream,
                id,
                position: place(receipt.position),
                duplicate: receipt.duplicate,
            },
            Some(Err(PublishError::Refused(_))) => What::Failed { stream, id },
            Some(Err(_)) | None => What::Unknown { stream, id },
        };
        let is_in = matches!(what, What::Acked { .. });
        self.open().retain(|(_, open)| *open != msg_id);
        self.node.shared().answered(self.who);
        self.record(what);
        is_in
    }

    fn record(&self, what: What) {
        self.node.record_as(&self.session, what);
    }

    fn open(&self) -> MutexGuard<'_, Vec<(&'static str, MsgId)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
