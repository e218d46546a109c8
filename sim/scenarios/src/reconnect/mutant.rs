//! Parts of a client with one thing broken on purpose: what the checks must find.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::backoff::{Invalid, Jitter, Schedule};
use bowline_policy::heartbeat::Death;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// The connector's session does not fail its calls when the stream ends, nor says that
    /// it did.
    ForgetCalls,
    /// The connector does not do as the heartbeat says.
    IgnoreVerdict,
    /// The client makes a call again that may have been carried out.
    ReplayMaybe,
    /// The connector says of every call that failed that it was not sent.
    DenySending,
    /// The connector opens two streams and keeps both.
    DialTwice,
    /// No client varies how long it waits before it dials.
    NoJitter,
    /// A handle that waits is never woken.
    MissWakeUps,
    /// A handle gives back what it was granted.
    TakeGrantsBack,
    /// The session hook restores no subscription.
    SkipRestore,
    /// It restores them from the last to the first.
    RestoreBackwards,
    /// It says that every session was continued.
    LieOfSessions,
    /// It does not keep its token.
    ForgetToken,
    /// The classifier takes no hint.
    IgnoreHints,
    /// The connector dials beside the budget.
    DialBeside,
    /// Connections that are left have no time for their calls.
    CutOnMove,
    /// The reader of the events drops one in a few.
    LoseEvents,
    /// Who looks at the state sees one from a while ago.
    LookLate,
    /// No endpoint ever proves its health.
    StayAway,
    /// Every endpoint may be ejected.
    EjectAll,
    /// Lists of endpoints are dropped on their way.
    KeepOldLists,
    /// A link that is parked never tries.
    NeverProbe,
}

/// Whether the end of a connection is kept secret, which only a mutation does.
#[derive(Debug, Clone, Default)]
pub(super) struct Hushed(Arc<AtomicBool>);

/// A schedule that all who follow it follow in step.
pub(super) fn unvaried() -> Result<Schedule, Invalid> {
    Schedule::constant(Duration::from_millis(400))?.jitter(Jitter::None)
}

// === impl Hushed ===

impl Hushed {
    /// Passes on why a connection ended, unless `mutation` keeps it secret.
    pub(super) async fn tell(self, end: BoxError, mutation: Option<Mutation>) -> BoxError {
        let hushes = match mutation {
            Some(Mutation::ForgetCalls) => true,
            Some(Mutation::IgnoreVerdict) => end.is::<Death>(),
            Some(_) | None => false,
        };
        if hushes {
            self.0.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        end
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
