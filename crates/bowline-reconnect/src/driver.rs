//! The task that keeps one link connected. It decides nothing: when to try
//! again is the backoff's to say, whether to try is the classifier's.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bowline_link::{BoxError, DialStep, Endpoint};
use bowline_policy::backoff::{self, Proof};
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use crate::builder::BoxClassify;
use crate::link::{Connection, Link, Live};
use crate::session::{BoxFuture, BoxHook};
use crate::slot::Target;
use crate::{
    ClosedReason, ConnectTimeout, Context, Established, Event, LostReason, Resumption, SharedError,
    State, Step, Verdict,
};

/// A connector without its type. Each call is one call of the maker.
pub(crate) type BoxConnect<S> =
    Box<dyn Fn(Endpoint) -> BoxFuture<Result<Established<S>, BoxError>> + Send + Sync>;

/// Keeps one link connected until it is dropped.
pub(crate) struct Driver<S> {
    /// First, so that handles hear of the end before the rest is torn down.
    closing: Closing<S>,
    connect: BoxConnect<S>,
    connect_timeout: Duration,
    hook: Option<BoxHook<S>>,
    classify: BoxClassify,
    backoff: backoff::Session,
    /// Which try this is, since the backoff last stood at its start.
    attempt: u32,
    /// How many connections were made.
    epoch: u64,
    /// How far the current try has come.
    step: Step,
}

/// What a driver does its work with.
pub(crate) struct Parts<S> {
    pub(crate) connect: BoxConnect<S>,
    pub(crate) connect_timeout: Duration,
    pub(crate) hook: Option<BoxHook<S>>,
    pub(crate) classify: BoxClassify,
    pub(crate) backoff: backoff::Session,
}

/// Closes the link when the driver is gone, however that came about: nobody
/// may wait for what no longer exists.
struct Closing<S> {
    link: Arc<Link<S>>,
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    pub(crate) fn new(link: Arc<Link<S>>, parts: Parts<S>) -> Self {
        let Parts {
            connect,
            connect_timeout,
            hook,
            classify,
            backoff,
        } = parts;
        Self {
            closing: Closing { link },
            connect,
            connect_timeout,
            hook,
            classify,
            backoff,
            attempt: 0,
            epoch: 0,
            step: Step::Connect,
        }
    }

    /// Runs until the link is closed.
    ///
    /// # Cancellation
    ///
    /// At any await: what was being opened is dropped, and the link is closed.
    pub(crate) async fn run(mut self) {
        let closing = self.closing.link.closing.clone();
        tokio::select! {
            biased;
            () = closing.cancelled() => {}
            () = self.keep_connected() => {}
        }
    }

    async fn keep_connected(&mut self) {
        loop {
            let error = match self.attempt().await {
                Ok((established, resumption)) => self.serve(established, resumption).await,
                Err(error) => error,
            };
            self.rest(error).await;
        }
    }

    /// Makes one try, under one deadline.
    async fn attempt(&mut self) -> Result<(Established<S>, Resumption), SharedError> {
        self.attempt = self.attempt.saturating_add(1);
        self.step = Step::Connect;
        let attempt = self.attempt;
        let limit = self.connect_timeout;
        let link = Arc::clone(&self.closing.link);
        let endpoint = link.endpoint.clone();
        let span = tracing::debug_span!("connect", %endpoint, attempt);

        link.tell(&Event::Connecting {
            endpoint: endpoint.clone(),
            attempt,
        });
        link.state.send_replace(State::Connecting { attempt });

        let began = Instant::now();
        // Not tokio's own: a breaker in the connector would take that for a change of mind.
        let established = DialStep::within(limit, self.establish().instrument(span)).await;
        let took = Instant::now() - began;
        let result = established.unwrap_or_else(|_| {
            let step = self.step;
            Err(ConnectTimeout { limit, step }.into())
        });
        match result {
            Ok((established, resumption)) => {
                link.tell(&Event::Connected {
                    endpoint,
                    epoch: self.epoch,
                    attempt,
                    took,
                    resumption,
                });
                Ok((established, resumption))
            }
            Err(error) => {
                let error = SharedError::from(error);
                link.tell(&Event::Failed {
                    endpoint,
                    attempt,
                    took,
                    error: Arc::clone(&error),
                });
                Err(error)
            }
        }
    }

    /// Connects, then lets the hook make a session of the connection.
    async fn establish(&mut self) -> Result<(Established<S>, Resumption), BoxError> {
        let endpoint = self.closing.link.endpoint.clone();
        let mut established = (self.connect)(endpoint.clone()).await?;
        self.epoch += 1;
        let Some(hook) = &self.hook else {
            return Ok((established, Resumption::Fresh));
        };
        self.step = Step::Session;
        let context = Context {
            epoch: self.epoch,
            endpoint,
            attempt: self.attempt,
        };
        let session = hook(established.service.clone(), context);
        tokio::select! {
            biased;
            reason = &mut established.closed => Err(reason),
            resumption = session => Ok((established, resumption?)),
        }
    }

    /// Lets calls pass until the connection is over, and says why it is.
    async fn serve(&mut self, established: Established<S>, resumption: Resumption) -> SharedError {
        let Established {
            service,
            closed,
            heard,
        } = established;
        let link = Arc::clone(&self.closing.link);
        let up_at = Instant::now();
        let proof = match heard {
            Some(_) => Proof::TimeAndBytes,
            None => Proof::Time,
        };
        self.backoff.connected(up_at.into_std(), proof);
        let connection = Arc::new(Connection::new(
            link.endpoint.clone(),
            self.epoch,
            self.attempt,
            up_at,
        ));
        link.state.send_replace(State::Ready {
            epoch: self.epoch,
            resumption,
        });
        let live = Live::new(Arc::clone(&connection), service);
        link.slot.replace(Target::Live(Arc::new(live)));

        tokio::select! {
            biased;
            // A handle found the service unwilling.
            () = connection.over() => {}
            reason = closed => connection.finish(LostReason::Died, reason.into()),
        }

        link.slot.replace(Target::Down);
        if heard.is_some_and(|heard| heard()) {
            self.backoff.heard();
        }
        self.backoff.lost(Instant::now().into_std());
        if self.backoff.attempts() == 0 {
            self.attempt = 0;
        }
        link.tell_lost(&connection)
    }

    /// Waits until it is time for the next try, or somebody asks for it.
    async fn rest(&mut self, error: SharedError) {
        let link = Arc::clone(&self.closing.link);
        let endpoint = link.endpoint.clone();
        let now = Instant::now();
        let delay = match (self.classify)(&*error) {
            Verdict::Retry => self.backoff.next_delay(now.into_std()),
            Verdict::Fatal => None,
        };
        // From before the state is seen, or who answers to it could be missed.
        let revived = link.revive.notified();
        match delay {
            Some(delay) => {
                let attempt = self.attempt.saturating_add(1);
                link.tell(&Event::BackingOff {
                    endpoint: endpoint.clone(),
                    attempt,
                    delay,
                });
                link.state.send_replace(State::Backoff {
                    until: now + delay,
                    delay,
                    attempt,
                    error,
                });
                tokio::select! {
                    biased;
                    () = revived => {}
                    () = sleep(delay) => return,
                }
            }
            None => {
                let attempts = self.attempt;
                link.tell(&Event::Parked {
                    endpoint: endpoint.clone(),
                    attempts,
                    error: Arc::clone(&error),
                });
                link.state.send_replace(State::Parked { attempts, error });
                revived.await;
                self.backoff.reset();
                self.attempt = 0;
            }
        }
        link.tell(&Event::Revived { endpoint });
    }
}

// === impl Closing ===

impl<S> Drop for Closing<S> {
    fn drop(&mut self) {
        let link = &self.link;
        let reason = if thread::panicking() {
            ClosedReason::Panicked
        } else if link.closing.is_cancelled() {
            ClosedReason::Asked
        } else {
            ClosedReason::Released
        };
        link.closing.cancel();
        if let Target::Live(live) = link.slot.replace(Target::Closed) {
            link.tell_lost(&live.connection);
        }
        link.tell(&Event::Closed {
            endpoint: link.endpoint.clone(),
            reason,
        });
        link.state.send_replace(State::Closed);
    }
}
