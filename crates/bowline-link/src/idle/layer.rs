//! An idle limit for every stream of a dialer.

use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::{IdleTimeout, Limit};
use crate::{Io, Wrap, WrapDialer};

/// Puts an [`IdleTimeout`] round each stream that a dialer opens.
#[derive(Clone)]
pub struct IdleTimeoutLayer {
    draw: Arc<dyn Fn() -> Limit + Send + Sync>,
}

// === impl IdleTimeoutLayer ===

impl IdleTimeoutLayer {
    /// Gives each stream the same limit.
    pub fn new(limit: Limit) -> Self {
        Self::drawing(move || limit)
    }

    /// Gives each stream a limit of its own, drawn once when it has been opened: so that those which
    /// were last used together do not end together.
    pub fn drawing(draw: impl Fn() -> Limit + Send + Sync + 'static) -> Self {
        Self {
            draw: Arc::new(draw),
        }
    }
}

impl<D> Layer<D> for IdleTimeoutLayer {
    type Service = WrapDialer<D, Self>;

    fn layer(&self, dialer: D) -> Self::Service {
        WrapDialer::new(dialer, self.clone())
    }
}

impl<I: Io> Wrap<I> for IdleTimeoutLayer {
    type Wrapped = IdleTimeout<I>;

    fn wrap(&self, io: I) -> IdleTimeout<I> {
        IdleTimeout::new(io, (self.draw)())
    }
}

impl fmt::Debug for IdleTimeoutLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleTimeoutLayer").finish_non_exhaustive()
    }
}
