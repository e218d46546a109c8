//! A value that all clones of its handle see replaced at once. It checks nothing: what goes in is
//! already whole.

use std::sync::{Arc, PoisonError, RwLock};

pub(super) struct Replaceable<T> {
    current: Arc<RwLock<Arc<T>>>,
}

// === impl Replaceable ===

impl<T> Replaceable<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(value))),
        }
    }

    pub(super) fn current(&self) -> Arc<T> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, value: T) {
        let current = self.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

impl<T> Clone for Replaceable<T> {
    fn clone(&self) -> Self {
        Self {
            current: Arc::clone(&self.current),
        }
    }
}
