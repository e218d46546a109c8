//! How what happened becomes visible: metrics, logs and checks are observers.

use std::fmt;
use std::sync::Arc;

/// Sees what happened.
///
/// Observers compose as a pair, both in order; `()` sees nothing. A crate that
/// reports events holds its observer as `Arc<dyn Observe<Event>>`.
pub trait Observe<E>: Send + Sync {
    /// Takes note of `event`, in the task in which it happened; must not block.
    fn observe(&self, event: &E);
}

impl<E> Observe<E> for () {
    fn observe(&self, _event: &E) {}
}

impl<E, A: Observe<E>, B: Observe<E>> Observe<E> for (A, B) {
    fn observe(&self, event: &E) {
        self.0.observe(event);
        self.1.observe(event);
    }
}

impl<E, O: Observe<E> + ?Sized> Observe<E> for Arc<O> {
    fn observe(&self, event: &E) {
        (**self).observe(event);
    }
}

/// Makes an observer of a closure.
///
/// ```
/// use bowline_policy::{Observe, from_fn};
///
/// let log = from_fn(|event: &&str| assert_eq!(*event, "connection lost"));
/// log.observe(&"connection lost");
/// ```
pub fn from_fn<E, F: Fn(&E) + Send + Sync>(see: F) -> FromFn<F> {
    FromFn { see }
}

/// What [`from_fn`] returns.
#[derive(Clone, Copy)]
pub struct FromFn<F> {
    see: F,
}

impl<E, F: Fn(&E) + Send + Sync> Observe<E> for FromFn<F> {
    fn observe(&self, event: &E) {
        (self.see)(event);
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
