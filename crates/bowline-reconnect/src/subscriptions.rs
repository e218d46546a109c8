//! What a session hook asks for again on each connection, in the order in which
//! it was first asked for. It sends nothing by itself.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_link::BoxError;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tower_service::Service;

/// How many requests of a restoration may be unanswered at once, unless told:
/// what is sent within a round trip, so that a hundred take hardly longer than one.
pub const PIPELINE_DEFAULT: usize = 128;

/// The subscriptions of a link, shared between those who make them and the
/// session hook that [restores](Self::restore) them.
///
/// Add a subscription *before* calling for it: when that call fails for want of
/// a connection, the next session asks for it. A subscription that is added
/// while a restoration runs may be asked for twice, and never not at all. At
/// most `max` are kept.
///
/// ```
/// # use bowline_link::BoxError;
/// # use bowline_reconnect::{Builder, Resumption, Subscriptions};
/// # use tower_service::Service;
/// # fn with_rooms<S>(link: Builder<S>, rooms: Subscriptions<String, String>) -> Builder<S>
/// # where
/// #     S: Service<String, Future: Send, Response: Send, Error: Into<BoxError> + Send> + Clone + Send + 'static,
/// # {
/// link.on_session(move |service, _| {
///     let rooms = rooms.clone();
///     async move {
///         rooms.restore(service).await?;
///         Ok(Resumption::Fresh)
///     }
/// })
/// # }
/// ```
pub struct Subscriptions<K, R> {
    max: usize,
    pipeline: usize,
    kept: Arc<Mutex<Kept<K, R>>>,
}

/// What to do with a subscription whose restoration was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Keep it.
    Keep,
    /// The peer does not want it any more; nor do we, on the next connection.
    Forget,
}

/// One subscription too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{max} subscriptions are kept already, and there may be no more")]
#[non_exhaustive]
pub struct TooManySubscriptions {
    /// How many may be kept.
    pub max: usize,
}

struct Kept<K, R> {
    /// By when their keys were first added.
    requests: BTreeMap<u64, Wanted<K, R>>,
    places: BTreeMap<K, u64>,
    /// How often something was added.
    added: u64,
}

/// One of them.
#[derive(Clone)]
struct Wanted<K, R> {
    key: K,
    request: R,
    /// Which addition this is: another request for the same key is another one.
    addition: u64,
}

/// How far a restoration is. It goes through all requests that there are, and then
/// through what was added meanwhile, until that is nothing.
struct Pass {
    after: u64,
    added_after: u64,
    added_until: u64,
}

// === impl Subscriptions ===

impl<K: Ord + Clone, R: Clone> Subscriptions<K, R> {
    /// Keeps at most `max`.
    pub fn new(max: usize) -> Self {
        Self {
            max,
            pipeline: PIPELINE_DEFAULT,
            kept: Arc::new(Mutex::new(Kept {
                requests: BTreeMap::new(),
                places: BTreeMap::new(),
                added: 0,
            })),
        }
    }

    /// Leaves at most so many requests unanswered; [`PIPELINE_DEFAULT`] unless told.
    ///
    /// # Panics
    ///
    /// If `in_flight` is zero, with which nothing would ever be sent.
    #[must_use]
    pub fn pipeline(mut self, in_flight: usize) -> Self {
        assert!(in_flight > 0, "pipeline is zero");
        self.pipeline = in_flight;
        self
    }

    /// Keeps `request` to be made again on each connection. One of the same key is
    /// replaced, and keeps its place in the order; a restoration under way that has
    /// passed that place asks for the new one too.
    ///
    /// # Errors
    ///
    /// When there are too many.
    pub fn add(&self, key: K, request: R) -> Result<(), TooManySubscriptions> {
        let mut kept = self.kept();
        let addition = kept.added + 1;
        let place = match kept.places.get(&key) {
            Some(&place) => place,
            None if kept.places.len() >= self.max => {
                return Err(TooManySubscriptions { max: self.max });
            }
            None => addition,
        };
        kept.added = addition;
        kept.places.insert(key.clone(), place);
        let one = Wanted {
            key,
            request,
            addition,
        };
        kept.requests.insert(place, one);
        Ok(())
    }

    /// Forgets a subscription, and says whether there was one.
    pub fn remove(&self, key: &K) -> bool {
        let mut kept = self.kept();
        let place = kept.places.remove(key);
        place.is_some_and(|place| kept.requests.remove(&place).is_some())
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept().places.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes all requests again, in order, and says how many there were.
    ///
    /// # Errors
    ///
    /// The first of them that fails; a session hook passes it on, and so fails the
    /// attempt.
    ///
    /// # Cancellation
    ///
    /// As [`restore_each`](Self::restore_each).
    pub async fn restore<S>(&self, service: S) -> Result<usize, BoxError>
    where
        S: Service<R, Error: Into<BoxError>>,
    {
        let keep = |_: &K, answer: Result<_, S::Error>| match answer {
            Ok(_) => Ok(Restored::Keep),
            Err(error) => Err(error.into()),
        };
        self.restore_each(service, keep).await
    }

    /// Makes all requests again, in order, lets `judge` see each answer in the
    /// same order, and says how many were kept.
    ///
    /// A full pipeline is in flight at a time, and nothing else of ours is held.
    ///
    /// # Errors
    ///
    /// What `judge` fails with, or the service's `poll_ready`.
    ///
    /// # Cancellation
    ///
    /// Dropping it gives up the answers; what was sent was sent, and all
    /// subscriptions stay.
    pub async fn restore_each<S>(
        &self,
        mut service: S,
        mut judge: impl FnMut(&K, Result<S::Response, S::Error>) -> Result<Restored, BoxError>,
    ) -> Result<usize, BoxError>
    where
        S: Service<R, Error: Into<BoxError>>,
    {
        let mut in_flight = FuturesOrdered::new();
        let mut pass = Pass {
            after: 0,
            added_after: 0,
            added_until: self.kept().added,
        };
        let mut kept = 0;
        loop {
            let more = in_flight.len() < self.pipeline && self.is_more(&mut pass);
            if !more && in_flight.is_empty() {
                return Ok(kept);
            }
            tokio::select! {
                biased;
                Some((key, addition, answer)) = in_flight.next() => match judge(&key, answer)? {
                    Restored::Keep => kept += 1,
                    Restored::Forget => self.forget(&key, addition),
                },
                ready = poll_fn(|cx| service.poll_ready(cx)), if more => {
                    ready.map_err(Into::into)?;
                    // It may have been removed while we waited.
                    let Some(one) = self.take_next(&mut pass) else {
                        continue;
                    };
                    let call = service.call(one.request);
                    in_flight.push_back(async move { (one.key, one.addition, call.await) });
                }
            }
        }
    }

    /// Whether there is more to ask for.
    fn is_more(&self, pass: &mut Pass) -> bool {
        let kept = self.kept();
        if kept.next(pass).is_none() && kept.added > pass.added_until {
            *pass = Pass {
                after: 0,
                added_after: pass.added_until,
                added_until: kept.added,
            };
        }
        kept.next(pass).is_some()
    }

    fn take_next(&self, pass: &mut Pass) -> Option<Wanted<K, R>> {
        let kept = self.kept();
        let (place, one) = kept.next(pass)?;
        pass.after = place;
        Some(one.clone())
    }

    /// Forgets what was asked for, unless something else is wanted under its key by now.
    fn forget(&self, key: &K, addition: u64) {
        let mut kept = self.kept();
        let place = kept.places.get(key).copied();
        let same = |one: &Wanted<K, R>| one.addition == addition;
        if let Some(place) = place.filter(|place| kept.requests.get(place).is_some_and(same)) {
            kept.places.remove(key);
            kept.requests.remove(&place);
        }
    }
}

// === impl Kept ===

impl<K, R> Kept<K, R> {
    /// What comes next in a pass.
    fn next(&self, pass: &Pass) -> Option<(u64, &Wanted<K, R>)> {
        let mut rest = self.requests.range(pass.after + 1..);
        let due = pass.added_after + 1..=pass.added_until;
        let next = rest.find(|(_, one)| due.contains(&one.addition))?;
        Some((*next.0, next.1))
    }
}

impl<K, R> Subscriptions<K, R> {
    fn kept(&self) -> MutexGuard<'_, Kept<K, R>> {
        // Nothing panics half-way through a change, unless a comparison of keys does.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, R> Clone for Subscriptions<K, R> {
    fn clone(&self) -> Self {
        Self {
            max: self.max,
            pipeline: self.pipeline,
            kept: Arc::clone(&self.kept),
        }
    }
}

impl<K, R> fmt::Debug for Subscriptions<K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions")
            .field("kept", &self.kept().places.len())
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}
