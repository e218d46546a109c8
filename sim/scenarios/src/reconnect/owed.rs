//! What is owed once all is well, and by when: each bound computed from the settings.

use std::time::Duration;

use bowline_policy::heartbeat::GRACES_MAX;
use bowline_sim::check::{Check, DetectedInTime, EveryCallEnds, NoLeak, NoStampede};
use bowline_sim::history::Name;
use bowline_sim::{Fault, Plan, Step};

use super::fails_fast::FailsFast;
use super::part::{Among, OfThoseWhoLeft, WhereAllDialed};
use super::terms::{heartbeat, schedule};
use super::{
    BUDGET, CLIENTS, CONNECT_TIMEOUT, FAILBACK, GONE_WITHIN_MS, HANDLES, HINTS, IMPATIENCE,
    LOCKED_OUT, MOVE_SPLAY, PENALTY, PROBE_PARKED_EVERY, Pace, RETIRE_WITHIN, SLACK, STABLE_AFTER,
    Terms, gauge, handle,
};
use crate::calls::SLOW_MS;

/// How long after its last byte a dead peer is noticed: the interval, every timeout and one
/// tick, and one timeout more for each grace where a clock of ours may leap.
pub(super) fn noticed_within(pace: Pace, leaps: bool) -> Duration {
    let heartbeat = heartbeat(pace).expect("it was tried at the start");
    let graces = if leaps { GRACES_MAX } else { 0 };
    heartbeat.silence_max() + heartbeat.tick() + heartbeat.timeout() * graces + SLACK
}

/// The same where a grace of the *server* gives a whole interval besides.
pub(super) fn server_noticed_within() -> Duration {
    let heartbeat = heartbeat(Pace::Slow).expect("it was tried at the start");
    noticed_within(Pace::Slow, true) + heartbeat.interval() * GRACES_MAX
}

/// The longest time that a link does nothing by itself: the cap of its backoff or of hints,
/// parked until it tries, or until somebody comes who lets it in.
fn idle_within() -> Duration {
    let cap = schedule().expect("it was tried at the start").cap();
    cap.max(HINTS.1)
        .max(PROBE_PARKED_EVERY)
        .max(LOCKED_OUT + SLACK)
}

/// How long it may take once all is well until there is a connection that works:
///
/// * the old one is noticed to be dead, or an attempt under way hangs to its end;
/// * the longest time of doing nothing;
/// * an attempt that hangs because others stand before it in line, and that time again;
/// * an attempt that succeeds.
fn connected_within() -> Duration {
    let hangs = noticed_within(Pace::Slow, true).max(CONNECT_TIMEOUT);
    hangs + idle_within() + BUDGET.wait_max.max(CONNECT_TIMEOUT) + idle_within() + CONNECT_TIMEOUT
}

/// How long a call may take once all is well: until there is a connection, and the answer,
/// which may be slow.
fn answered_within() -> Duration {
    connected_within() + slow() + SLACK
}

/// How long clients need to come to their end once all is well:
///
/// * there is a connection;
/// * an impatient call that failed just before that, and one that is answered;
/// * the finale: who goes is gone, the link comes home, begins anew, moves twice, and is closed;
/// * the server notices that we have left.
pub(super) fn live_within() -> Duration {
    let calls = connected_within() + IMPATIENCE + slow();
    let gone = Duration::from_millis(GONE_WITHIN_MS);
    let anew = noticed_within(Pace::Slow, true) + AWAY_WITHIN + RETIRE_WITHIN + 2 * STABLE_AFTER;
    let finale =
        gone + HOME_WITHIN + anew + AWAY_WITHIN + MOVED_WITHIN + 2 * slow() + CLOSED_WITHIN;
    calls + finale + server_noticed_within() + 2 * SLACK
}

/// How long it takes to come back to the best endpoint: its ejection is over, a probe finds
/// it well, others do until that counts, the splay is over, and a connection is made; and
/// once more a connect that was under way when all this began.
pub(super) const HOME_WITHIN: Duration = PENALTY
    .1
    .saturating_add(FAILBACK.0)
    .saturating_add(FAILBACK.1)
    .saturating_add(FAILBACK.2.saturating_mul(3))
    .saturating_add(CONNECT_TIMEOUT.saturating_mul(3))
    .saturating_add(SLACK);

/// How long it takes to leave a server that goes within half a second.
pub(super) const AWAY_WITHIN: Duration = CONNECT_TIMEOUT
    .saturating_mul(2)
    .saturating_add(SLACK.saturating_mul(2));

/// How long it takes to leave one that is not on the list any more.
pub(super) const MOVED_WITHIN: Duration = MOVE_SPLAY.saturating_add(AWAY_WITHIN);

/// How long calls have when a link is closed in the end: the slowest answer takes less.
pub(super) const CLOSED_WITHIN: Duration = RETIRE_WITHIN;

/// How long the slowest answer takes.
pub(super) fn slow() -> Duration {
    Duration::from_millis(*SLOW_MS.end())
}

/// In this time...
pub(super) const HERD_WITHIN: Duration = Duration::from_millis(500);

/// ...so many dials of one server at most: each client one that was under way or whose time
/// had come, and one after the floor of the backoff.
pub(super) const HERD_AT_MOST: usize = 2 * CLIENTS.len();

/// Six first delays drawn evenly from a second fall into one slot of this width once in some
/// millions of seeds; without jitter always.
const SLOT: Duration = Duration::from_millis(50);

pub(super) fn all_spread() -> impl Check + Clone {
    let apart = NoStampede::new(HERD_WITHIN, usize::MAX).spread(2, SLOT);
    WhereAllDialed::new(CLIENTS, apart)
}

pub(super) fn fails_fast() -> impl Check + Clone {
    let impatient = |client: &&str| Terms::of(client).failfast_after.is_some();
    FailsFast::new(CLIENTS.into_iter().filter(impatient), IMPATIENCE + SLACK)
}

pub(super) fn every_call_ends(plan: &Plan) -> impl Check + use<> {
    let core = plan.core().filter(|node| CLIENTS.contains(node));
    let handles = core.flat_map(|client| (0..2 * HANDLES).map(move |index| handle(client, index)));
    EveryCallEnds::new(handles.collect::<Vec<_>>(), answered_within())
}

pub(super) fn detected_in_time(plan: &Plan, pace: Pace) -> impl Check + use<> {
    let leaps = |step: &Step| matches!(step.fault, Fault::ClockJump { .. } | Fault::Freeze);
    let leaps = plan.steps.iter().any(leaps);
    let heartbeat = heartbeat(pace).expect("it was tried at the start");
    let least = if leaps {
        // After a leap one fresh probe and one timeout decide.
        heartbeat.timeout()
    } else {
        heartbeat.silence_max()
    };
    let of_pace = |client: &&str| Terms::of(client).pace == pace;
    let check = DetectedInTime::new(noticed_within(pace, leaps), least);
    Among::new(CLIENTS.into_iter().filter(of_pace), check)
}

pub(super) fn no_leak(plan: &Plan) -> impl Check + use<> {
    let at_rest = [gauge::CONNECTIONS, gauge::DIALING, gauge::GUESTS];
    OfThoseWhoLeft::new(plan, NoLeak::new(at_rest.map(|of| (Name::from(of), 0))))
}
