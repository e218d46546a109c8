//! Where an end of a stream is: on which host, and which node of it, once that is known.

use std::sync::Arc;

/// One end's place. turmoil tells an accepting end the peer's host at once; which node of
/// it called is known when the dial has returned.
#[derive(Debug, Clone)]
pub(super) struct Place {
    host: Arc<str>,
    node: Option<Arc<str>>,
}

impl Place {
    pub(super) fn known(node: Arc<str>, host: Arc<str>) -> Self {
        Self {
            host,
            node: Some(node),
        }
    }

    pub(super) fn somewhere_on(host: Arc<str>) -> Self {
        Self { host, node: None }
    }

    pub(super) fn host(&self) -> &Arc<str> {
        &self.host
    }

    pub(super) fn is_claimed(&self) -> bool {
        self.node.is_some()
    }

    /// The best name there is.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(self.node.as_ref().unwrap_or(&self.host))
    }

    /// Whether a fault of `target`, a node or a host, strikes this end.
    pub(super) fn is_struck_with(&self, target: &str) -> bool {
        *self.host == *target || self.node.as_deref() == Some(target)
    }
}
