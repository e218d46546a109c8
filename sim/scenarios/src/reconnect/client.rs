//! What a client does: it calls through several handles until all is well again, then once
//! more through each, and leaves.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Maker;
use bowline_reconnect::{Error, Reconnect, Sent, State};
use bowline_sim::history::{Id, Name, What};
use bowline_sim::scenario::Node;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt as _};

use super::caller::{Caller, Manner};
use super::connector::{Connector, Witness};
use super::mutant::{Insistent, Mutation};
use super::{
    CONNECT_TIMEOUT, HANDLES, PORT, SERVER, Shared, failfast_after, handle, heartbeat, schedule,
    server_noticed_within,
};
use super::{gauge, mutant};
use crate::calls::{Appended, Call, STREAM};

/// How much a client has to say.
#[derive(Debug, Clone, Copy)]
enum Temper {
    /// Large requests, many at once.
    Busy,
    /// A request now and then.
    Even,
    /// Almost nothing: its connection dies while nobody calls.
    Quiet,
}

/// One handle of a client, and the calls it waits for.
struct Handle<S> {
    node: Node<Shared>,
    name: Name,
    link: S,
    temper: Temper,
    chance: Pcg64,
    waiting: JoinSet<Outcome>,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Acked,
    Other,
}

pub(super) async fn run(node: Node<Shared>, mutation: Option<Mutation>) -> Result<(), BoxError> {
    let mut chance = node.chance();
    let session = id(&mut chance);
    let temper = Temper::draw(&mut chance);
    let manner = match chance.next_u64() % 2 {
        0 => Manner::Tells,
        _ => Manner::Silent,
    };
    let connector = Connector::new(&node, heartbeat()?, manner, mutation);
    let schedule = match mutation {
        Some(Mutation::NoJitter) => mutant::unvaried()?,
        _ => schedule()?,
    };
    let maker = Maker::new(schedule, node.jitter().next_u64());
    let server = Endpoint::new(SERVER, PORT);
    let link = Reconnect::builder(connector.clone(), server, &maker)
        .connect_timeout(CONNECT_TIMEOUT)
        .failfast_after(failfast_after(node.name()))
        .on_session(move |caller: Caller, _| caller.greet(session))
        .observer(Arc::new(Witness::new(&node)))
        .build();
    let mut handles = JoinSet::new();
    for index in 0..HANDLES {
        let handle = Handle {
            name: handle(node.name(), index),
            node: node.clone(),
            link: Insistent::new(link.clone(), mutation),
            temper,
            chance: pick(&mut chance),
            waiting: JoinSet::new(),
        };
        handles.spawn(handle.work());
    }
    handles.spawn(hurry(node.clone(), link.clone(), pick(&mut chance)));
    while let Some(ended) = handles.join_next().await {
        ended?;
    }
    leave(&node, link, &connector, session).await
}

/// Asks the link now and then not to wait.
async fn hurry(node: Node<Shared>, link: Reconnect<Caller>, mut chance: Pcg64) {
    while !pause(&node, chance.next_u64() % 8_000).await {
        link.reconnect_now();
    }
}

/// Closes the link, and writes down what is left of it, here and at the server.
async fn leave(
    node: &Node<Shared>,
    link: Reconnect<Caller>,
    connector: &Connector,
    session: Id,
) -> Result<(), BoxError> {
    let mut state = link.state();
    link.close();
    state
        .wait_for(|state| matches!(state, State::Closed))
        .await?;
    node.record(What::Lost);
    connector.connections.read();
    connector.dialing.read();
    let guests = || node.shared().guests.of(session);
    let mut left = server_noticed_within();
    while guests() > 0 && !left.is_zero() {
        let look = Duration::from_millis(50).min(left);
        sleep(look).await;
        left -= look;
    }
    gauge::record(node, gauge::GUESTS, guests() as u64, u64::MAX);
    Ok(())
}

/// Waits so many milliseconds, or until all is well; says whether it is.
async fn pause(node: &Node<Shared>, millis: u64) -> bool {
    let pause = Duration::from_millis(millis);
    timeout(pause, node.healed()).await.is_ok()
}

fn id(chance: &mut Pcg64) -> Id {
    Id((u128::from(chance.next_u64()) << 64) | u128::from(chance.next_u64()))
}

/// A generator of its own for one of several tasks.
fn pick(chance: &mut Pcg64) -> Pcg64 {
    use rand_core::SeedableRng;
    Pcg64::seed_from_u64(chance.next_u64())
}

// === impl Temper ===

impl Temper {
    fn draw(chance: &mut Pcg64) -> Self {
        match chance.next_u64() % 3 {
            0 => Self::Busy,
            1 => Self::Even,
            _ => Self::Quiet,
        }
    }

    /// The longest pause between two calls, in milliseconds.
    fn pause_ms_max(self) -> u64 {
        match self {
            Self::Busy => 1_500,
            Self::Even => 2_000,
            Self::Quiet => 9_000,
        }
    }

    /// How many calls are made one after the other, without waiting for answers.
    fn burst_max(self) -> u64 {
        match self {
            Self::Busy => 12,
            Self::Even => 2,
            Self::Quiet => 1,
        }
    }

    /// How large they are at most, every other time: of a busy client so large that a
    /// connection that nobody hears takes no more before its end is noticed.
    fn padding_max(self) -> u64 {
        match self {
            Self::Busy => 4_000,
            Self::Even | Self::Quiet => 100,
        }
    }
}

// === impl Handle ===

impl<S> Handle<S>
where
    S: Service<Call, Response = Appended, Error = Error, Future: Send + 'static> + Send + 'static,
{
    async fn work(mut self) {
        loop {
            let millis = self.chance.next_u64() % self.temper.pause_ms_max();
            let healed = pause(&self.node, millis).await;
            while self.waiting.try_join_next().is_some() {}
            if healed {
                break;
            }
            let burst = 1 + self.chance.next_u64() % self.temper.burst_max();
            let large = self.chance.next_u64().is_multiple_of(2);
            for _ in 0..burst {
                // One in eight is given up, some of them before they are sent.
                let patience = self.chance.next_u64().is_multiple_of(8);
                let patience = patience.then(|| self.chance.next_u64() % 400);
                let padding_max = if large {
                    self.temper.padding_max()
                } else {
                    100
                };
                let padding = self.chance.next_u64() % padding_max;
                self.ask(padding, patience.map(Duration::from_millis)).await;
            }
        }
        while self.waiting.join_next().await.is_some() {}
        loop {
            self.ask(0, None).await;
            if let Some(Ok(Outcome::Acked)) = self.waiting.join_next().await {
                break;
            }
        }
    }

    /// Makes one call. Its outcome is waited for beside others, for as long as `patience`
    /// allows for all of it.
    async fn ask(&mut self, padding: u64, patience: Option<Duration>) {
        let id = id(&mut self.chance);
        let padding = u16::try_from(padding).expect("a few thousand");
        let (node, name) = (self.node.clone(), self.name.clone());
        let stream = || Name::from(STREAM);
        let record = move |what| node.record_as(name.as_str(), what);
        let stream_name = stream();
        record(What::Invoked {
            stream: stream_name,
            id,
        });
        let patience = patience.unwrap_or(Duration::MAX);
        let began = tokio::time::Instant::now();
        // Given up before it was given to anybody, or the link is closed.
        let failed = What::Failed {
            stream: stream(),
            id,
        };
        let Ok(Ok(link)) = timeout(patience, self.link.ready()).await else {
            return record(failed);
        };
        let call = link.call(Call { id, padding });
        let left = patience.saturating_sub(tokio::time::Instant::now() - began);
        self.waiting.spawn(async move {
            let unknown = What::Unknown {
                stream: stream(),
                id,
            };
            let (what, outcome) = match timeout(left, call).await {
                Ok(Ok(appended)) => {
                    let acked = What::Acked {
                        stream: stream(),
                        id,
                        position: appended.position(),
                        duplicate: false,
                    };
                    (acked, Outcome::Acked)
                }
                Ok(Err(error)) if error.sent == Sent::No => (failed, Outcome::Other),
                Ok(Err(_)) | Err(_) => (unknown, Outcome::Other),
            };
            record(what);
            outcome
        });
    }
}
