//! What a dial is waiting for, told by the layer that waits to whoever put the deadline
//! round it. It bounds nothing by itself.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a dial was waiting for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialStep {
    /// Its turn in the line of a [`DialBudget`](crate::dial_budget::DialBudget).
    InLine,
    /// The resolver.
    Resolving,
    /// This address.
    Connecting(SocketAddr),
    /// The peer's side of this handshake, for example `"SOCKS5"`.
    Handshake(&'static str),
}

tokio::task_local! {
    /// Where the steps of the dial that is being polled are told.
    static TOLD: Arc<Steps>;
}

/// The steps of one dial under one deadline.
#[derive(Debug, Default)]
struct Steps {
    under_way: Mutex<UnderWay>,
    /// A deadline further out, which wants to know as well.
    around: Option<Arc<Self>>,
}

/// Oldest first; a race has several at once. There are as many as there are futures
/// waiting, so the limits of those are this one's.
#[derive(Debug, Default)]
struct UnderWay {
    steps: Vec<(u64, DialStep)>,
    begun: u64,
    struck: Option<Struck>,
}

/// A deadline that struck, for those inside it who are about to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Struck {
    /// The whole allowance.
    pub(crate) after: Duration,
    /// What was begun last and not over.
    pub(crate) step: Option<DialStep>,
}

/// The deadlines round whoever asked for it. It knows those of this module and no others.
#[derive(Debug)]
pub(crate) struct Around(Option<Arc<Steps>>);

/// Takes its step off the list when the wait ends, or is dropped.
struct Mark {
    told: Arc<Steps>,
    number: u64,
    _around: Option<Box<Self>>,
}

/// See [`DialStep::within`].
pub(crate) async fn within<F: Future>(
    limit: Duration,
    dial: F,
) -> Result<F::Output, Option<DialStep>> {
    let steps = Arc::new(Steps {
        under_way: Mutex::default(),
        around: TOLD.try_with(Arc::clone).ok(),
    });
    // Dropped at the end only: a dial that is dropped has no step under way.
    let mut dial = pin!(TOLD.scope(Arc::clone(&steps), dial));
    tokio::select! {
        biased;
        done = &mut dial => Ok(done),
        () = tokio::time::sleep(limit) => Err(steps.strike(limit)),
    }
}

// === impl DialStep ===

impl DialStep {
    /// Waits for `work`, and lets the deadline round it name this step meanwhile.
    ///
    /// For dialers and handshakes of one's own. It reaches
    /// [`ConnectTimeout`](crate::ConnectTimeout) and [`tcp::Dialer`](crate::tcp::Dialer)
    /// through any layer that polls in the same task, and is lost where a layer spawns.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops `work`; the step is over then.
    pub async fn during<F: Future>(self, work: F) -> F::Output {
        let _mark = TOLD.try_with(|steps| steps.begin(self)).ok();
        work.await
    }

    /// Gives `dial` at most `limit`, and leaves word inside that the time was up.
    ///
    /// For deadlines of one's own: [`ConnectTimeout`](crate::ConnectTimeout) is this with an
    /// error of its own. A [`BreakerLayer`](crate::breaker::BreakerLayer) inside counts a dial
    /// that ends this way as a failure, where it takes another maker's timeout for a caller
    /// who changed its mind.
    ///
    /// # Errors
    ///
    /// When the time is up, with the step that was begun last and is still under way, if any
    /// was told.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops `dial`.
    pub async fn within<F: Future>(limit: Duration, dial: F) -> Result<F::Output, Option<Self>> {
        within(limit, dial).await
    }
}

impl fmt::Display for DialStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InLine => f.write_str("in the line of the dial budget"),
            Self::Resolving => f.write_str("resolving the name"),
            Self::Connecting(address) => write!(f, "connecting to {address}"),
            Self::Handshake(name) => write!(f, "in the {name} handshake"),
        }
    }
}

// === impl Steps ===

impl Steps {
    fn begin(self: &Arc<Self>, step: DialStep) -> Mark {
        let mut under_way = self.under_way();
        under_way.begun += 1;
        let number = under_way.begun;
        under_way.steps.push((number, step));
        Mark {
            told: Arc::clone(self),
            number,
            _around: self.around.as_ref().map(|far| Box::new(far.begin(step))),
        }
    }

    /// The time is up: says what was begun last, and keeps it for whoever is now dropped.
    fn strike(&self, after: Duration) -> Option<DialStep> {
        let mut under_way = self.under_way();
        let step = under_way.steps.last().map(|&(_, step)| step);
        under_way.struck = Some(Struck { after, step });
        step
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Around ===

impl Around {
    /// The deadlines round the dial that is being polled.
    pub(crate) fn present() -> Self {
        Self(TOLD.try_with(Arc::clone).ok())
    }

    /// The innermost of them that struck, if one did: then a drop is no caller's change of mind.
    pub(crate) fn struck(&self) -> Option<Struck> {
        let mut steps = self.0.as_deref();
        while let Some(near) = steps {
            let struck = near.under_way().struck;
            if struck.is_some() {
                return struck;
            }
            steps = near.around.as_deref();
        }
        None
    }
}

// === impl Mark ===

impl Drop for Mark {
    fn drop(&mut self) {
        let number = self.number;
        self.told.under_way().steps.retain(|&(n, _)| n != number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_secs(1);
    const LATER: Duration = Duration::from_secs(2);
    const TLS: DialStep = DialStep::Handshake("TLS");

    #[tokio::test(start_paused = true)]
    async fn the_innermost_step_still_under_way_is_named_at_every_deadline() {
        let inner = within(LATER, TLS.during(pending::<()>()));
        let outer = within(SOON, DialStep::Resolving.during(inner)).await;
        assert_eq!(outer, Err(Some(TLS)));

        let inner = within(SOON, TLS.during(pending::<()>()));
        let outer = within(LATER, DialStep::Resolving.during(inner)).await;
        assert_eq!(outer, Ok(Err(Some(TLS))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_ended_is_not_named() {
        let dial = async {
            DialStep::Resolving.during(async {}).await;
            pending::<()>().await;
        };
        assert_eq!(within(SOON, dial).await, Err(None));
    }
}
