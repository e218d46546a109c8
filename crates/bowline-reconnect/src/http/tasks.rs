//! Where hyper's tasks of one HTTP/2 connection run: they end with it.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use hyper::rt::Executor;
use tokio::task::JoinSet;

/// The executor that hyper is given. There are as many tasks as streams, which
/// the calls in flight bound, and one for the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

/// Ends the tasks when it is dropped.
#[derive(Debug)]
pub(super) struct Owner(Tasks);

// === impl Tasks ===

impl Tasks {
    fn set(&self) -> MutexGuard<'_, JoinSet<()>> {
        // Whoever panics in there panics between two whole steps.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        let mut tasks = self.set();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

// === impl Owner ===

impl Owner {
    pub(super) fn new(tasks: Tasks) -> Self {
        Self(tasks)
    }

    /// Waits until all tasks have ended.
    pub(super) async fn idle(&self) {
        poll_fn(|cx| {
            let mut tasks = self.0.set();
            while let Poll::Ready(task) = tasks.poll_join_next(cx) {
                if task.is_none() {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // A task that awaits an answer holds the executor, so the set may outlive us.
        self.0.set().abort_all();
    }
}
