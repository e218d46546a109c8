//! The heartbeat world: six clients probe one server, which answers, in two kinds of seeds.
//!
//! In the *deadly* ones a client's bytes stop for longer than any heartbeat should bear,
//! under full write load, over slow links, on quiet ones: it must notice in time. In the
//! *harmless* ones answers are late but not too late, processes freeze and go on, clocks leap
//! and readers pause: nobody may be given up who did not deserve it. In both the server is
//! dialed by its name, and the answers to that go wrong too.

mod client;
mod deserved;
mod link;
mod plan;
mod rival;
mod server;
#[cfg(test)]
mod tests;
mod user;
mod words;

use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::heartbeat::{self, Adaptive, Fixed, GRACES_MAX, Ladder, Policy};
use bowline_sim::Scenario;
use bowline_sim::check::{Check, DetectedInTime};
use bowline_sim::history::Name;
use bowline_sim::names::Zone;

use deserved::{Deserved, OfThese};
pub use rival::Rival;
use user::Temper;

/// How long things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(24);

/// Who is called.
const SERVER: &str = "server";

/// Where it listens.
const PORT: u16 = 7400;

/// Who knows where that is.
const NAMES: &str = "names";

/// How long an answer of it is good.
const TTL: Duration = Duration::from_secs(1);

/// A client, what it does with its connection, and by which heartbeat.
#[derive(Debug, Clone, Copy)]
struct Client {
    name: &'static str,
    temper: Temper,
    beat: Beat,
}

/// Which of the two heartbeats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beat {
    Fixed,
    Adaptive,
}

/// The clients.
const CLIENTS: [Client; 6] = [
    Client::new("ann", Temper::Floods, Beat::Fixed),
    Client::new("bob", Temper::Floods, Beat::Adaptive),
    Client::new("cem", Temper::Asks, Beat::Fixed),
    Client::new("dan", Temper::Asks, Beat::Adaptive),
    Client::new("eve", Temper::Pauses, Beat::Fixed),
    Client::new("fay", Temper::Listens, Beat::Adaptive),
];

/// How long reading may be paused: longer than anybody does, though a freeze comes on top.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How long an answer may take, of either heartbeat.
const TIMEOUT: Duration = Duration::from_millis(600);

/// The interval of the fixed one.
const FIXED_INTERVAL: Duration = Duration::from_millis(1_500);

/// How many answers in a row it may miss.
const FIXED_MISSES: u32 = 2;

/// The same of the adaptive one.
const ADAPTIVE_MISSES: u32 = 3;

/// How long a dial may take.
const DIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a client waits before it dials again.
const REDIAL_AFTER: Duration = Duration::from_millis(100);

/// What a network that is well may add to any of these: round trips, and the steps in which
/// the simulator sees time.
const SLACK: Duration = Duration::from_millis(500);

/// The world; with a rival, its heartbeat is in the place of ours.
pub fn scenario(rival: Option<Rival>) -> Scenario<()> {
    Scenario::new("heartbeat")
        .hosts([SERVER], server::run)
        .name_server(NAMES, Zone::new(TTL))
        .clients(CLIENTS.map(|client| client.name), move |node| {
            client::run(node, rival)
        })
        .trouble(TROUBLE)
        .live_within(live_within())
        .plan(plan::draw)
        .check_by(|plan| Box::new(Deserved::new(plan)))
        .check(noticed(Beat::Fixed))
        .check(noticed(Beat::Adaptive))
}

// === impl Client ===

impl Client {
    const fn new(name: &'static str, temper: Temper, beat: Beat) -> Self {
        Self { name, temper, beat }
    }

    /// The client of this name.
    fn named(name: &str) -> Self {
        let found = CLIENTS.into_iter().find(|client| client.name == name);
        found.expect("every client of the world is in the table")
    }
}

// === impl Beat ===

impl Beat {
    fn policy(self) -> Result<Policy, heartbeat::Invalid> {
        Ok(match self {
            Self::Fixed => Fixed::new(FIXED_INTERVAL, TIMEOUT, FIXED_MISSES)?
                .pause_max(PAUSE_MAX)?
                .into(),
            Self::Adaptive => Adaptive::new(LADDER, TIMEOUT, ADAPTIVE_MISSES)?.into(),
        })
    }

    /// How long probes go unanswered before a peer is given up.
    fn timeouts(self) -> Duration {
        match self {
            Self::Fixed => TIMEOUT * FIXED_MISSES,
            Self::Adaptive => TIMEOUT * ADAPTIVE_MISSES,
        }
    }

    /// The shortest silence after which a peer may be given up.
    fn least(self) -> Duration {
        let interval = match self {
            Self::Fixed => FIXED_INTERVAL,
            Self::Adaptive => LADDER.fast,
        };
        interval + self.timeouts()
    }

    /// How long after its last byte a silent peer is dead.
    fn bound(self) -> Duration {
        let policy = self.policy().expect("it was tried at the start");
        policy.silence_max() + policy.tick()
    }
}

/// A ladder that is climbed within a run.
const LADDER: Ladder = Ladder {
    fast: Duration::from_millis(250),
    start: Duration::from_millis(600),
    steady: Duration::from_millis(1_200),
    max: Duration::from_secs(3),
};

/// Whoever goes by `beat` notices a silent peer within its bound. One who pauses reading does
/// not count silence meanwhile, and is left out.
fn noticed(beat: Beat) -> impl Check + Clone {
    let those = CLIENTS
        .iter()
        .filter(|client| client.beat == beat && client.temper != Temper::Pauses)
        .map(|client| Name::from(client.name));
    let check = DetectedInTime::new(beat.bound() + SLACK, beat.least());
    OfThese::new(those.collect(), check)
}

/// How long clients need to come to their end once all is well: the longest silence, with a
/// fresh chance for each leap of a clock; dials that go where a wrong answer led, as long as
/// that is good, and one that hangs; a dial, a question, its answer.
fn live_within() -> Duration {
    let silence = Beat::Adaptive.bound().max(Beat::Fixed.bound());
    silence + TIMEOUT * GRACES_MAX + TTL + (DIAL_TIMEOUT + REDIAL_AFTER) * 3 + SLACK * 2
}

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// The peer was given up after such a silence.
    GaveUp(Duration),
    /// The connection broke, or somebody closed it.
    Broke(BoxError),
    /// All is well, and the last question was answered.
    Done,
}
