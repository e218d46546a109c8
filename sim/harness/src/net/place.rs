//! Where an end of a stream is: which node, on which host.

use std::sync::Arc;

/// One end's place.
#[derive(Debug, Clone)]
pub(super) struct Place {
    node: Arc<str>,
    host: Arc<str>,
}

impl Place {
    pub(super) fn new(node: Arc<str>, host: Arc<str>) -> Self {
        Self { node, host }
    }

    pub(super) fn host(&self) -> &Arc<str> {
        &self.host
    }

    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.node)
    }

    /// Whether a fault of `target`, a node or a host, strikes this end.
    pub(super) fn is_struck_with(&self, target: &str) -> bool {
        *self.host == *target || *self.node == *target
    }
}
