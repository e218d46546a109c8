//! Silence noticed on every stream of a dialer, where both sides know the heartbeat beforehand. It
//! agrees on nothing: what a handshake says is for [`Alive::new`].

use std::fmt;
use std::sync::Arc;

use bowline_policy::heartbeat::Policy;
use tower_layer::Layer;

use super::Alive;
use crate::{Io, WallClock, Wrap, WrapDialer};

/// Puts an [`Alive`] round each stream that a dialer opens.
#[derive(Clone)]
pub struct AliveLayer {
    policy: Policy,
    wall_clock: Option<Arc<dyn WallClock>>,
}

// === impl AliveLayer ===

impl AliveLayer {
    /// Watches each stream by the same heartbeat.
    pub fn new(policy: impl Into<Policy>) -> Self {
        Self {
            policy: policy.into(),
            wall_clock: None,
        }
    }

    /// Looks for jumps of the wall clock too; see [`Alive::with_wall_clock`].
    #[must_use]
    pub fn with_wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall_clock = Some(clock);
        self
    }
}

impl<D> Layer<D> for AliveLayer {
    type Service = WrapDialer<D, Self>;

    fn layer(&self, dialer: D) -> Self::Service {
        WrapDialer::new(dialer, self.clone())
    }
}

impl<I: Io> Wrap<I> for AliveLayer {
    type Wrapped = Alive<I>;

    fn wrap(&self, io: I) -> Alive<I> {
        let alive = Alive::new(io, self.policy);
        match &self.wall_clock {
            Some(clock) => alive.with_wall_clock(Arc::clone(clock)),
            None => alive,
        }
    }
}

impl fmt::Debug for AliveLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AliveLayer")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
