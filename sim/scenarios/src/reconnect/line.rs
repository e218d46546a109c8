//! The link that a client has now. When one is closed, another is begun in its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bowline_link::discovery::{Problem, Targets, Update};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Maker;
use bowline_reconnect::{
    ByCause, Classify, Error, Events, Failure, Reconnect, ResponseFuture, Verdict,
};
use bowline_sim::history::Id;
use bowline_sim::scenario::Node;
use futures_util::stream;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::caller::{Caller, Join, Joined};
use super::connector::{Connector, Gauges};
use super::ledger::Ledger;
use super::mutant::Mutation;
use super::terms::{Lists, Terms, hints};
use super::{
    CONNECT_TIMEOUT, EVENTS_MAX, MOVE_SPLAY, PORT, PROBE_PARKED_EVERY, RETIRE_WITHIN,
    SUBSCRIPTIONS_MAX, Shared,
};
use crate::calls::Call;

/// The links of one client, one after the other.
pub(super) struct Lines {
    pub(super) node: Node<Shared>,
    pub(super) terms: Terms,
    pub(super) session: Id,
    pub(super) joined: Joined,
    pub(super) gauges: Gauges,
    pub(super) mutation: Option<Mutation>,
    /// No other link is begun after the one there is.
    pub(super) last: CancellationToken,
    /// Seeds what is drawn anew for each link.
    chance: Mutex<Pcg64>,
    now: Mutex<Option<Line>>,
}

/// One link, and what belongs to it.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) link: Reconnect<Caller>,
    pub(super) ledger: Arc<Ledger>,
    /// Where its discovery finds lists.
    finds: mpsc::UnboundedSender<Found>,
    last_found: Arc<Mutex<Option<Targets>>>,
    mutation: Option<Mutation>,
}

/// What a discovery says.
type Found = Update<BoxError>;

/// A handle, perhaps with something broken on purpose.
pub(super) struct Front {
    pub(super) link: Reconnect<Caller>,
    /// Which link it is of.
    pub(super) number: u64,
    mutation: Option<Mutation>,
}

/// A classifier that takes no hint, perhaps.
struct Judge(Option<Mutation>);

// === impl Lines ===

impl Lines {
    pub(super) fn new(
        node: &Node<Shared>,
        session: Id,
        chance: Pcg64,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            node: node.clone(),
            terms: Terms::of(node.name()),
            session,
            joined: Joined::new(SUBSCRIPTIONS_MAX),
            gauges: Gauges::new(node),
            mutation,
            last: CancellationToken::new(),
            chance: Mutex::new(chance),
            now: Mutex::default(),
        }
    }

    /// The link that there is now.
    ///
    /// # Panics
    ///
    /// Before the first was begun.
    pub(super) fn now(&self) -> Line {
        lock(&self.now).clone().expect("one was begun")
    }

    /// Begins another link, and says what it tells from its very beginning.
    pub(super) fn begin(&self) -> Result<Events, BoxError> {
        let mut chance = lock(&self.chance);
        let number = lock(&self.now)
            .as_ref()
            .map_or(1, |line| line.ledger.number + 1);
        let ledger = Arc::new(Ledger::new(&self.node, self.terms, number));
        let (finds, found) = mpsc::unbounded_channel();
        let link = self.build(&ledger, found, &mut chance)?;
        let events = link.events();
        *lock(&self.now) = Some(Line {
            link,
            ledger,
            finds,
            last_found: Arc::default(),
            mutation: self.mutation,
        });
        Ok(events)
    }

    fn build(
        &self,
        ledger: &Arc<Ledger>,
        found: mpsc::UnboundedReceiver<Found>,
        chance: &mut Pcg64,
    ) -> Result<Reconnect<Caller>, BoxError> {
        let Self {
            node,
            terms,
            mutation,
            ..
        } = self;
        let mut jitter = node.jitter();
        let mut seed = || jitter.next_u64() ^ ledger.number;
        let connector = Connector::new(
            node,
            *terms,
            Arc::clone(ledger),
            self.gauges.clone(),
            chance,
            *mutation,
        )?;
        let maker = Maker::new(terms.schedule(*mutation)?, seed());
        let (session, joined, book) = (self.session, self.joined.clone(), Arc::clone(ledger));
        let cuts = *mutation == Some(Mutation::CutOnMove);
        let probes = *mutation != Some(Mutation::NeverProbe);
        let mut builder =
            Reconnect::builder(connector, Endpoint::new(terms.servers[0], PORT), &maker)
                .endpoints(&terms.home(), &terms.sets(seed(), *mutation)?)?
                .connect_timeout(CONNECT_TIMEOUT)
                .failfast_after(terms.failfast_after)
                .initial(terms.initial)
                .probe_parked_every(probes.then_some(PROBE_PARKED_EVERY))
                .retire_within(if cuts {
                    std::time::Duration::ZERO
                } else {
                    RETIRE_WITHIN
                })
                .move_splay(MOVE_SPLAY)
                .hints(hints()?)
                .events_max(EVENTS_MAX)
                .classifier(Judge(*mutation))
                .on_session(move |caller: Caller, context| {
                    caller.begin(session, context, joined.clone(), Arc::clone(&book))
                })
                .observer(ledger.clone());
        if let Some(maker) = terms.lifetime(seed())? {
            builder = builder.lifetime(&maker);
        }
        if terms.looks_at_clocks {
            builder = builder.wall_clock(Arc::new(node.wall_clock()));
        }
        if terms.lists == Lists::Discovered {
            builder = builder.discover(stream::unfold(found, async |mut found| {
                let update = found.recv().await?;
                Some((update, found))
            }));
        }
        Ok(builder.build())
    }
}

// === impl Line ===

impl Line {
    /// Puts a list in force in one way or the other, unless that is broken.
    pub(super) fn list(&self, lists: Lists, targets: &Targets) {
        if self.mutation == Some(Mutation::KeepOldLists) {
            return;
        }
        match lists {
            Lists::Discovered => {
                let mut last = lock(&self.last_found);
                // What says the same is no news, and is not told.
                if last
                    .as_ref()
                    .is_some_and(|last| last.says_the_same_as(targets))
                {
                    return;
                }
                *last = Some(targets.clone());
                self.ledger.will_list(targets);
                // A link that is over finds nothing.
                let _over = self.finds.send(Update::List(targets.clone()));
            }
            Lists::Set | Lists::Never => {
                self.ledger.will_list(targets);
                self.link
                    .set_endpoints(targets)
                    .expect("a few are not too many");
            }
        }
    }

    /// Lets the discovery have a problem.
    pub(super) fn trouble(&self, expired: bool) {
        let age = std::time::Duration::from_secs(1);
        let problem = match expired {
            true => {
                *lock(&self.last_found) = None;
                Problem::Expired {
                    age,
                    max_stale: age,
                }
            }
            false => Problem::Silent {
                after: age,
                age: None,
                again: age,
            },
        };
        let _over = self.finds.send(Update::Problem(problem));
    }

    /// A new handle.
    pub(super) fn front(&self) -> Front {
        Front {
            link: self.link.clone(),
            number: self.ledger.number,
            mutation: self.mutation,
        }
    }
}

// === impl Front ===

impl Front {
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.mutation {
            Some(Mutation::MissWakeUps) => {
                let mut deaf = Context::from_waker(Waker::noop());
                Service::<Call>::poll_ready(&mut self.link, &mut deaf)
            }
            _ => Service::<Call>::poll_ready(&mut self.link, cx),
        }
    }

    pub(super) async fn ready(&mut self) -> Result<(), Error> {
        std::future::poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// Whether what was granted still is; not, if that is broken.
    pub(super) fn is_still_granted(&mut self) -> bool {
        if self.mutation == Some(Mutation::TakeGrantsBack) {
            self.give_back();
        }
        let mut deaf = Context::from_waker(Waker::noop());
        self.poll_ready(&mut deaf).is_ready()
    }

    /// Drops what was granted.
    pub(super) fn give_back(&mut self) {
        self.link = self.link.clone();
    }

    pub(super) fn call(&mut self, call: Call) -> ResponseFuture<<Caller as Service<Call>>::Future> {
        Service::<Call>::call(&mut self.link, call)
    }

    pub(super) async fn join(mut self, place: u64) -> Result<(), Error> {
        std::future::poll_fn(|cx| Service::<Join>::poll_ready(&mut self.link, cx)).await?;
        Service::<Join>::call(&mut self.link, Join(place)).await
    }
}

// === impl Judge ===

impl Classify for Judge {
    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        match ByCause.classify(failure) {
            Verdict::Obey(_) if self.0 == Some(Mutation::IgnoreHints) => Verdict::Retry,
            verdict => verdict,
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each is set as a whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
