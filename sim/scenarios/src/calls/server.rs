//! The side that is called: appends what it is asked for at once, and answers when it likes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_link::alive::{Alive, Liveness};
use bowline_link::{AcceptNext, BoxError, Io, Listen};
use bowline_policy::heartbeat::Fixed;
use bowline_sim::history::Id;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::codec::Framed;

use super::frame::{Codec, Frame, Kind};
use super::temper::{Mood, Said, Temper};
use super::{Door, Guest, Guests, Log, Memory, Met, Order, Welcoming, Wish};

/// One answer in so many is slow.
pub const SLOW_EVERY: u64 = 8;

/// How slow, in milliseconds.
pub const SLOW_MS: RangeInclusive<u64> = 20..=1_500;

/// How many answers it owes one connection at most; who asks for more loses it.
pub const OWED_MAX: usize = 1024;

/// How long those who are turned away may take to go.
const TURNED_AWAY: Duration = Duration::from_secs(1);

/// The largest token.
const TOKEN_MAX: u64 = 1 << 40;

/// What a server works with.
#[derive(Debug)]
pub struct Serving {
    /// Where it appends.
    pub log: Log,
    /// Whom it holds connections of.
    pub guests: Guests,
    /// What it remembers of them, perhaps from an earlier start.
    pub memory: Memory,
    /// How it receives them.
    pub door: Door,
    /// What it expects of those who probe it.
    pub heartbeat: Fixed,
    /// Decides which answers are slow, and on which connections it misbehaves.
    pub chance: Pcg64,
    /// Until when it misbehaves on one connection in a few: it accepts and hangs up, or says
    /// half an answer and then nothing more, or half of one and closes.
    pub rude_until: Option<Instant>,
}

/// What all connections of one start of the server share.
#[derive(Debug)]
struct Desk {
    log: Log,
    guests: Guests,
    memory: Memory,
    door: Door,
    heartbeat: Fixed,
    chance: Mutex<Pcg64>,
    rude_until: Option<Instant>,
}

/// Somebody who has said who he is, on one connection.
#[derive(Debug)]
struct Visit {
    guest: Guest,
    session: Id,
    /// How many notices of the door are older than he is, or known to him.
    heard: u64,
    /// How many subscriptions he restores first.
    promised: u64,
    joined: u64,
    /// What he joined last.
    last: u64,
}

/// An answer, and when to give it.
type Owed = (Instant, Frame);

type Frames<I> = Framed<Alive<I>, Codec>;

/// Serves all who call, until an error that no fault of the network explains.
///
/// # Errors
///
/// When somebody asks before he has said who he is, or before he has restored what he
/// promised to, in its order.
pub async fn serve(mut listener: impl Listen, serving: Serving) -> Result<(), BoxError> {
    let desk = Arc::new(Desk {
        log: serving.log,
        guests: serving.guests,
        memory: serving.memory,
        door: serving.door,
        heartbeat: serving.heartbeat,
        chance: Mutex::new(serving.chance),
        rude_until: serving.rude_until,
    });
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            Some(ended) = connections.join_next() => {
                ended??;
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((io, _)) => {
                let desk = Arc::clone(&desk);
                connections.spawn(async move { desk.attend(io).await });
            }
            Err(error) => match AcceptNext::after_error(&error) {
                AcceptNext::AtOnce => {}
                AcceptNext::After(pause) => sleep(pause).await,
            },
        }
    }
}

// === impl Desk ===

impl Desk {
    /// Serves one connection until it ends, whatever ends it.
    async fn attend(&self, io: impl Io) -> Result<(), BoxError> {
        let temper = self.temper();
        if temper == Temper::HangsUp {
            return Ok(());
        }
        let io = Alive::new(io, self.heartbeat);
        let liveness = io.liveness();
        let (sink, stream) = Framed::new(io, Codec).split();
        let (owe, owed) = mpsc::channel(OWED_MAX);
        tokio::select! {
            biased;
            ended = self.listen(stream, liveness, owe) => ended,
            () = answer(sink, owed, temper) => Ok(()),
        }
    }

    async fn listen<I: Io>(
        &self,
        mut frames: SplitStream<Frames<I>>,
        liveness: Liveness,
        owe: mpsc::Sender<Owed>,
    ) -> Result<(), BoxError> {
        let mut guest: Option<Visit> = None;
        let (mut silent, mut closes_at) = (false, None);
        loop {
            let frame = tokio::select! {
                biased;
                order = told(guest.as_ref()) => match order {
                    Order::HangUp => break,
                    Order::FallSilent => {
                        silent = true;
                        continue;
                    }
                },
                () = at(closes_at) => break,
                wish = self.going(guest.as_ref()) => {
                    if let Some(guest) = &mut guest {
                        guest.heard = self.door.notices();
                    }
                    if wish.closes_in_ms > 0 {
                        let closes_in = Duration::from_millis(wish.closes_in_ms.into());
                        closes_at = Some(Instant::now() + closes_in);
                    }
                    let going = Frame::new(Kind::Going, Id(0), wish.pack());
                    let _ = owe.try_send((Instant::now(), going));
                    continue;
                }
                frame = frames.next() => frame,
            };
            // An end, an error and a death are one to a server.
            let Some(Ok(frame)) = frame else { break };
            let owed = self.reply(frame, &liveness, &mut guest, &mut closes_at)?;
            if !silent && owe.try_send(owed).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// What is said to a frame, and when.
    fn reply(
        &self,
        frame: Frame,
        liveness: &Liveness,
        guest: &mut Option<Visit>,
        closes_at: &mut Option<Instant>,
    ) -> Result<Owed, BoxError> {
        let now = Instant::now();
        Ok(match frame.kind {
            Kind::Hello => match self.door.welcoming() {
                Welcoming::All => {
                    let (visit, welcome) = self.receive(frame);
                    *guest = Some(visit);
                    (now, welcome)
                }
                // They hang up; if not, we do.
                Welcoming::Later(wish) => {
                    *closes_at = Some(now + TURNED_AWAY);
                    (now, Frame::new(Kind::Later, frame.id, wish.pack()))
                }
                Welcoming::Nobody => {
                    *closes_at = Some(now + TURNED_AWAY);
                    (now, Frame::new(Kind::Stranger, frame.id, 0))
                }
            },
            Kind::Ask => {
                Visit::may_ask(guest.as_ref())?;
                let appended = self.log.append(frame.id);
                let answer = Frame::new(Kind::Answer, frame.id, appended.offset);
                (now + self.think(), answer)
            }
            Kind::Join => {
                let session = Visit::join(guest.as_mut(), frame.number)?;
                self.memory.join(session, frame.number);
                (now, Frame::new(Kind::Joined, frame.id, frame.number))
            }
            Kind::Ping => {
                liveness.probed(Duration::from_millis(frame.number));
                (now, Frame::new(Kind::Pong, Id(0), 0))
            }
            Kind::Welcome
            | Kind::Answer
            | Kind::Pong
            | Kind::Later
            | Kind::Stranger
            | Kind::Going
            | Kind::Joined => {
                return Err("somebody answers what a server never asks".into());
            }
        })
    }

    /// Takes somebody in, and says what he is told.
    fn receive(&self, hello: Frame) -> (Visit, Frame) {
        let session = hello.id;
        // A token is never 0, and leaves room for what is packed beside it.
        let new = 1 + lock(&self.chance).next_u64() % TOKEN_MAX;
        let (met, token) = self.memory.meet(session, hello.number >> 8, new);
        let met = u64::from(met == Met::Before);
        let visit = Visit {
            guest: self.guests.enter(session),
            session,
            heard: self.door.notices(),
            promised: hello.number & 0xff,
            joined: 0,
            last: 0,
        };
        let welcome = Frame::new(Kind::Welcome, session, token << 1 | met);
        (visit, welcome)
    }

    async fn going(&self, guest: Option<&Visit>) -> Wish {
        match guest {
            Some(visit) => self.door.going(visit.session, visit.heard).await,
            None => std::future::pending().await,
        }
    }

    fn temper(&self) -> Temper {
        match self.rude_until {
            Some(until) if Instant::now() < until => Temper::draw(&mut *lock(&self.chance)),
            _ => Temper::Even,
        }
    }

    fn think(&self) -> Duration {
        let mut chance = lock(&self.chance);
        if !chance.next_u64().is_multiple_of(SLOW_EVERY) && !self.door.crawls() {
            return Duration::ZERO;
        }
        let (least, most) = (*SLOW_MS.start(), *SLOW_MS.end());
        Duration::from_millis(least + chance.next_u64() % (most - least + 1))
    }
}

async fn told(guest: Option<&Visit>) -> Order {
    match guest {
        Some(visit) => visit.guest.told().await,
        None => std::future::pending().await,
    }
}

/// Completes when the time has come; never, if there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

// === impl Visit ===

impl Visit {
    /// A call is for those who have come, and have restored what they promised to.
    fn may_ask(guest: Option<&Self>) -> Result<(), BoxError> {
        match guest {
            None => Err("somebody asks who has not said who he is".into()),
            Some(visit) if visit.joined < visit.promised => {
                Err("somebody asks whose subscriptions are not restored".into())
            }
            Some(_) => Ok(()),
        }
    }

    /// Notes one subscription, and says whose it is.
    fn join(guest: Option<&mut Self>, place: u64) -> Result<Id, BoxError> {
        let Some(visit) = guest else {
            return Err("somebody joins who has not said who he is".into());
        };
        if visit.joined < visit.promised && place <= visit.last {
            return Err("somebody restores subscriptions in another order".into());
        }
        visit.joined += 1;
        visit.last = place;
        Ok(visit.session)
    }
}

/// Gives each answer when it is due, in that order, until a write fails or temper does.
async fn answer<I: Io>(
    mut sink: SplitSink<Frames<I>, Said>,
    mut owed: mpsc::Receiver<Owed>,
    mut temper: Temper,
) {
    let mut waiting: BTreeMap<(Instant, u64), Frame> = BTreeMap::new();
    let mut count = 0;
    loop {
        let first = waiting.first_key_value().map(|((due, _), _)| *due);
        let due = async {
            match first {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = due => {
                let (_, frame) = waiting.pop_first().expect("one is due");
                let (said, after) = temper.say(frame);
                if sink.send(said).await.is_err() {
                    return;
                }
                match after {
                    Mood::Goes => return,
                    Mood::Sulks => std::future::pending().await,
                    Mood::Stays => {}
                }
            }
            more = owed.recv(), if waiting.len() < OWED_MAX => match more {
                Some((due, frame)) => {
                    waiting.insert((due, count), frame);
                    count += 1;
                }
                None => return,
            },
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A generator and a set are whole between any two steps of theirs.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
