//! The policy itself: one call's way through its replays, and the account that
//! all calls share. When a replay begins is the pauses' to say.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_policy::Observe;
use bowline_policy::budget::{Retries, RetrySettings};
use tokio::time::Instant;
use tower::retry::backoff::{Backoff, MakeBackoff};

use super::{Event, Log, Replay, SaysSent, Why};
use crate::Sent;

/// How often one call is made again unless told: with a `Reconnect` below, which
/// itself waits for the next connection, each of them is a connection that broke,
/// and one that waited in vain is not made again.
pub const REPLAYS_MAX_DEFAULT: u32 = 3;

/// What may be made again, of all calls together. Clones share it; give one to
/// each policy towards the same peers.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Mutex<Retries>>);

/// Makes failed calls again that may be: a policy for tower's `Retry`.
///
/// Made again is a call whose error says that it was [not sent](Sent::No), and
/// one that declares itself [replayable](Replay::is_replayable); each at most
/// [`REPLAYS_MAX_DEFAULT`] times unless told, and all together within the
/// [`Budget`]. Before each replay it waits as `M` says. Responses are never
/// judged: what came back was carried out.
///
/// Put the time limit that a caller has in mind above the `Retry`, or it holds
/// for each try anew.
///
/// # Cancellation
///
/// A call that is dropped is not made again; what it took from the budget is
/// spent.
pub struct Policy<M: MakeBackoff> {
    budget: Budget,
    pauses: M,
    replays_max: u32,
    observer: Arc<dyn Observe<Event>>,
    /// Of the call that this copy is for.
    replays: u32,
    pausing: Option<M::Backoff>,
}

// === impl Budget ===

impl Budget {
    /// Opens an account.
    pub fn new(settings: RetrySettings) -> Self {
        let now = Instant::now().into_std();
        Self(Arc::new(Mutex::new(Retries::new(settings, now))))
    }

    /// What is left, in thousandths of a replay.
    pub fn balance(&self) -> i128 {
        self.account().balance(Instant::now().into_std())
    }

    fn deposit(&self) {
        self.account().deposit(Instant::now().into_std());
    }

    fn withdraw(&self) -> bool {
        let now = Instant::now().into_std();
        self.account().withdraw(now).is_ok()
    }

    fn account(&self) -> MutexGuard<'_, Retries> {
        // No arithmetic in there can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Policy ===

impl<M: MakeBackoff> Policy<M> {
    /// Makes calls again as far as `budget` goes, after `pauses`.
    pub fn new(budget: Budget, pauses: M) -> Self {
        Self {
            budget,
            pauses,
            replays_max: REPLAYS_MAX_DEFAULT,
            observer: Arc::new(Log),
            replays: 0,
            pausing: None,
        }
    }

    /// Makes one call again at most this often; 0 never does.
    #[must_use]
    pub fn replays_max(mut self, replays: u32) -> Self {
        self.replays_max = replays;
        self
    }

    /// Tells `observer` what is decided, instead of [`Log`]. It is called in
    /// the task of the call, so it must not block.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// Why the call is not made again, or nothing if it is; that is then paid for.
    fn refusal(&self, replayable: bool, error: &impl SaysSent) -> Option<Why> {
        if error.sent() == Sent::Maybe && !replayable {
            Some(Why::NotReplayable)
        } else if !error.may_pass() {
            Some(Why::Hopeless)
        } else if self.replays >= self.replays_max {
            Some(Why::Often)
        } else if !self.budget.withdraw() {
            Some(Why::OverBudget)
        } else {
            None
        }
    }
}

impl<M, Req, Res, E> tower::retry::Policy<Req, Res, E> for Policy<M>
where
    M: MakeBackoff,
    Req: Replay,
    E: SaysSent,
{
    type Future = <M::Backoff as Backoff>::Future;

    fn retry(&mut self, request: &mut Req, result: &mut Result<Res, E>) -> Option<Self::Future> {
        let error = result.as_ref().err()?;
        let sent = error.sent();
        let replays = self.replays;
        if let Some(why) = self.refusal(request.is_replayable(), error) {
            self.observer
                .observe(&Event::GivenUp { sent, replays, why });
            return None;
        }
        self.replays += 1;
        self.observer.observe(&Event::Replayed {
            sent,
            replays: self.replays,
        });
        let pausing = self
            .pausing
            .get_or_insert_with(|| self.pauses.make_backoff());
        Some(pausing.next_backoff())
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        // tower asks before the first try too, and that is the one that pays.
        if self.replays == 0 {
            self.budget.deposit();
        }
        request.copy()
    }
}

impl<M: MakeBackoff + Clone> Clone for Policy<M> {
    /// For another call: it shares the budget, and none of this one's past.
    fn clone(&self) -> Self {
        Self {
            budget: self.budget.clone(),
            pauses: self.pauses.clone(),
            replays_max: self.replays_max,
            observer: Arc::clone(&self.observer),
            replays: 0,
            pausing: None,
        }
    }
}

impl<M: MakeBackoff> fmt::Debug for Policy<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("budget", &self.budget)
            .field("replays_max", &self.replays_max)
            .field("replays", &self.replays)
            .finish_non_exhaustive()
    }
}
