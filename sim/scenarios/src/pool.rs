//! The pool world: two applications whose callers fight for connections to two servers. One
//! has two pools under one budget, the other a pool with a hook on return; one prefers the
//! first server, the other weighs them.
//!
//! The callers check out with a deadline, ask, change their mind at any point, and leave
//! connections dirty behind them, while everything that can go wrong does. Whatever they
//! did, an answer must never reach another than who asked, no limit may be passed, and
//! afterwards each application must get all that its pool may hold, at the same time.
//! Meanwhile the pools are cleared, resized, suspended and drained, and the servers hang up
//! on whom they accepted, or in the middle of an answer.
//!
//! The callers take whatever answer comes next for their own, as with a protocol without
//! ids: keeping the answers apart is left to the pool alone.

mod application;
mod books;
mod caller;
mod chance;
mod finale;
mod gauge;
mod lender;
mod line;
mod meddler;
mod mutant;
mod pulse;
mod shared;
mod terms;
#[cfg(test)]
mod tests;
mod watch;

use std::time::Duration;

use bowline_sim::check::{
    AckedIsKept, EveryCallEnds, NoLeak, OneOrder, RealTimeOrder, Store, WithinLimits,
};
use bowline_sim::history::Name;
use bowline_sim::{Direction, Fault, Scenario, Shape, Topology};

pub use mutant::Mutation;
pub use shared::Shared;

use gauge::Rest;

/// How long things go wrong.
const TROUBLE: Duration = Duration::from_secs(20);

/// How many faults a seed brings.
const FAULTS: usize = 8;

/// How long a fault lasts, in milliseconds; the longest outlives every limit below.
const FAULT_MS: std::ops::RangeInclusive<u64> = 50..=4_000;

/// The servers, the preferred one first.
const SERVERS: [&str; 2] = ["server", "spare"];

/// Where they listen.
const PORT: u16 = 7400;

/// The applications.
const APPLICATIONS: [&str; 2] = ["shop", "desk"];

/// How many callers share one pool.
const CALLERS: usize = 12;

/// How many connections a pool may hold: a third of what would please everybody.
const MAX: usize = 4;

/// How many connections the pools of one application may hold together.
const BUDGET: usize = 6;

/// How many connections a pool keeps open.
const MIN: usize = 1;

/// How many dials a pool may have under way.
const DIALS_MAX: usize = 2;

/// How many callers may stand in line: not all of them, so that some are turned away when
/// there is no connection at all.
const WAITERS_MAX: usize = 10;

/// How long a pool lets a caller wait.
const WAIT: Duration = Duration::from_millis(1_000);

/// How long a connect may take.
const CONNECT: Duration = Duration::from_millis(800);

/// How often a pool looks at what is parked.
const SWEEP: Duration = Duration::from_millis(200);

/// How long one check may take.
const CHECK: Duration = Duration::from_millis(300);

/// Over how long a pool spreads the dials for what it keeps open.
const WARM_UP: Duration = Duration::from_millis(300);

/// How long callers are patient while every dial fails.
const FAIL_FAST: Duration = Duration::from_millis(600);

/// How far clocks may leap before everything parked is checked.
const LEAP: Duration = Duration::from_secs(2);

/// How far apart connections move from one server to the other.
const MOVE_GAP: Duration = Duration::from_millis(300);

/// How long a connection may live.
const AGE: Duration = Duration::from_secs(4);

/// The first delay after a failed dial, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1_000));

/// How long a caller waits for an answer before it gives its connection up.
///
/// On a whole network every answer comes sooner: the server's slowest takes 1.5 s.
const CALL: Duration = Duration::from_millis(2_000);

/// How many calls a caller makes on one connection at most.
const CALLS_MAX: u64 = 3;

/// How long a caller does nothing at most.
const PAUSE: Duration = Duration::from_millis(1_500);

/// How long an application is busy, and then how long it is not.
const SEASON: Duration = Duration::from_millis(2_500);

/// After how much silence the server hangs up. Longer than [`CALL`]: who waits for an
/// answer says nothing.
const SILENCE: Duration = Duration::from_millis(3_000);

/// How long an application rests after a call failed when it owes itself an answer: were no
/// connection ever good, it would otherwise try for ever in no time.
const RETRY: Duration = Duration::from_millis(50);

/// How long the pools of one application fight for more than there is.
const FIGHT: Duration = Duration::from_millis(1_500);

/// How long after everything was given back the books are read.
const SETTLE: Duration = Duration::from_millis(100);

/// What everything takes that has no limit of its own: round trips, and answers that the
/// server takes its time for.
const SLACK: Duration = Duration::from_millis(1_000);

/// The world, with one thing broken on purpose if asked for.
pub fn scenario(mutation: Option<Mutation>) -> Scenario<Shared> {
    Scenario::sharing("pool", |_| Shared::default())
        .hosts(SERVERS, shared::serve)
        .clients(APPLICATIONS, move |node| application::run(node, mutation))
        .trouble(TROUBLE)
        .live_within(recovery())
        .shape(shape)
        .afterwards(shared::last_word)
        .check(AckedIsKept::new(Store::Durable))
        .check(OneOrder)
        .check(RealTimeOrder)
        .check(EveryCallEnds::new(APPLICATIONS.map(Name::from), turn()))
        .check(WithinLimits)
        .check(NoLeak::new(Rest::ALL.map(|rest| (rest.name().into(), 0))))
}

fn shape(topology: &Topology) -> Shape {
    let silence = Fault::Stall {
        direction: Direction::Both,
    };
    let flap = Fault::Flap {
        down_ms: 1_500,
        up_ms: 300,
    };
    [silence, flap, Fault::BlackHole].into_iter().fold(
        Shape::new(FAULTS, FAULT_MS).everything(topology),
        |shape, fault| shape.for_good(fault, APPLICATIONS),
    )
}

/// What one call takes at most from the decision to make it, on a whole network: the wait
/// in line, then the answer.
fn turn() -> Duration {
    WAIT + CALL + SLACK
}

/// What it takes to get every connection that a pool may hold, once nobody else wants one:
///
/// * a call each on connections that died unnoticed ([`CALL`]), all at once, since each is
///   held by one who finds that out;
/// * a dial under way that nobody answers any more ([`CONNECT`]);
/// * the delay after that one, and after a connection that was dead before it served
///   (twice the longest of [`BACKOFF`]);
/// * the dials, and a call on each connection ([`CALL`]).
fn last_turn() -> Duration {
    CALL + CONNECT + 2 * BACKOFF.1 + CALL + SLACK
}

/// What callers need to bring back what they hold: all their calls, and one more that they
/// leave to others.
fn brought_back() -> Duration {
    let calls = u32::try_from(CALLS_MAX).expect("a few");
    (calls + 1) * CALL + SLACK
}

/// How long after the last fault every application has come to its end:
///
/// * its callers stop, the last of them having just gone to sleep ([`PAUSE`]) or in line,
///   with all its calls before it ([`WAIT`], [`CALLS_MAX`] times [`CALL`]);
/// * it ends what it does to its pools ([`brought_back`]);
/// * for each of at most two pools it takes all that it may hold ([`last_turn`]), has all
///   that replaced when no dial is held back any more (the longest of [`BACKOFF`],
///   [`WAIT`]), and calls when connections have ended and when they are silent (twice
///   [`WAIT`] and [`CALL`], and as long as silence goes unnoticed, within [`CALL`]);
/// * the pools fight for the budget ([`FIGHT`]), and are drained.
fn recovery() -> Duration {
    let calls = u32::try_from(CALLS_MAX).expect("a few");
    let each = last_turn() + BACKOFF.1 + WAIT + 2 * (WAIT + CALL) + CALL + SLACK;
    PAUSE + WAIT + calls * CALL + brought_back() + 2 * each + FIGHT + 2 * SLACK
}
