//! What an application does with each connection before it is handed out.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bowline_link::BoxError;

pub(crate) type Hook<C> = Arc<
    dyn for<'a> Fn(&'a mut C) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>
        + Send
        + Sync,
>;

/// The hooks of one pool.
pub(crate) struct Hooks<C> {
    /// On each connection once, before anybody gets it.
    pub(crate) on_connect: Option<Hook<C>>,
    /// Each time one comes back settled.
    pub(crate) on_return: Option<Hook<C>>,
}

// === impl Hooks ===

impl<C> Default for Hooks<C> {
    fn default() -> Self {
        Self {
            on_connect: None,
            on_return: None,
        }
    }
}

impl<C> fmt::Debug for Hooks<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("on_connect", &self.on_connect.is_some())
            .field("on_return", &self.on_return.is_some())
            .finish()
    }
}
