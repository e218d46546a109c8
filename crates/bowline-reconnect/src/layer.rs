//! Reconnecting as a layer over a connector.

use std::fmt;
use std::sync::Arc;

use bowline_link::discovery::Targets;
use bowline_link::{Connect, Endpoint};
use bowline_policy::backoff::Maker;
use bowline_policy::endpoints::{self, InvalidList};
use tokio::time::Instant;
use tower_layer::Layer;

use crate::{Builder, Established, Reconnect};

/// Puts a [`Reconnect`] over a connector, and starts it.
///
/// Each service it makes is a link of its own, with a backoff session of its
/// own. [`Layer::layer`] therefore panics outside a tokio runtime, as
/// [`Builder::build`] does.
pub struct ReconnectLayer<S> {
    endpoint: Endpoint,
    maker: Maker,
    endpoints: Option<(Targets, endpoints::Maker)>,
    configure: Configure<S>,
}

type Configure<S> = Arc<dyn Fn(Builder<S>) -> Builder<S> + Send + Sync>;

// === impl ReconnectLayer ===

impl<S> ReconnectLayer<S> {
    /// Connects to `endpoint`, with backoff sessions from `maker`.
    pub fn new(endpoint: Endpoint, maker: Maker) -> Self {
        Self {
            endpoint,
            maker,
            endpoints: None,
            configure: Arc::new(|builder| builder),
        }
    }

    /// Lets each link choose among several endpoints, as
    /// [`Builder::endpoints`] does, each with a set of its own from `sets`.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set.
    pub fn endpoints(
        mut self,
        targets: &Targets,
        sets: &endpoints::Maker,
    ) -> Result<Self, InvalidList> {
        // Looked at once, so that no link has to.
        sets.set(targets.to_endpoints(), Instant::now().into_std())?;
        self.endpoints = Some((targets.clone(), sets.clone()));
        Ok(self)
    }

    /// Gives each link further settings, in place of any given before.
    #[must_use]
    pub fn configure(
        mut self,
        configure: impl Fn(Builder<S>) -> Builder<S> + Send + Sync + 'static,
    ) -> Self {
        self.configure = Arc::new(configure);
        self
    }
}

impl<S, C> Layer<C> for ReconnectLayer<S>
where
    S: Clone + Send + 'static,
    C: Connect<Connection = Established<S>>,
{
    type Service = Reconnect<S>;

    fn layer(&self, connect: C) -> Reconnect<S> {
        let mut builder = Reconnect::builder(connect, self.endpoint.clone(), &self.maker);
        if let Some((targets, sets)) = &self.endpoints {
            let chosen = builder.endpoints(targets, sets);
            builder = chosen.expect("the list was taken once");
        }
        (self.configure)(builder).build()
    }
}

impl<S> Clone for ReconnectLayer<S> {
    fn clone(&self) -> Self {
        Self {
            endpoint: self.endpoint.clone(),
            maker: self.maker.clone(),
            endpoints: self.endpoints.clone(),
            configure: Arc::clone(&self.configure),
        }
    }
}

impl<S> fmt::Debug for ReconnectLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectLayer")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
