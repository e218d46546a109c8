//! The settings of a link, and its start.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint, WallClock};
use bowline_policy::backoff::{self, DELAY_MAX, DELAY_MIN, HINT_CAP_DEFAULT, HintLimits, Maker};
use bowline_policy::endpoints;
use bowline_policy::{Observe, lifetime};
use tokio::time::Instant;

use crate::classify::{ByError, Classify};
use crate::driver::{BoxConnect, MayGo};
use crate::link::Link;
use crate::listing::Listing;
use crate::session::{BoxFuture, BoxHook};
use crate::{ByCause, Context, Established, Event, Log, Resumption, Verdict};

mod moving;
mod starting;
mod tuning;

pub(crate) use tuning::Tuning;
pub use tuning::{
    CONNECT_TIMEOUT_DEFAULT, FAILFAST_AFTER_DEFAULT, InitialConnect, MOVE_SPLAY_DEFAULT,
    PROBE_PARKED_DEFAULT, REDIRECTS_MAX_DEFAULT, RETIRE_WITHIN_DEFAULT,
};

/// The settings of a link that has not been started.
///
/// Made by [`Reconnect::builder`](crate::Reconnect::builder).
#[must_use = "nothing connects before `build`"]
pub struct Builder<S> {
    connect: BoxConnect<S>,
    endpoint: Endpoint,
    listing: Listing,
    discovery: Option<BoxDiscovery<S>>,
    redirects_to: Option<MayGo>,
    backoff: backoff::Session,
    lifetime: Option<lifetime::Planner>,
    wall: Option<Arc<dyn WallClock>>,
    tuning: Tuning,
    classify: Box<dyn Classify>,
    hook: Option<BoxHook<S>>,
    observer: Arc<dyn Observe<Event>>,
}

/// A discovery without its type, that waits for the link it is for.
type BoxDiscovery<S> = Box<dyn FnOnce(Arc<Link<S>>) -> BoxFuture<()> + Send>;

// === impl Builder ===

impl<S: Clone + Send + 'static> Builder<S> {
    pub(crate) fn new<C>(connect: C, endpoint: Endpoint, maker: &Maker) -> Self
    where
        C: Connect<Connection = Established<S>>,
    {
        let backoff = maker.session();
        // Links that are told of one list must not follow it in step.
        let seed = maker.session().spread(Duration::ZERO, DELAY_MAX).as_nanos();
        let seed = u64::try_from(seed).expect("a year of nanoseconds is below 2^64");
        let in_order = endpoints::Settings::new(endpoints::Choice::Ordered);
        let sets = endpoints::Maker::new(in_order, seed);
        let alone = vec![endpoints::Endpoint::new(endpoint.clone())];
        let now = Instant::now().into_std();
        let listing = Listing::new(alone, &sets, now).expect("a list of one is none too long");
        Self {
            connect: boxed_connect(connect),
            endpoint,
            listing,
            discovery: None,
            redirects_to: None,
            backoff,
            lifetime: None,
            wall: None,
            tuning: Tuning::new(hint_limits(maker.schedule())),
            classify: Box::new(ByCause),
            hook: None,
            observer: Arc::new(Log),
        }
    }

    /// Ends an attempt, connecting and session hook together, that is not ready
    /// after `limit` ([`CONNECT_TIMEOUT_DEFAULT`] unless told).
    ///
    /// # Panics
    ///
    /// If `limit` is zero, with which nothing could ever connect.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        assert!(!limit.is_zero(), "connect_timeout is zero");
        self.tuning.connect_timeout = limit;
        self
    }

    /// Keeps a caller waiting for a connection at most this long
    /// ([`FAILFAST_AFTER_DEFAULT`] unless told), then fails its call.
    ///
    /// Zero fails each call at once while there is no connection. Then a caller
    /// that repeats its calls without a pause of its own spins. `None` keeps it
    /// waiting for as long as it takes: right under a balancer, which calls
    /// others meanwhile, and where somebody above has a deadline of their own.
    pub fn failfast_after(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.tuning.failfast_after = limit.into();
        self
    }

    /// Judges each reason for which there is no connection by its error alone:
    /// what the connector, the session hook, the `closed` future or the service's
    /// `poll_ready` said. Unless told, [`ByCause`] judges.
    pub fn classify(
        self,
        classify: impl Fn(&(dyn StdError + 'static)) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.classifier(ByError(classify))
    }

    /// Judges each reason for which there is no connection; [`ByCause`] unless
    /// told.
    pub fn classifier(mut self, classifier: impl Classify) -> Self {
        self.classify = Box::new(classifier);
        self
    }

    /// What is done about the first connection; [`InitialConnect::Background`]
    /// unless told.
    pub fn initial(mut self, initial: InitialConnect) -> Self {
        self.tuning.initial = initial;
        self
    }

    /// Lets a link that is parked because its schedule ended try once in this time,
    /// less up to a quarter; [`PROBE_PARKED_DEFAULT`] unless told, never if `None`. More
    /// than a year is a year.
    ///
    /// One that is parked for a fatal reason waits for somebody to ask.
    ///
    /// # Panics
    ///
    /// If the time is zero, which would be no parking.
    pub fn probe_parked_every(mut self, interval: impl Into<Option<Duration>>) -> Self {
        let interval = interval.into().map(|interval| interval.min(DELAY_MAX));
        assert!(
            interval.is_none_or(|interval| !interval.is_zero()),
            "probe_parked_every is zero"
        );
        self.tuning.probe_parked_every = interval;
        self
    }

    /// Keeps at most so many events for each reader of
    /// [`events`](crate::Reconnect::events); [`EVENTS_MAX_DEFAULT`](crate::EVENTS_MAX_DEFAULT)
    /// unless told.
    ///
    /// # Panics
    ///
    /// If it is zero, with which no reader would ever see one.
    pub fn events_max(mut self, events: usize) -> Self {
        assert!(events > 0, "events_max is zero");
        self.tuning.events_max = events;
        self
    }

    /// Makes a session of each connection before calls pass: `hook` says who we
    /// are, joins again what was joined, and answers what became of the previous
    /// session.
    ///
    /// It runs within the attempt, so under the same `connect_timeout`, and its
    /// error fails the attempt: the next one waits its backoff.
    ///
    /// # Cancellation
    ///
    /// The hook's future is dropped at any await when the attempt times out, the
    /// connection ends, or the link is closed.
    pub fn on_session<H, R>(mut self, hook: H) -> Self
    where
        H: Fn(S, Context) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Resumption, BoxError>> + Send + 'static,
    {
        self.hook = Some(Box::new(move |service, context| {
            Box::pin(hook(service, context))
        }));
        self
    }

    /// Tells `observer` what happens, instead of [`Log`]; it is called in the
    /// task of the link, so it must not block, and if it panics the link closes.
    pub fn observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("endpoint", &self.endpoint)
            .field("tuning", &self.tuning)
            .finish_non_exhaustive()
    }
}

/// Erases the connector.
///
/// Each attempt takes a clone of its own: one given up half way, or one whose
/// `poll_ready` failed, leaves nothing behind for the next.
fn boxed_connect<S, C>(connect: C) -> BoxConnect<S>
where
    S: Send + 'static,
    C: Connect<Connection = Established<S>>,
{
    Box::new(move |endpoint| {
        let mut connect = connect.clone();
        Box::pin(async move {
            poll_fn(|cx| connect.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            connect.call(endpoint).await.map_err(Into::into)
        })
    })
}

/// Hints unless told: as patient as the schedule, or more.
fn hint_limits(schedule: &backoff::Schedule) -> HintLimits {
    let floor = schedule.floor().max(DELAY_MIN);
    let cap = schedule.cap().max(HINT_CAP_DEFAULT);
    // A schedule of nothing but waits of more than five minutes has no room between.
    let floor = floor.min(cap / 2);
    HintLimits::new(floor, cap).expect("the floor is half of the cap at most")
}
