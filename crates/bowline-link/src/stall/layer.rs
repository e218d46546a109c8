//! Limits for the reads and writes of every stream of a dialer.

use tower_layer::Layer;

use super::{Limited, Limits};
use crate::{Io, Wrap, WrapDialer};

/// Puts a [`Limited`] round each stream that a dialer opens. The dial keeps its own deadline.
///
/// It belongs next to the dialer: above a layer with a buffer, such as TLS, it sees that buffer and
/// not the network.
#[derive(Debug, Clone, Copy)]
pub struct StallLayer {
    limits: Limits,
}

// === impl StallLayer ===

impl StallLayer {
    /// Limits reads and writes; frames and requests are limited where they are known.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl<D> Layer<D> for StallLayer {
    type Service = WrapDialer<D, Self>;

    fn layer(&self, dialer: D) -> Self::Service {
        WrapDialer::new(dialer, *self)
    }
}

impl<I: Io> Wrap<I> for StallLayer {
    type Wrapped = Limited<I>;

    fn wrap(&self, io: I) -> Limited<I> {
        Limited::new(io, &self.limits)
    }
}
