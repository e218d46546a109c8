//! One try to get a connection: connect, then the session hook, under one
//! deadline. It touches nothing of the driver, so that it can go on beside a
//! connection that is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bowline_link::{BoxError, DialStep, Endpoint};
use tokio::time::Instant;
use tracing::Instrument;

use super::choosing::Next;
use crate::link::Link;
use crate::resume::Store;
use crate::session::{BoxFuture, BoxHook};
use crate::{ConnectTimeout, Context, Established, Event, Reason, Resumption, SharedError, Step};

/// A connector without its type. Each call is one call of the maker.
pub(crate) type BoxConnect<S> =
    Box<dyn Fn(Endpoint) -> BoxFuture<Result<Established<S>, BoxError>> + Send + Sync>;

/// A try under way.
pub(super) type Attempt<S> = BoxFuture<Outcome<S>>;

/// What it takes to get a connection.
pub(crate) struct Opener<S> {
    pub(crate) connect: BoxConnect<S>,
    pub(crate) hook: Option<BoxHook<S>>,
    pub(crate) limit: Duration,
    /// How many connections were made.
    epochs: AtomicU64,
    resume: Store,
}

/// What came of a try.
pub(super) struct Outcome<S> {
    pub(super) to: Next,
    pub(super) attempt: u32,
    pub(super) reason: Reason,
    pub(super) took: Duration,
    pub(super) result: Result<Made<S>, Broken>,
}

/// A connection that the session hook is content with.
pub(super) struct Made<S> {
    pub(super) to: Next,
    pub(super) attempt: u32,
    pub(super) epoch: u64,
    pub(super) established: Established<S>,
    pub(super) resumption: Resumption,
}

/// Why there is none, and how far it came.
pub(super) struct Broken {
    pub(super) error: SharedError,
    pub(super) step: Step,
}

// === impl Opener ===

impl<S: Clone + Send + 'static> Opener<S> {
    pub(crate) fn new(connect: BoxConnect<S>, hook: Option<BoxHook<S>>, limit: Duration) -> Self {
        Self {
            connect,
            hook,
            limit,
            epochs: AtomicU64::new(0),
            resume: Store::default(),
        }
    }

    /// Makes one try, under one deadline, and tells its begin and its end.
    pub(super) fn attempt(
        self: &Arc<Self>,
        link: Arc<Link<S>>,
        to: Next,
        attempt: u32,
        reason: Reason,
    ) -> Attempt<S> {
        let opener = Arc::clone(self);
        let endpoint = to.endpoint.clone();
        link.tell(Event::Connecting {
            endpoint: endpoint.clone(),
            attempt,
            reason,
        });
        let span = tracing::debug_span!("connect", %endpoint, attempt, ?reason);
        Box::pin(async move {
            let began = Instant::now();
            let result = opener
                .within_limit(&to, attempt, reason)
                .instrument(span)
                .await;
            let took = Instant::now() - began;
            link.tell(match &result {
                Ok(made) => Event::Connected {
                    endpoint,
                    epoch: made.epoch,
                    attempt,
                    took,
                    resumption: made.resumption,
                },
                Err(broken) => Event::Failed {
                    endpoint,
                    attempt,
                    took,
                    error: Arc::clone(&broken.error),
                },
            });
            Outcome {
                to,
                attempt,
                reason,
                took,
                result,
            }
        })
    }

    /// Only connects, to learn whether `endpoint` can be reached, and hangs up.
    pub(super) async fn probe(self: Arc<Self>, endpoint: Endpoint) -> Result<(), SharedError> {
        let limit = self.limit;
        match DialStep::within(limit, (self.connect)(endpoint)).await {
            Ok(Ok(_established)) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(dial) => {
                let step = Step::Connect;
                Err(Arc::new(ConnectTimeout { limit, step, dial }))
            }
        }
    }

    async fn within_limit(
        &self,
        to: &Next,
        attempt: u32,
        reason: Reason,
    ) -> Result<Made<S>, Broken> {
        let limit = self.limit;
        let in_session = AtomicBool::new(false);
        let establish = self.establish(to, attempt, reason, &in_session);
        // Not tokio's own: a breaker in the connector would take that for a change of mind.
        let established = DialStep::within(limit, establish).await;
        let step = match in_session.load(Ordering::Relaxed) {
            true => Step::Session,
            false => Step::Connect,
        };
        established
            .unwrap_or_else(|dial| Err(ConnectTimeout { limit, step, dial }.into()))
            .map_err(|error| Broken {
                error: error.into(),
                step,
            })
    }

    /// Connects, then lets the hook make a session of the connection.
    async fn establish(
        &self,
        to: &Next,
        attempt: u32,
        reason: Reason,
        in_session: &AtomicBool,
    ) -> Result<Made<S>, BoxError> {
        let mut established = (self.connect)(to.endpoint.clone()).await?;
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed) + 1;
        let mut resumption = Resumption::Fresh;
        if let Some(hook) = &self.hook {
            in_session.store(true, Ordering::Relaxed);
            let context = Context {
                epoch,
                endpoint: to.endpoint.clone(),
                attempt,
                reason,
                resume: self.resume.of(epoch),
            };
            let session = hook(established.service.clone(), context)
                .instrument(tracing::debug_span!("handshake", epoch));
            resumption = tokio::select! {
                biased;
                reason = &mut established.closed => return Err(reason),
                resumption = session => resumption?,
            };
        }
        Ok(Made {
            to: to.clone(),
            attempt,
            epoch,
            established,
            resumption,
        })
    }
}
