//! One of several endpoints, for whoever keeps connections by other means than a
//! link: a client that pools, a connector that hands out streams. A
//! [`Reconnect`](crate::Reconnect) needs none of it: it
//! [chooses](crate::Builder::endpoints) itself, and moves besides.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bowline_link::discovery::Targets;
use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::endpoints::{Health, InvalidList, Maker, Set};
use tokio::time::Instant;
use tower_service::Service;

use crate::classify::{ByCause, Classify, Failure, Phase};
use crate::session::BoxFuture;
use crate::{SharedError, Step};

mod layer;

pub use layer::FailoverLayer;

/// Connects to the best of several endpoints that can be reached, whichever it
/// is asked for.
///
/// A connect that fails goes on to the next endpoint of the list, each at most
/// once, until one connects: in order or by weight, as the set of the `Maker`
/// says. One that fails often is ejected for a while, and a better one that had
/// failed is tried again first, after the set's jittered failback: that connect
/// is somebody's, so keep the limit on a single connect short. Clones share what
/// is known.
///
/// It puts no limit on the time of all tries together: whoever asks does, with a
/// layer above it (`ConnectTimeoutLayer`), as well as below for each.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bowline_link::BoxError> {
/// use bowline_link::discovery::{Target, Targets};
/// use bowline_link::{Endpoint, Listen, tcp};
/// use bowline_policy::endpoints::{Choice, Maker, Settings};
/// use bowline_reconnect::Failover;
/// use tower::ServiceExt;
///
/// let standby = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
/// // Nobody listens on port 1.
/// let list = [Endpoint::new("127.0.0.1", 1), standby.local_addr()?.into()].map(Target::new);
/// let sets = Maker::new(Settings::new(Choice::Ordered), 1);
/// let dialer = Failover::new(tcp::Dialer::new(), &Targets::new(list)?, &sets)?;
/// let stream = dialer.oneshot(Endpoint::new("history.example", 80)).await?;
/// assert_eq!(stream.peer_addr()?, standby.local_addr()?);
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping the future gives up the connect under way, and charges it to nobody.
#[derive(Clone)]
pub struct Failover<C> {
    connect: C,
    shared: Shared,
}

/// No endpoint could be reached, or one of them said that there is no use in
/// asking the others.
#[derive(Debug, thiserror::Error)]
#[error("could not connect to {endpoint}, the last of {tried} tried")]
#[non_exhaustive]
pub struct FailoverError {
    /// How many endpoints were tried.
    pub tried: usize,
    /// The last of them.
    pub endpoint: Endpoint,
    /// Why it was not that one.
    pub source: SharedError,
}

/// The endpoints, and what is known of them.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Set<Endpoint>>>);

// === impl Failover ===

impl<C> Failover<C> {
    /// Connects over `connect`, to those of `targets`, chosen as by a set from
    /// `sets`.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set.
    pub fn new(connect: C, targets: &Targets, sets: &Maker) -> Result<Self, InvalidList> {
        let shared = Shared::new(targets, sets)?;
        Ok(Self { connect, shared })
    }

    /// Puts another list in force, for all clones. What stays in it keeps its
    /// memory; connects under way go on.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set; the old one stays in force.
    pub fn set_endpoints(&self, targets: &Targets) -> Result<(), InvalidList> {
        let now = Instant::now().into_std();
        self.shared.set().replace(targets.to_endpoints(), now)
    }

    /// How the endpoints fare.
    pub fn health(&self) -> Health {
        self.shared.set().health(Instant::now().into_std())
    }
}

impl<C: Connect> Service<Endpoint> for Failover<C> {
    type Response = C::Connection;
    type Error = FailoverError;
    type Future = BoxFuture<Result<C::Connection, FailoverError>>;

    /// Always ready: a connector may be ready for one endpoint and not for the
    /// next, so each is asked in its turn.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FailoverError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Endpoint) -> Self::Future {
        let connect = self.connect.clone();
        Box::pin(self.shared.clone().connect_to_any(connect))
    }
}

impl<C> fmt::Debug for Failover<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failover")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn new(targets: &Targets, sets: &Maker) -> Result<Self, InvalidList> {
        let set = sets.set(targets.to_endpoints(), Instant::now().into_std())?;
        Ok(Self(Arc::new(Mutex::new(set))))
    }

    async fn connect_to_any<C: Connect>(
        self,
        mut connect: C,
    ) -> Result<C::Connection, FailoverError> {
        let mut endpoint = self.first();
        let mut tried = BTreeSet::new();
        loop {
            let began = Instant::now();
            let error = match connect_to(&mut connect, endpoint.clone()).await {
                Ok(connection) => {
                    let now = Instant::now();
                    let mut set = self.set();
                    set.succeeded(&endpoint, now - began, now.into_std());
                    return Ok(connection);
                }
                Err(error) => SharedError::from(error),
            };
            tried.insert(endpoint.clone());
            let next = match self.goes_on(&endpoint, &error) {
                true => self.other(&tried),
                false => None,
            };
            let Some(next) = next else {
                return Err(FailoverError {
                    tried: tried.len(),
                    endpoint,
                    source: error,
                });
            };
            endpoint = next;
        }
    }

    /// Whom to call first: a better one that is due to be asked again, or else
    /// the best.
    fn first(&self) -> Endpoint {
        let now = Instant::now().into_std();
        let mut set = self.set();
        let best = set.choose(now).expect("a list of targets is never empty");
        set.probe(&best.key, now).unwrap_or(best.key)
    }

    fn other(&self, tried: &BTreeSet<Endpoint>) -> Option<Endpoint> {
        let now = Instant::now().into_std();
        let other = self.set().choose_other(tried, now)?;
        Some(other.key)
    }

    /// Charges a failure to the endpoint, unless it is ours, and says whether
    /// another is worth a try.
    fn goes_on(&self, endpoint: &Endpoint, error: &SharedError) -> bool {
        let verdict = ByCause.classify(&Failure {
            error: &**error,
            phase: Phase::Attempt(Step::Connect),
            endpoint,
            attempt: 1,
        });
        if verdict.is_final() {
            return false;
        }
        self.set().failed(endpoint, Instant::now().into_std());
        true
    }

    fn set(&self) -> MutexGuard<'_, Set<Endpoint>> {
        // A set that refuses a list keeps the old one; nothing else panics in it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect_to<C: Connect>(connect: &mut C, to: Endpoint) -> Result<C::Connection, BoxError> {
    poll_fn(|cx| connect.poll_ready(cx))
        .await
        .map_err(Into::into)?;
    connect.call(to).await.map_err(Into::into)
}
