//! Failover as a layer over a connector.

use bowline_link::discovery::Targets;
use bowline_policy::endpoints::{InvalidList, Maker};
use tower_layer::Layer;

use super::{Failover, Shared};

/// Puts a [`Failover`] over a connector. All that it makes share what is known of
/// the endpoints.
#[derive(Debug, Clone)]
pub struct FailoverLayer {
    shared: Shared,
}

// === impl FailoverLayer ===

impl FailoverLayer {
    /// Chooses among `targets` as a set from `sets` does.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set.
    pub fn new(targets: &Targets, sets: &Maker) -> Result<Self, InvalidList> {
        let shared = Shared::new(targets, sets)?;
        Ok(Self { shared })
    }
}

impl<C> Layer<C> for FailoverLayer {
    type Service = Failover<C>;

    fn layer(&self, connect: C) -> Failover<C> {
        let shared = self.shared.clone();
        Failover { connect, shared }
    }
}
