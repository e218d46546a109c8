//! The client's task: carries effects between the core, the link and the application.

use std::collections::VecDeque;
use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bowline_link::codec::FRAME_BYTES_MAX;
use bowline_link::{BoxError, Dial, Endpoint};
use bowline_reconnect::{Reconnect, Resumption, State, Verdict};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tower_service::Service;

use super::connection::Connector;
use super::core::{Core, Effect};
use super::session::{Answer, Answered, Ask, ConnectionError, Inbound, Session};
use super::{Command, EVENTS_MAX, Event, Settings, Ticket};
use crate::chain::chain;
use crate::log::MsgId;

/// What PUBLISH adds to its body, at most: the room's name, the id, the numbers.
const PUBLISH_OVERHEAD: usize = 256;

/// How long saying goodbye may take; a server that does not read hears a hang-up.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Longer than any outage.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

struct Driver {
    core: Core<Ticket>,
    link: Reconnect<Session>,
    state: watch::Receiver<State>,
    inbound: mpsc::Receiver<Inbound>,
    /// What the application has not taken yet; until it has, no frame is looked at.
    told: VecDeque<Event>,
    /// What is to be asked on the current connection, in this order.
    asks: VecDeque<Ask>,
    answers: FuturesUnordered<Answering>,
    /// Whether the last state seen was a live connection.
    up: bool,
}

type Answering = Pin<Box<dyn Future<Output = (Asked, Option<Answered>)> + Send>>;

/// Which answer it is that arrived.
enum Asked {
    Join(Arc<str>),
    Publish(Arc<str>, MsgId),
    Goodbye,
}

/// Runs a client to its end.
pub(super) async fn start<D: Dial>(
    dial: D,
    endpoint: Endpoint,
    settings: Settings,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
) {
    // As many as the application may leave waiting: neither queue makes the other useless.
    let (frames, inbound) = mpsc::channel(EVENTS_MAX);
    let connector = Connector {
        dial,
        nick: settings.nick,
        wall: settings.wall,
        inbound: frames,
        conns: Arc::new(AtomicU64::new(0)),
    };
    let mut link = Reconnect::builder(connector, endpoint, &settings.backoff)
        .connect_timeout(settings.connect_timeout)
        // A publish waits for as long as it takes; failing it would leave it behind
        // those that come after it.
        .failfast_after(FOR_EVER)
        .classify(verdict)
        .on_session(|session: Session, _| async {
            Ok(match session.enter_rooms().await? {
                true => Resumption::Resumed,
                false => Resumption::Fresh,
            })
        });
    if let Some(observer) = settings.observer {
        link = link.observer(observer);
    }
    let link = link.build();
    let driver = Driver {
        core: Core::new(),
        state: link.state(),
        link,
        inbound,
        told: VecDeque::new(),
        asks: VecDeque::new(),
        answers: FuturesUnordered::new(),
        up: false,
    };
    // A closed event queue means an application that has gone.
    let _gone = driver.run(commands, events).await;
}

/// Coming back to a server that refuses this client for what it is would not help.
fn verdict(error: &(dyn Error + 'static)) -> Verdict {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ConnectionError>() {
            return if error.may_reconnect() {
                Verdict::Retry
            } else {
                Verdict::Fatal
            };
        }
        cause = error.source();
    }
    Verdict::Retry
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Result<(), BoxError> {
        loop {
            let mut effects = Vec::new();
            let asking = !self.asks.is_empty();
            let telling = !self.told.is_empty();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    None => return Ok(()),
                    Some(Command::Close { done }) => {
                        self.goodbye().await;
                        // Whoever closed may have stopped waiting.
                        let _gone = done.send(());
                        return Ok(());
                    }
                    Some(command) => self.command(command, &mut effects),
                },
                Some((asked, answered)) = self.answers.next() => {
                    self.answered(asked, answered, &mut effects);
                }
                ready = poll_fn(|cx| Service::<Ask>::poll_ready(&mut self.link, cx)), if asking => {
                    ready?;
                    let ask = self.asks.pop_front().expect("there is something to ask");
                    self.ask(ask);
                }
                place = events.reserve(), if telling => {
                    place?.send(self.told.pop_front().expect("there is something to tell"));
                }
                changed = self.state.changed(), if !telling => {
                    changed?;
                    self.tell_state();
                }
                // Last, for it may never be quiet; everything above is bounded.
                Some(inbound) = self.inbound.recv(), if !telling => {
                    self.received(inbound, &mut effects);
                }
            }
            self.perform(effects);
        }
    }

    fn command(&mut self, command: Command, effects: &mut Vec<Effect<Ticket>>) {
        match command {
            Command::Join { room, from } => self.core.join(room, from, effects),
            Command::Publish {
                room,
                msg_id,
                body,
                ticket,
            } => self.core.publish(&room, msg_id, body, ticket, effects),
            Command::ReconnectNow => self.link.reconnect_now(),
            Command::Close { .. } => unreachable!("closing is handled where it ends the loop"),
        }
    }

    fn received(&mut self, inbound: Inbound, effects: &mut Vec<Effect<Ticket>>) {
        match inbound {
            Inbound::Welcomed {
                conn,
                user,
                durable,
                inflight_max,
                frame_bytes_max,
                rooms,
            } => {
                // What waited was meant for an earlier connection; the core asks anew.
                self.asks.clear();
                let body_max = body_max(frame_bytes_max);
                let joins = self.core.connected(conn, inflight_max, body_max, effects);
                // A hook that was given up asks again on the next connection.
                let _gone = rooms.send(joins);
                effects.push(Effect::Tell(Event::Connected { user, durable }));
            }
            Inbound::Joined { conn, joined } => self.core.joined(conn, &joined, effects),
            Inbound::JoinRefused { room, failure } => {
                self.core.join_refused(&room, &failure, effects);
            }
            Inbound::Message { conn, message } => self.core.message(conn, message, effects),
        }
    }

    fn answered(
        &mut self,
        asked: Asked,
        answered: Option<Answered>,
        effects: &mut Vec<Effect<Ticket>>,
    ) {
        // Without an answer the connection is gone, and the next one takes it up.
        let Some(Answered { conn, answer }) = answered else {
            return;
        };
        match (asked, answer) {
            (Asked::Publish(room, msg_id), Answer::Published(published)) => {
                self.core
                    .published(conn, &room, msg_id, &published, effects);
            }
            (Asked::Publish(room, msg_id), Answer::Refused(failure)) => {
                self.core
                    .publish_refused(conn, &room, msg_id, failure, effects);
            }
            (Asked::Join(room), Answer::Refused(failure)) => {
                self.core.join_refused(&room, &failure, effects);
            }
            // JOINED comes in order with what follows it.
            (Asked::Join(_), _) | (Asked::Publish(..), _) | (Asked::Goodbye, _) => {}
        }
    }

    /// Starts a call; the link has granted it.
    fn ask(&mut self, ask: Ask) {
        let asked = match &ask {
            Ask::Join { room, .. } => Asked::Join(room.clone()),
            Ask::Publish { room, msg_id, .. } => {
                self.core.sent(room, *msg_id);
                Asked::Publish(room.clone(), *msg_id)
            }
            Ask::Goodbye => Asked::Goodbye,
        };
        let call = self.link.call(ask);
        self.answers
            .push(Box::pin(async move { (asked, call.await.ok()) }));
    }

    fn perform(&mut self, effects: Vec<Effect<Ticket>>) {
        for effect in effects {
            match effect {
                Effect::Join { room, from } => self.asks.push_back(Ask::Join { room, from }),
                Effect::Publish { room, msg_id, body } => {
                    self.asks.push_back(Ask::Publish { room, msg_id, body });
                }
                Effect::Tell(event) => self.told.push_back(event),
                Effect::Resolve(ticket, outcome) => {
                    // The application may have stopped waiting.
                    let _gone = ticket.answer.send(outcome);
                }
            }
        }
    }

    /// Tells what became of the link. A state too short to be seen is not told.
    fn tell_state(&mut self) {
        let (retry, error) = match &*self.state.borrow_and_update() {
            State::Ready { .. } => {
                self.up = true;
                return;
            }
            State::Backoff {
                delay,
                attempt,
                error,
                ..
            } => (Some((*attempt, *delay)), chain(error)),
            State::Parked { error, .. } => (None, chain(error)),
            _ => return,
        };
        if std::mem::take(&mut self.up) {
            let reason = error.clone();
            self.told.push_back(Event::Lost { reason });
        }
        let reason = error;
        self.told.push_back(match retry {
            Some((attempt, after)) => Event::Retrying {
                attempt,
                after,
                reason,
            },
            None => Event::Parked { reason },
        });
    }

    /// Says goodbye if there is anybody to say it to, and closes the link.
    async fn goodbye(mut self) {
        if matches!(&*self.state.borrow(), State::Ready { .. }) {
            let said = async {
                poll_fn(|cx| Service::<Ask>::poll_ready(&mut self.link, cx)).await?;
                self.link.call(Ask::Goodbye).await
            };
            // Unheard, it is a hang-up, which the server understands too.
            let _unheard = timeout(GOODBYE_TIMEOUT, said).await;
        }
        self.link.close();
    }
}

fn body_max(frame_bytes_max: u64) -> usize {
    // However much the server would take, our frames have a limit of their own.
    usize::try_from(frame_bytes_max)
        .unwrap_or(usize::MAX)
        .min(FRAME_BYTES_MAX)
        .saturating_sub(PUBLISH_OVERHEAD)
}
