//! The time in which a connection is up: whether it ends, whether its server
//! will go, whether it is old, suspect or not the best there is.

use std::sync::Arc;

use bowline_link::BoxError;
use bowline_policy::backoff::Proof;
use bowline_policy::lifetime::Age;
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use super::Driver;
use super::beside::{Beside, Worked};
use super::connecting::{Attempt, Made};
use super::judging::Failed;
use super::leaving::Notice;
use crate::classify::Phase;
use crate::connection::{Connection, Live};
use crate::link::Link;
use crate::session::{BoxFuture, Check, Heard};
use crate::slot::Target;
use crate::{Established, Hint, LostReason, State, Verdict};

/// The connection that is up.
pub(super) struct Current {
    pub(super) connection: Arc<Connection>,
    pub(super) closed: BoxFuture<BoxError>,
    pub(super) check: Option<Check>,
    pub(super) age: Option<Age>,
    pub(super) redirected: bool,
    /// The server said that it will go.
    pub(super) notice: Option<Notice>,
    heard: Option<Heard>,
    /// Until it has been heard.
    going: Option<BoxFuture<Hint>>,
}

/// How the time of a connection ended.
pub(super) enum Ended<S> {
    /// There is none.
    Failed(Verdict, Failed),
    /// There is none, and another one was being made already.
    Trying(Attempt<S>),
}

enum Turn<S> {
    Over,
    Died(BoxError),
    Going(Hint),
    Listed,
    Reset,
    Worked(Worked<S>),
    Due,
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// Lets calls pass until there is no connection any more.
    pub(super) async fn live(&mut self, made: Made<S>) -> Ended<S> {
        let mut current = self.install(made);
        let mut beside = Beside::Idle;
        self.leaps.begin(Instant::now());
        loop {
            let due = self.due_at(&current, &beside);
            let turn = turn(self.link(), &mut current, &mut beside, due).await;
            beside = match turn {
                Turn::Over => return self.over(&current, beside),
                Turn::Died(reason) => {
                    let died = LostReason::Died;
                    current.connection.finish(died, reason.into());
                    return self.over(&current, beside);
                }
                Turn::Going(hint) => self.leave(&mut current, hint, beside),
                Turn::Reset => self.reset_beside(beside),
                Turn::Listed => self.listed(&current, beside),
                Turn::Worked(worked) => self.worked(&mut current, worked),
                Turn::Due => self.due(&current, beside),
            };
        }
    }

    /// Makes a connection the one that takes calls.
    pub(super) fn install(&mut self, made: Made<S>) -> Current {
        let Made {
            to,
            attempt,
            epoch,
            established,
            resumption,
        } = made;
        let Established {
            service,
            closed,
            heard,
            going,
            check,
        } = established;
        let now = Instant::now();
        let proof = match heard {
            Some(_) => Proof::TimeAndBytes,
            None => Proof::Time,
        };
        self.backoff.connected(now.into_std(), proof);
        self.was_up = true;
        let endpoint = to.endpoint;
        let span = tracing::debug_span!("session", %endpoint, epoch, ?resumption);
        let connection = Connection::new(endpoint.clone(), epoch, attempt, now);
        let connection = Arc::new(connection);
        let link = self.link();
        link.open().push(Arc::clone(&connection));
        link.state.send_replace(State::Ready {
            epoch,
            resumption,
            endpoint,
        });
        let live = Live::new(Arc::clone(&connection), service);
        link.slot.replace(Target::Live(Arc::new(live)));
        let lifetime = self.lifetime.as_mut();
        Current {
            connection,
            closed: Box::pin(closed.instrument(span)),
            check,
            age: lifetime.map(|planner| planner.born(now.into_std())),
            redirected: to.redirected,
            notice: None,
            heard,
            going: Some(going),
        }
    }

    /// Takes note of the end of a connection that took calls, and says whether
    /// it had been stable.
    pub(super) fn ended(&mut self, current: &Current) -> bool {
        if current.was_heard() {
            self.backoff.heard();
        }
        // What it was told to leave counts as up no longer.
        let now = Instant::now();
        let until = current.notice.as_ref().map_or(now, |it| it.heard_at);
        self.backoff.lost(until.into_std());
        if let (Some(planner), Some(age)) = (&mut self.lifetime, current.age) {
            planner.gone(age);
        }
        if self.backoff.attempts() == 0 {
            self.attempt = 0;
        }
        let stable = self.is_stable(current);
        if stable {
            (self.redirects, self.sent_away) = (0, 0);
        }
        stable
    }

    /// Whether `current` was up for long enough to be above suspicion.
    pub(super) fn is_stable(&self, current: &Current) -> bool {
        let now = Instant::now();
        let until = current.notice.as_ref().map_or(now, |it| it.heard_at);
        let up = until.saturating_duration_since(current.connection.since);
        current.was_heard() && up >= self.backoff.schedule().up_min()
    }

    /// There is no connection any more.
    fn over(&mut self, current: &Current, beside: Beside<S>) -> Ended<S> {
        let link = Arc::clone(self.link());
        link.slot.replace(Target::Down);
        let stable = self.ended(current);
        let connection = &current.connection;
        let reason = connection.close().reason;
        let failed = Failed {
            endpoint: connection.endpoint.clone(),
            attempt: connection.attempt,
            error: link.tell_lost(connection),
            phase: Phase::Up(reason),
            stable,
        };
        let verdict = self.judge(&failed);
        match beside {
            Beside::Trying { attempt, to, tries } if !verdict.is_final() => {
                self.attempt = self.attempt.max(tries);
                link.trying(tries, to);
                Ended::Trying(attempt)
            }
            Beside::Idle
            | Beside::Waiting { .. }
            | Beside::Trying { .. }
            | Beside::Probing { .. }
            | Beside::Checking(_) => Ended::Failed(verdict, failed),
        }
    }
}

// === impl Current ===

impl Current {
    /// Whether its heartbeat, if there is one, heard anything.
    fn was_heard(&self) -> bool {
        self.heard.as_ref().is_none_or(|heard| heard())
    }
}

/// Waits for the next thing to happen.
async fn turn<S: Clone + Send + 'static>(
    link: &Link<S>,
    current: &mut Current,
    beside: &mut Beside<S>,
    due: Option<Instant>,
) -> Turn<S> {
    tokio::select! {
        biased;
        // A handle found the service unwilling.
        () = current.connection.over() => Turn::Over,
        reason = &mut current.closed => Turn::Died(reason),
        hint = notice(&mut current.going) => Turn::Going(hint),
        () = link.orders.listed.notified() => Turn::Listed,
        () = link.orders.reset.notified() => Turn::Reset,
        worked = beside.work() => Turn::Worked(worked),
        () = at(due) => Turn::Due,
    }
}

/// The word that a server will go, once.
async fn notice(going: &mut Option<BoxFuture<Hint>>) -> Hint {
    match going {
        Some(notice) => {
            let hint = notice.await;
            *going = None;
            hint
        }
        None => std::future::pending().await,
    }
}

/// Completes when the time has come; never, if there is none.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
