//! Putting a pool together from more than a connector and one endpoint.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bowline_link::discovery::{Discover, InvalidTargets, Target, Targets};
use bowline_link::{BoxError, Connect, Endpoint, SystemClock, WallClock};
use bowline_policy::Observe;
use bowline_policy::endpoints::InvalidList;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::hook::Hooks;
use crate::keeper::{Keeper, Peers, Source};
use crate::shared::Shared;
use crate::{Budget, Event, Log, Pool, Reuse, Settings};

/// A pool in the making: see [`Pool::builder`].
pub struct Builder<D: Connect<Connection: Reuse>> {
    connect: D,
    settings: Settings,
    targets: Option<Targets>,
    source: Option<Source>,
    budget: Option<Budget>,
    hooks: Hooks<D::Connection>,
    observer: Arc<dyn Observe<Event>>,
    clock: Arc<dyn WallClock>,
}

/// Why a pool cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPool {
    /// It has neither endpoints nor somebody to ask for them.
    #[error("a pool without endpoints, and without a source of them")]
    NoEndpoints,
    /// Its endpoints make no list.
    #[error(transparent)]
    Targets(#[from] InvalidTargets),
    /// Its endpoints cannot be chosen from.
    #[error(transparent)]
    List(#[from] InvalidList),
}

// === impl Builder ===

impl<D: Connect<Connection: Reuse>> Builder<D> {
    pub(crate) fn new(connect: D, settings: Settings) -> Self {
        Self {
            connect,
            settings,
            targets: None,
            source: None,
            budget: None,
            hooks: Hooks::default(),
            observer: Arc::new(Log),
            clock: Arc::new(SystemClock),
        }
    }

    /// Connects to one of these, chosen as
    /// [`Settings::endpoints`] says: by default in order.
    ///
    /// # Errors
    ///
    /// No endpoint, or too many.
    pub fn endpoints(
        self,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<Self, InvalidPool> {
        let targets = Targets::new(endpoints.into_iter().map(Target::new))?;
        Ok(self.targets(targets))
    }

    /// The same with priorities and weights.
    #[must_use]
    pub fn targets(mut self, targets: Targets) -> Self {
        self.targets = Some(targets);
        self
    }

    /// Follows a list that changes: what is on it no more is closed once it is
    /// free, and what is new takes its share. The endpoints given, if any, are
    /// for as long as the source has said nothing.
    #[must_use]
    pub fn discovered<S>(mut self, source: S) -> Self
    where
        S: Discover + 'static,
    {
        let source = source.map(|update| update.map_err(Into::into));
        self.source = Some(Box::pin(source));
        self
    }

    /// Shares a limit with other pools, beside the settings' own `max`.
    #[must_use]
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.budget = Some(budget.clone());
        self
    }

    /// Does this with each new connection before anybody gets it, within the
    /// limit of one connect. An error fails the dial.
    #[must_use]
    pub fn on_connect<F>(mut self, hook: F) -> Self
    where
        F: for<'a> Fn(
                &'a mut D::Connection,
            )
                -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>
            + Send
            + Sync
            + 'static,
    {
        self.hooks.on_connect = Some(Arc::new(hook));
        self
    }

    /// Does this with each connection that comes back settled, in the
    /// background, before the next caller gets it, within the limit of one
    /// check. An error closes it.
    #[must_use]
    pub fn on_return<F>(mut self, hook: F) -> Self
    where
        F: for<'a> Fn(
                &'a mut D::Connection,
            )
                -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>
            + Send
            + Sync
            + 'static,
    {
        self.hooks.on_return = Some(Arc::new(hook));
        self
    }

    /// Tells this observer alone. To log as well, pass it in a pair with
    /// [`Log`].
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// Reads the time of day here, to notice that the machine was asleep.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the pool. It dials once somebody waits, or for its `min`.
    ///
    /// # Errors
    ///
    /// There is nobody to connect to, or more of them than may be chosen from.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the pool's keeper is a task on it.
    pub fn build(self) -> Result<Pool<D::Connection>, InvalidPool> {
        if self.targets.is_none() && self.source.is_none() {
            return Err(InvalidPool::NoEndpoints);
        }
        let resets = self.hooks.on_return.is_some();
        let shared = Shared::new(self.settings, self.budget, resets, self.observer);
        let shared = Arc::new(shared);
        let now = Instant::now();
        let peers = Peers::new(shared.settings(), self.targets.as_ref(), now)?;
        shared.set_origins(peers.origins());
        let keeper = Keeper::new(
            Arc::clone(&shared),
            self.connect,
            self.hooks,
            self.source,
            peers,
            self.clock,
        );
        Ok(Pool::kept(shared, keeper.run()))
    }
}

impl<D: Connect<Connection: Reuse>> fmt::Debug for Builder<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("targets", &self.targets)
            .field("discovers", &self.source.is_some())
            .field("budget", &self.budget)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}
