//! The task that keeps one link connected. It decides nothing: when to try
//! again is the backoff's to say, where the set's, whether to try the classifier's.
//!
//! Everything that works is polled here, in one task: the attempt, the live
//! connection, those that are being left, and the discovery of endpoints.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use bowline_link::Endpoint;
use bowline_policy::backoff;
use bowline_policy::lifetime;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::builder::Tuning;
use crate::classify::Classify;
use crate::link::Link;
use crate::session::BoxFuture;
use crate::slot::Target;
use crate::{ClosedReason, Event, InitialConnect, Reason, State};

mod beside;
mod choosing;
mod connecting;
mod judging;
mod leaps;
mod leaving;
mod living;
mod resting;
mod retiring;

pub(crate) use connecting::{BoxConnect, Opener};
pub(crate) use leaps::Leaps;

use choosing::Next;
use connecting::Attempt;
use living::Ended;
use retiring::{RETIRING_MAX, Retiree};

/// Keeps one link connected until it is dropped.
pub(crate) struct Driver<S> {
    closing: Closing<S>,
    opener: Arc<Opener<S>>,
    classify: Box<dyn Classify>,
    backoff: backoff::Session,
    lifetime: Option<lifetime::Planner>,
    leaps: Leaps,
    tuning: Tuning,
    /// Which try this is, since the backoff last stood at its start.
    attempt: u32,
    /// Who is called next, if that was decided already.
    next: Option<Next>,
    /// Who was called since the last wait or success.
    tried: BTreeSet<Endpoint>,
    /// Who is not to be called before a time while there is anybody else.
    spared: Option<(Endpoint, Instant)>,
    /// A connection was up.
    was_up: bool,
    /// How many redirects in a row were followed.
    redirects: u32,
    /// How many servers in a row that had just let us in sent us away.
    sent_away: u32,
    redirects_to: Option<MayGo>,
    retired: mpsc::Sender<Retiree<S>>,
    retirees: Option<mpsc::Receiver<Retiree<S>>>,
    discovery: Option<BoxFuture<()>>,
}

/// What a driver does its work with.
pub(crate) struct Parts<S> {
    pub(crate) opener: Opener<S>,
    pub(crate) classify: Box<dyn Classify>,
    pub(crate) backoff: backoff::Session,
    pub(crate) lifetime: Option<lifetime::Planner>,
    pub(crate) leaps: Leaps,
    pub(crate) tuning: Tuning,
    /// Who is called first, if that was decided already.
    pub(crate) first: Option<Endpoint>,
    pub(crate) redirects_to: Option<MayGo>,
    pub(crate) discovery: Option<BoxFuture<()>>,
}

/// Whether a redirect to an endpoint may be followed.
pub(crate) type MayGo = Box<dyn Fn(&Endpoint) -> bool + Send + Sync>;

/// A connector, a hook, an observer or a service panicked in the link's task.
#[derive(Debug, thiserror::Error)]
#[error("the task of the link panicked")]
struct DriverPanicked;

/// Closes the link when the driver is gone, however that came about: nobody
/// may wait for what no longer exists.
struct Closing<S> {
    link: Arc<Link<S>>,
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    pub(crate) fn new(link: Arc<Link<S>>, parts: Parts<S>) -> Self {
        let (retired, retirees) = mpsc::channel(RETIRING_MAX);
        Self {
            closing: Closing { link },
            opener: Arc::new(parts.opener),
            classify: parts.classify,
            backoff: parts.backoff,
            lifetime: parts.lifetime,
            leaps: parts.leaps,
            tuning: parts.tuning,
            attempt: 0,
            next: parts.first.map(Next::listed),
            redirects_to: parts.redirects_to,
            tried: BTreeSet::new(),
            spared: None,
            was_up: false,
            redirects: 0,
            sent_away: 0,
            retired,
            retirees: Some(retirees),
            discovery: parts.discovery,
        }
    }

    /// Runs until the link is closed.
    ///
    /// # Cancellation
    ///
    /// At any await: what was being opened is dropped, and the link is closed.
    pub(crate) async fn run(mut self) {
        let link = Arc::clone(&self.closing.link);
        let mut retired = self.retirees.take().expect("a driver runs once");
        let mut discovery = self.discovery.take();
        let mut retirees = FuturesUnordered::new();
        let mut left = pin!(calls_ended(&link));
        let mut work = pin!(self.keep_connected());
        loop {
            tokio::select! {
                biased;
                () = link.closing.wait() => {
                    // Before anything is torn down, or calls would fail by that.
                    link.cut_off();
                    return;
                }
                () = &mut left => link.closing.set(),
                Some(retiree) = retired.recv() => {
                    retirees.push(retiree.run());
                    retiring::cut_beyond_max(&link);
                }
                Some(()) = retirees.next(), if !retirees.is_empty() => {}
                () = some(&mut discovery), if discovery.is_some() => discovery = None,
                () = &mut work => return,
            }
        }
    }

    async fn keep_connected(&mut self) {
        let wanted = self.link().orders.wanted.wait();
        wanted.await;
        let mut attempt = self.begin(Reason::First);
        loop {
            let ended = match self.settle(attempt.await) {
                Ok(made) => self.live(made).await,
                Err(failed) => Ended::Failed(self.judge(&failed), failed),
            };
            if self.tuning.initial == InitialConnect::Eager && !self.was_up {
                let Ended::Failed(verdict, failed) = ended else {
                    unreachable!("nothing is beside what never was");
                };
                if !self.try_another(&verdict, &failed.endpoint) {
                    self.link().ended_by.get_or_init(|| failed.error);
                    return;
                }
                attempt = self.begin(Reason::First);
                continue;
            }
            attempt = match ended {
                Ended::Trying(attempt) => attempt,
                Ended::Failed(verdict, failed) => {
                    let reason = self.rest(failed, verdict).await;
                    self.begin(reason)
                }
            };
        }
    }

    /// Starts the next attempt.
    fn begin(&mut self, reason: Reason) -> Attempt<S> {
        self.attempt = self.attempt.saturating_add(1);
        let (attempt, link) = (self.attempt, Arc::clone(self.link()));
        let next = self.next_endpoint();
        self.tried.insert(next.endpoint.clone());
        let endpoint = next.endpoint.clone();
        link.trying(attempt, endpoint);
        self.opener.attempt(link, next, attempt, reason)
    }

    fn link(&self) -> &Arc<Link<S>> {
        &self.closing.link
    }
}

/// Completes when the calls have ended of a link that somebody leaves, or their
/// time is up.
async fn calls_ended<S>(link: &Link<S>) {
    link.orders.leaving.wait().await;
    let leave_by = link.orders.leave_by.get();
    let leave_by = *leave_by.expect("it is set before the signal");
    let open = link.open().clone();
    let idle = async {
        for connection in &open {
            connection.idle().await;
        }
    };
    let _in_time = timeout_at(leave_by, idle).await;
}

async fn some(future: &mut Option<BoxFuture<()>>) {
    if let Some(future) = future {
        future.await;
    }
}

// === impl Closing ===

impl<S> Drop for Closing<S> {
    fn drop(&mut self) {
        let link = &self.link;
        let reason = if thread::panicking() {
            link.ended_by.get_or_init(|| Arc::new(DriverPanicked));
            ClosedReason::Panicked
        } else if link.ended_by.get().is_some() {
            ClosedReason::FirstFailed
        } else if link.closing.is_set() {
            ClosedReason::Asked
        } else {
            ClosedReason::Released
        };
        link.closing.set();
        link.cut_off();
        // Whatever the code of others does here, everybody hears of the end, and a
        // panic while one is under way would end the process.
        despite_panics(|| drop(link.slot.replace(Target::Closed)));
        let open = link.open().clone();
        for connection in &open {
            despite_panics(|| drop(link.tell_lost(connection)));
        }
        let endpoint = link.endpoint.clone();
        despite_panics(|| link.tell(Event::Closed { endpoint, reason }));
        link.state.send_replace(State::Closed);
    }
}

/// A panic is reported by the panic hook, and goes no further.
fn despite_panics(tell: impl FnOnce()) {
    let _reported = catch_unwind(AssertUnwindSafe(tell));
}
