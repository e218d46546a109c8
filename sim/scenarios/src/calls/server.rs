//! The side that is called: appends what it is asked for at once, and answers when it likes.

use std::collections::{BTreeMap, BTreeSet};
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
use super::{Guest, Guests, Log, Order};

/// One answer in so many is slow.
pub const SLOW_EVERY: u64 = 8;

/// How slow, in milliseconds.
pub const SLOW_MS: RangeInclusive<u64> = 20..=1_500;

/// How many answers it owes one connection at most; who asks for more loses it.
pub const OWED_MAX: usize = 1024;

/// What a server works with.
#[derive(Debug)]
pub struct Serving {
    /// Where it appends.
    pub log: Log,
    /// Whom it holds connections of.
    pub guests: Guests,
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
    heartbeat: Fixed,
    chance: Mutex<Pcg64>,
    rude_until: Option<Instant>,
    met: Mutex<BTreeSet<Id>>,
}

/// An answer, and when to give it.
type Owed = (Instant, Frame);

type Frames<I> = Framed<Alive<I>, Codec>;

/// Serves all who call, until an error that no fault of the network explains.
///
/// # Errors
///
/// When somebody asks before he has said who he is.
pub async fn serve(mut listener: impl Listen, serving: Serving) -> Result<(), BoxError> {
    let desk = Arc::new(Desk {
        log: serving.log,
        guests: serving.guests,
        heartbeat: serving.heartbeat,
        chance: Mutex::new(serving.chance),
        rude_until: serving.rude_until,
        met: Mutex::default(),
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
        let mut guest: Option<Guest> = None;
        let mut silent = false;
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
                frame = frames.next() => frame,
            };
            // An end, an error and a death are one to a server.
            let Some(Ok(frame)) = frame else { break };
            let now = Instant::now();
            let owed = match frame.kind {
                Kind::Hello => {
                    let met = !lock(&self.met).insert(frame.id);
                    guest = Some(self.guests.enter(frame.id));
                    (now, Frame::new(Kind::Welcome, frame.id, met.into()))
                }
                Kind::Ask if guest.is_none() => {
                    return Err("somebody asks who has not said who he is".into());
                }
                Kind::Ask => {
                    let appended = self.log.append(frame.id);
                    let answer = Frame::new(Kind::Answer, frame.id, appended.offset);
                    (now + self.think(), answer)
                }
                Kind::Ping => {
                    liveness.probed(Duration::from_millis(frame.number));
                    (now, Frame::new(Kind::Pong, Id(0), 0))
                }
                Kind::Welcome | Kind::Answer | Kind::Pong => {
                    return Err("somebody answers what a server never asks".into());
                }
            };
            if !silent && owe.try_send(owed).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn temper(&self) -> Temper {
        match self.rude_until {
            Some(until) if Instant::now() < until => Temper::draw(&mut *lock(&self.chance)),
            _ => Temper::Even,
        }
    }

    fn think(&self) -> Duration {
        let mut chance = lock(&self.chance);
        if !chance.next_u64().is_multiple_of(SLOW_EVERY) {
            return Duration::ZERO;
        }
        let (least, most) = (*SLOW_MS.start(), *SLOW_MS.end());
        Duration::from_millis(least + chance.next_u64() % (most - least + 1))
    }
}

async fn told(guest: Option<&Guest>) -> Order {
    match guest {
        Some(guest) => guest.told().await,
        None => std::future::pending().await,
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
