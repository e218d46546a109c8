//! What each person does and when, drawn from the seed before anything happens.
//!
//! Times are the world's: a person whose clock leaps does not do things sooner for it.

use std::time::Duration;

use bowline_chat::protocol::JoinFrom;
use bowline_sim::Streams;
use rand_core::Rng;

use super::{PEOPLE, ROOMS, TROUBLE};

/// One seed in so many runs with a log so short that gaps outgrow it.
const SHORT_LOG_EVERY: u64 = 3;

/// How many messages are more than are ever said.
pub(super) const LONG_LOG: u64 = 10_000;

/// In one seed of so many everybody speaks at once while one reads nothing.
const STORM_EVERY: u64 = 4;

/// In one seed of so many messages are repeated on the way, in another also left out.
const HEARING_EVERY: u64 = 6;

/// In one seed of so many nobody speaks in one room while an answer from another is due.
const CAREFUL_EVERY: u64 = 2;

/// In one seed of so many somebody comes back having forgotten everything.
const RETURN_EVERY: u64 = 2;

/// How many times each of them says something.
const BURSTS: u64 = 12;

/// How many lines of a storm each of them says at once: together more than the events that
/// a client keeps for an application that takes none, and what a window holds of them.
const STORM_LINES: u64 = 170;

/// How long such a line is.
const STORM_BYTES: usize = 1500;

/// How long a crowd talks, where the log is short: then it forgets within a second.
pub(super) const CROWD: Duration = Duration::from_millis(2_500);

/// How long each of a crowd is silent at most between two lines.
const CROWD_PAUSE_MAX: Duration = Duration::from_millis(80);

/// Indexes of workload generators, apart from those of people.
const LOG: u64 = 1;
const STORM: u64 = 2;
const HEARING: u64 = 3;
const RETURN: u64 = 4;
const CARE: u64 = 6;
const CROWDS: u64 = 8;
const PERSON: u64 = 100;

/// One person's part.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) name: &'static str,
    /// In the order of their times.
    pub(super) acts: Vec<(Duration, Act)>,
    /// When this person takes no events.
    pub(super) nap: Option<(Duration, Duration)>,
    rooms: Vec<&'static str>,
    sessions: u32,
}

/// Something a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Begins a session, of this number.
    Arrive(u32),
    /// Enters a room.
    Join(&'static str, JoinFrom),
    /// Says so many lines of so many bytes without waiting, and waits for each of them
    /// this long at most.
    Say {
        room: &'static str,
        lines: u64,
        bytes: usize,
        patience: Option<Duration>,
    },
    /// Ends the session: with a goodbye, or as a process that is killed.
    Leave { goodbye: bool },
}

/// What becomes of messages on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    /// Each arrives once.
    Well,
    /// Some arrive twice.
    Twice,
    /// Some arrive twice and some not at all.
    Badly,
}

/// How many messages of a room the store keeps.
pub(super) fn messages_kept(streams: Streams) -> u64 {
    let mut chance = streams.workload(LOG);
    if one_in(&mut chance, SHORT_LOG_EVERY) && storm(streams).is_none() {
        12 + chance.next_u64() % 24
    } else {
        LONG_LOG
    }
}

/// What becomes of messages on their way to people.
pub(super) fn hearing(streams: Streams) -> Hearing {
    match streams.workload(HEARING).next_u64() % HEARING_EVERY {
        _ if storm(streams).is_some() => Hearing::Well,
        0 => Hearing::Twice,
        1 => Hearing::Badly,
        _ => Hearing::Well,
    }
}

/// Whether people speak in one room only when they have their answers from the other.
///
/// A client keeps the order of what is said in one room, and promises none across rooms: who
/// does not wait says things in two rooms in whatever order they get there.
pub(super) fn is_careful(streams: Streams) -> bool {
    one_in(&mut streams.workload(CARE), CAREFUL_EVERY)
}

/// When everybody speaks at once, in a seed in which they do, and who reads nothing then.
pub(super) fn storm(streams: Streams) -> Option<(Duration, &'static str)> {
    let mut chance = streams.workload(STORM);
    one_in(&mut chance, STORM_EVERY).then(|| {
        let at = between(&mut chance, TROUBLE / 4, TROUBLE / 2);
        (at, pick(&mut chance, &PEOPLE))
    })
}

/// When everybody talks without a pause, in a seed whose log is short.
pub(super) fn crowds(streams: Streams) -> Vec<Duration> {
    if messages_kept(streams) == LONG_LOG {
        return Vec::new();
    }
    let mut chance = streams.workload(CROWDS);
    let times = [TROUBLE / 3, TROUBLE * 3 / 4].into_iter();
    times
        .map(|from| between(&mut chance, from, from + TROUBLE / 8))
        .collect()
}

/// Who comes back as somebody new, in a seed in which somebody does.
fn returns(streams: Streams) -> Option<&'static str> {
    let mut chance = streams.workload(RETURN);
    one_in(&mut chance, RETURN_EVERY).then(|| pick(&mut chance, &PEOPLE))
}

// === impl Script ===

impl Script {
    /// The part that `name` plays.
    ///
    /// # Panics
    ///
    /// When nobody is called that.
    pub(super) fn of(streams: Streams, name: &str) -> Self {
        let index = PEOPLE.iter().position(|person| *person == name);
        let index = index.expect("one of the people");
        let mut chance = streams.workload(PERSON + index as u64);
        let mut script = Self {
            name: PEOPLE[index],
            acts: Vec::new(),
            nap: None,
            rooms: Vec::new(),
            sessions: 1,
        };
        script.comes(&mut chance);
        script.talks(&mut chance);
        for from in crowds(streams) {
            script.chatters(from, &mut chance);
        }
        if returns(streams) == Some(script.name) {
            script.returns(&mut chance);
        }
        if let Some((at, sleeper)) = storm(streams) {
            script.storms(at, sleeper);
        }
        script.acts.sort_by_key(|(at, _)| *at);
        script
    }

    /// Where this person is in the end.
    pub(super) fn rooms(&self) -> &[&'static str] {
        &self.rooms
    }

    /// What this person's sessions are called in the history.
    pub(super) fn sessions(&self) -> impl Iterator<Item = String> {
        (1..=self.sessions).map(|number| session(self.name, number))
    }

    /// The one that is there in the end.
    pub(super) fn last_session(&self) -> String {
        session(self.name, self.sessions)
    }

    fn comes(&mut self, chance: &mut impl Rng) {
        let arrives = match chance.next_u64() % 3 {
            0 => between(chance, TROUBLE / 8, TROUBLE / 2),
            _ => between(chance, Duration::ZERO, TROUBLE / 8),
        };
        self.acts.push((arrives, Act::Arrive(1)));
        let first = pick(chance, &[ROOMS[0], ROOMS[0], ROOMS[1]]);
        self.joins(arrives, first, chance);
        if one_in(chance, 2) {
            let second = if first == ROOMS[0] {
                ROOMS[1]
            } else {
                ROOMS[0]
            };
            // Together with the first, or when one is long at home there.
            let later = between(chance, arrives, arrives + TROUBLE / 3);
            let at = if one_in(chance, 3) { arrives } else { later };
            self.joins(at, second, chance);
        }
    }

    fn joins(&mut self, at: Duration, room: &'static str, chance: &mut impl Rng) {
        let from = match chance.next_u64() % 2 {
            0 => JoinFrom::Live,
            _ => JoinFrom::History(1 + chance.next_u64() % 40),
        };
        self.acts.push((at, Act::Join(room, from)));
        self.rooms.push(room);
    }

    fn talks(&mut self, chance: &mut impl Rng) {
        let joined: Vec<_> = self.acts.iter().filter_map(joins).collect();
        for _ in 0..BURSTS {
            let (from, room) = pick(chance, &joined);
            let at = between(chance, from, TROUBLE);
            let lines = match chance.next_u64() % 4 {
                0 => 1,
                1 | 2 => 1 + chance.next_u64() % 5,
                _ => 1 + chance.next_u64() % 20,
            };
            let impatient = one_in(chance, 6);
            let say = Act::Say {
                room,
                lines,
                bytes: 20 + (chance.next_u64() % 100) as usize,
                patience: impatient.then(|| Duration::from_millis(20 + chance.next_u64() % 3_000)),
            };
            self.acts.push((at, say));
        }
    }

    /// Says a line every few moments, in a room of its own.
    fn chatters(&mut self, from: Duration, chance: &mut impl Rng) {
        let joined = self.acts.iter().filter_map(joins);
        let Some((_, room)) = joined.min().filter(|(at, _)| *at <= from) else {
            return;
        };
        let mut at = from;
        while at < from + CROWD {
            let say = Act::Say {
                room,
                lines: 1,
                bytes: 20,
                patience: None,
            };
            self.acts.push((at, say));
            at += between(chance, Duration::from_millis(1), CROWD_PAUSE_MAX);
        }
    }

    /// Ends the session somewhere, and comes back to the same rooms a little later.
    fn returns(&mut self, chance: &mut impl Rng) {
        let came = self.acts.iter().filter_map(joins).map(|(at, _)| at).max();
        let came = came.unwrap_or_default();
        let leaves = between(chance, came, TROUBLE * 3 / 4);
        let back = leaves + between(chance, Duration::from_millis(1), TROUBLE / 8);
        // What would be said meanwhile is not.
        self.acts.retain(|(at, _)| *at < leaves || *at > back);
        let goodbye = one_in(chance, 3);
        self.acts.push((leaves, Act::Leave { goodbye }));
        self.acts.push((back, Act::Arrive(2)));
        self.sessions = 2;
        for room in self.rooms.clone() {
            let from = JoinFrom::History(chance.next_u64() % 60);
            self.acts.push((back, Act::Join(room, from)));
        }
    }

    fn storms(&mut self, at: Duration, sleeper: &'static str) {
        if self.name == sleeper {
            self.nap = Some((at, at + Duration::from_secs(5)));
            return;
        }
        let there = |(when, act): &(Duration, Act)| {
            let (_, room) = joins(&(*when, act.clone()))?;
            (*when <= at).then_some(room)
        };
        let rooms: Vec<_> = self.acts.iter().filter_map(there).collect();
        let room = rooms
            .iter()
            .find(|room| **room == ROOMS[0])
            .or(rooms.first());
        let is_there = self.acts.iter().filter(|(when, _)| *when <= at);
        let left = is_there.filter(|(_, act)| matches!(act, Act::Leave { .. }));
        if let (Some(room), 0) = (room, left.count()) {
            let say = Act::Say {
                room,
                lines: STORM_LINES,
                bytes: STORM_BYTES,
                patience: None,
            };
            self.acts.push((at, say));
        }
    }
}

/// When and where it enters a room, if it does.
fn joins((at, act): &(Duration, Act)) -> Option<(Duration, &'static str)> {
    match act {
        Act::Join(room, _) => Some((*at, room)),
        Act::Arrive(_) | Act::Say { .. } | Act::Leave { .. } => None,
    }
}

/// What the `number`th session of `name` is called.
pub(super) fn session(name: &str, number: u32) -> String {
    match number {
        1 => name.to_owned(),
        _ => format!("{name}/{number}"),
    }
}

pub(super) fn one_in(chance: &mut impl Rng, many: u64) -> bool {
    chance.next_u64().is_multiple_of(many)
}

pub(super) fn pick<T: Copy>(chance: &mut impl Rng, from: &[T]) -> T {
    from[(chance.next_u64() % from.len() as u64) as usize]
}

pub(super) fn between(chance: &mut impl Rng, least: Duration, most: Duration) -> Duration {
    let spread = most.saturating_sub(least).as_millis() as u64;
    least + Duration::from_millis(chance.next_u64() % (spread + 1))
}
