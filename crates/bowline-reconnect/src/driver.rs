//! The task that keeps one link connected. It decides nothing: when to try
//! again is the backoff's to say, where the set's, whether to try the classifier's.
//!
//! Everything that works is polled here, in one task: the attempt, the live
//! connection, those that are being left, and the discovery of endpoints.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::thread;

use bowline_policy::backoff;
use bowline_policy::lifetime;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

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
    /// First, so that handles hear of the end before the rest is torn down.
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
    tried: BTreeSet<bowline_link::Endpoint>,
    /// A connection was up.
    was_up: bool,
    /// How many redirects in a row were followed.
    redirects: u32,
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
    pub(crate) discovery: Option<BoxFuture<()>>,
}

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
            next: None,
            tried: BTreeSet::new(),
            was_up: false,
            redirects: 0,
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
                () = link.closing.wait() => return,
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
        if !self.link().orders.wanted.is_set() {
            let link = Arc::clone(self.link());
            await_caller(&link).await;
        }
        let mut attempt = self.begin(Reason::First);
        loop {
            let ended = match self.settle(attempt.await) {
                Ok(made) => self.live(made).await,
                Err(failed) => Ended::Failed(self.judge(&failed), failed),
            };
            if self.tuning.initial == InitialConnect::Eager && !self.was_up {
                match ended {
                    Ended::Failed(verdict, _) if !verdict.is_final() && self.fail_over() => {
                        attempt = self.begin(Reason::First);
                        continue;
                    }
                    Ended::Failed(_, failed) => {
                        self.link().first_failure.get_or_init(|| failed.error);
                        return;
                    }
                    Ended::Trying(_) => unreachable!("nothing is beside what never was"),
                }
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
        link.state
            .send_replace(State::Connecting { attempt, endpoint });
        self.opener.attempt(link, next, attempt, reason)
    }

    fn link(&self) -> &Arc<Link<S>> {
        &self.closing.link
    }
}

/// Waits until somebody wants a connection.
async fn await_caller<S>(link: &Link<S>) {
    let revived = link.orders.revive.notified();
    tokio::select! {
        biased;
        () = link.orders.wanted.wait() => {}
        () = revived => {}
    }
}

/// Completes when the calls have ended of a link that somebody leaves, or their
/// time is up.
async fn calls_ended<S>(link: &Link<S>) {
    link.orders.leaving.wait().await;
    let leave_by = link.orders.leave_by.get();
    let leave_by = *leave_by.expect("it is set before the signal");
    let open = link.open().clone();
    let unused = async {
        for connection in &open {
            connection.unused().await;
        }
    };
    let _in_time = timeout_at(leave_by, unused).await;
    let open = link.open();
    let cut_off = open.iter().map(|connection| connection.users()).sum();
    link.orders.cut_off.get_or_init(|| cut_off);
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
            ClosedReason::Panicked
        } else if link.first_failure.get().is_some() {
            ClosedReason::FirstFailed
        } else if link.closing.is_set() {
            ClosedReason::Asked
        } else {
            ClosedReason::Released
        };
        link.closing.set();
        link.slot.replace(Target::Closed);
        let open = link.open().clone();
        for connection in &open {
            link.tell_lost(connection);
        }
        link.tell(Event::Closed {
            endpoint: link.endpoint.clone(),
            reason,
        });
        link.state.send_replace(State::Closed);
    }
}
