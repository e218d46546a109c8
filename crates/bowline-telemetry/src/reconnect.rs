//! A link's events as metrics. It keeps the one thing that counting needs, the
//! state the link is in, and asks the link nothing.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_link::causes;
use bowline_policy::Observe;
use bowline_reconnect::{ClosedReason, ConnectTimeout, Event, LostReason, Reason, Resumption};
use metrics::{Counter, Gauge, Histogram, Recorder};

use crate::{Family, LIFE, Label, Metric, NET, WAIT, Word, Words};

const TARGET: Label = Label::configured("target");

const OUTCOMES: Words = Words::new(&["ok", "refused", "reset", "timeout", "failed", "cancelled"]);
const STATES: Words = Words::new(&["connecting", "ready", "backoff", "parked"]);
const LOSSES: Words = Words::new(&[
    "died",
    "not_ready",
    "check_failed",
    "retired",
    "link_closed",
    "other",
]);
const SESSIONS: Words = Words::new(&["resumed", "fresh"]);
const ENDS: Words = Words::new(&["asked", "released", "first_failed", "panicked", "other"]);

const ATTEMPTS: Metric = Metric::counter(
    "bowline_connector_attempts_total",
    &[TARGET, Label::one_of("outcome", OUTCOMES)],
    "Attempts to connect that ended, session hook included, by how.",
);
const CONNECT: Metric = Metric::durations(
    "bowline_connector_connect_duration_seconds",
    NET,
    &[TARGET],
    "How long the attempts that succeeded took.",
);
const LINKS: Metric = Metric::gauge(
    "bowline_connector_links",
    &[TARGET, Label::one_of("state", STATES)],
    "Links by what they are doing; the sum is how many there are.",
);
const DISCONNECTS: Metric = Metric::counter(
    "bowline_connector_disconnects_total",
    &[TARGET, Label::one_of("reason", LOSSES)],
    "Connections that had been up and are gone, by who noticed first.",
);
const SESSION: Metric = Metric::durations(
    "bowline_connector_session_duration_seconds",
    LIFE,
    &[TARGET],
    "How long the connections that are gone had been up.",
);
const BACKOFF: Metric = Metric::durations(
    "bowline_connector_backoff_delay_seconds",
    WAIT,
    &[TARGET],
    "The waits chosen before the next attempt, jitter included.",
);
const RESUMES: Metric = Metric::counter(
    "bowline_connector_resumes_total",
    &[TARGET, Label::one_of("outcome", SESSIONS)],
    "Connections after a link's first, by what became of the session.",
);
const PARKED: Metric = Metric::counter(
    "bowline_connector_parked_total",
    &[TARGET],
    "Times a link stopped trying until asked.",
);
const REVIVED: Metric = Metric::counter(
    "bowline_connector_revived_total",
    &[TARGET],
    "Times a backoff or a parking ended before its time.",
);
const UNAUTHORIZED: Metric = Metric::counter(
    "bowline_connector_unauthorized_total",
    &[TARGET],
    "Times the peer did not accept who we say we are.",
);
const UNPROVEN: Metric = Metric::counter(
    "bowline_connector_unproven_total",
    &[TARGET],
    "Times the peer did not prove to be the one that was called.",
);
const CLOSED: Metric = Metric::counter(
    "bowline_connector_links_closed_total",
    &[TARGET, Label::one_of("reason", ENDS)],
    "Links that ended for good, by why.",
);

pub(crate) const CATALOGUE: &[Metric] = &[
    ATTEMPTS,
    CONNECT,
    LINKS,
    DISCONNECTS,
    SESSION,
    BACKOFF,
    RESUMES,
    PARKED,
    REVIVED,
    UNAUTHORIZED,
    UNPROVEN,
    CLOSED,
];

/// Observes one link and keeps its metrics.
///
/// Each link needs its own; those of one name add up. When it is dropped, its
/// link counts as gone, whatever was said last.
#[derive(Debug)]
pub struct ReconnectMetrics {
    attempts: Family<Counter>,
    connect: Histogram,
    links: Family<Gauge>,
    disconnects: Family<Counter>,
    session: Histogram,
    backoff: Histogram,
    resumes: Family<Counter>,
    parked: Counter,
    revived: Counter,
    unauthorized: Counter,
    unproven: Counter,
    closed: Family<Counter>,
    link: Mutex<Link>,
}

/// What was last heard of the link.
#[derive(Debug, Default)]
struct Link {
    state: Option<Word>,
    was_up: bool,
    /// The connection that takes calls.
    epoch: u64,
    /// An attempt is under way, perhaps beside that connection.
    trying: bool,
}

// === impl ReconnectMetrics ===

impl ReconnectMetrics {
    /// Registers the metrics of a link to what the settings call `target`.
    pub fn new(recorder: &dyn Recorder, target: &str) -> Self {
        let names = &[target];
        Self {
            attempts: ATTEMPTS.each(recorder, names),
            connect: CONNECT.one(recorder, names),
            links: LINKS.each(recorder, names),
            disconnects: DISCONNECTS.each(recorder, names),
            session: SESSION.one(recorder, names),
            backoff: BACKOFF.one(recorder, names),
            resumes: RESUMES.each(recorder, names),
            parked: PARKED.one(recorder, names),
            revived: REVIVED.one(recorder, names),
            unauthorized: UNAUTHORIZED.one(recorder, names),
            unproven: UNPROVEN.one(recorder, names),
            closed: CLOSED.each(recorder, names),
            link: Mutex::default(),
        }
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        // Nothing panics half-way through a change.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the link to `state`, or out of the count.
    fn now(&self, state: Option<Word>) {
        let before = std::mem::replace(&mut self.link().state, state);
        if let Some(before) = before {
            self.links.of(before).decrement(1.0);
        }
        if let Some(state) = state {
            self.links.of(state).increment(1.0);
        }
    }

    fn connecting(&self, reason: Reason) {
        self.link().trying = true;
        // The connection beside which it happens still takes the calls.
        if !reason.is_beside() {
            self.now(const { Some(STATES.word("connecting")) });
        }
    }

    fn lost(&self, epoch: u64) {
        let link = self.link();
        let orphaned = link.trying && link.epoch == epoch;
        drop(link);
        if orphaned {
            self.now(const { Some(STATES.word("connecting")) });
        }
    }

    /// An attempt under way is given up, if there is one.
    fn given_up(&self) {
        if std::mem::take(&mut self.link().trying) {
            let cancelled = const { OUTCOMES.word("cancelled") };
            self.attempts.of(cancelled).increment(1);
        }
    }

    fn connected(&self, epoch: u64, resumption: Resumption) {
        let mut link = self.link();
        link.trying = false;
        link.epoch = epoch;
        let returned = std::mem::replace(&mut link.was_up, true);
        drop(link);
        if returned {
            let session = match resumption {
                Resumption::Resumed => const { SESSIONS.word("resumed") },
                Resumption::Fresh => const { SESSIONS.word("fresh") },
            };
            self.resumes.of(session).increment(1);
        }
    }
}

impl Observe<Event> for ReconnectMetrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Connecting { reason, .. } => self.connecting(*reason),
            Event::Connected {
                epoch,
                took,
                resumption,
                ..
            } => {
                self.now(const { Some(STATES.word("ready")) });
                self.attempts.of(const { OUTCOMES.word("ok") }).increment(1);
                self.connect.record(*took);
                self.connected(*epoch, *resumption);
            }
            Event::Failed { error, .. } => {
                self.link().trying = false;
                self.attempts.of(failed(&**error)).increment(1);
            }
            Event::Lost {
                epoch,
                reason,
                lived,
                ..
            } => {
                self.lost(*epoch);
                self.disconnects.of(lost(*reason)).increment(1);
                self.session.record(*lived);
            }
            Event::BackingOff { delay, .. } => {
                self.now(const { Some(STATES.word("backoff")) });
                self.backoff.record(*delay);
            }
            Event::Parked { .. } => {
                self.given_up();
                self.now(const { Some(STATES.word("parked")) });
                self.parked.increment(1);
            }
            Event::Revived { .. } => self.revived.increment(1),
            Event::Unauthorized { .. } => self.unauthorized.increment(1),
            Event::Unproven { .. } => self.unproven.increment(1),
            Event::Closed { reason, .. } => {
                self.given_up();
                self.now(None);
                self.closed.of(ended(*reason)).increment(1);
            }
            _ => {}
        }
    }
}

impl Drop for ReconnectMetrics {
    fn drop(&mut self) {
        self.now(None);
    }
}

/// How an attempt failed, as far as any of its causes says.
fn failed(error: &(dyn Error + 'static)) -> Word {
    for cause in causes(error) {
        if cause.is::<ConnectTimeout>() {
            return const { OUTCOMES.word("timeout") };
        }
        match cause.downcast_ref().map(io::Error::kind) {
            Some(ErrorKind::TimedOut) => return const { OUTCOMES.word("timeout") },
            Some(ErrorKind::ConnectionRefused) => return const { OUTCOMES.word("refused") },
            Some(
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof,
            ) => return const { OUTCOMES.word("reset") },
            _ => {}
        }
    }
    const { OUTCOMES.word("failed") }
}

fn lost(reason: LostReason) -> Word {
    match reason {
        LostReason::Died => const { LOSSES.word("died") },
        LostReason::NotReady => const { LOSSES.word("not_ready") },
        LostReason::CheckFailed => const { LOSSES.word("check_failed") },
        LostReason::Retired => const { LOSSES.word("retired") },
        LostReason::LinkClosed => const { LOSSES.word("link_closed") },
        _ => const { LOSSES.word("other") },
    }
}

fn ended(reason: ClosedReason) -> Word {
    match reason {
        ClosedReason::Asked => const { ENDS.word("asked") },
        ClosedReason::Released => const { ENDS.word("released") },
        ClosedReason::FirstFailed => const { ENDS.word("first_failed") },
        ClosedReason::Panicked => const { ENDS.word("panicked") },
        _ => const { ENDS.word("other") },
    }
}

#[cfg(test)]
mod tests;
