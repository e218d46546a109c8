//! Gives a store a place to work, off the runtime's threads; it knows nothing of what the work is.

use std::any::Any;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::Store;

/// How many jobs may wait for a committer's thread; the next one waits to be queued.
pub const JOBS_MAX: usize = 256;

/// Runs jobs on a store, one after the other, in the order in which they came.
///
/// Dropping it lets every queued job finish, closes the store and waits for both:
/// at most [`JOBS_MAX`] jobs, each of which ends. Use [`close`](Self::close) where
/// that wait must not block the thread.
pub struct Committer<S> {
    place: Place<S>,
}

enum Place<S> {
    Thread(Worker<S>),
    Inline(Mutex<S>),
}

struct Worker<S> {
    /// Gone only while the worker is closed or dropped.
    jobs: Option<mpsc::Sender<Job<S>>>,
    thread: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
}

/// Breaks when the store must not be used again.
type Job<S> = Box<dyn FnOnce(&mut S) -> ControlFlow<()> + Send>;

/// What every caller meets after a job panicked: the store may be half changed.
const STOPPED: &str = "an earlier job on this store panicked, so it takes no more";

// === impl Committer ===

impl<S: Store> Committer<S> {
    /// Runs jobs on a thread of their own: what a server does, since a store waits
    /// for its disk.
    ///
    /// # Errors
    ///
    /// When the operating system starts no more threads.
    pub fn thread(mut store: S) -> io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job<S>>(JOBS_MAX);
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("bowline-store".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    if job(&mut store).is_break() {
                        break;
                    }
                }
                drop(store);
                drop(end);
            })?;
        Ok(Self {
            place: Place::Thread(Worker {
                jobs: Some(jobs),
                thread: Some(thread),
                ended,
            }),
        })
    }

    /// Runs each job right where it is asked for: what a simulation does, where
    /// nothing may depend on the order in which threads happen to run.
    pub fn inline(store: S) -> Self {
        Self {
            place: Place::Inline(Mutex::new(store)),
        }
    }

    /// Runs `job` on the store and returns its answer.
    ///
    /// # Panics
    ///
    /// When `job` panics, with the same payload; and ever after, since the store
    /// may then be half changed.
    ///
    /// # Cancellation
    ///
    /// Once queued, a job runs to its end even if this future is dropped; its
    /// answer is thrown away. Dropped while it waits for a place in the queue, the
    /// job never starts.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> T {
        let worker = match &self.place {
            Place::Inline(store) => return job(&mut store.lock().expect(STOPPED)),
            Place::Thread(worker) => worker,
        };
        match worker.run(job).await {
            Ok(answer) => answer,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Lets every queued job finish, closes the store, and returns when both are
    /// done: another process may then open it.
    ///
    /// # Cancellation
    ///
    /// Dropping it closes all the same, and blocks until done.
    pub async fn close(self) {
        match self.place {
            Place::Inline(store) => {
                drop(store.into_inner().unwrap_or_else(PoisonError::into_inner));
            }
            Place::Thread(mut worker) => {
                worker.jobs = None;
                // It never sends: that it is gone is the news.
                drop((&mut worker.ended).await);
            }
        }
    }
}

impl<S> fmt::Debug for Committer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Thread(_) => "Committer::Thread",
            Place::Inline(_) => "Committer::Inline",
        })
    }
}

// === impl Worker ===

impl<S: Store> Worker<S> {
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> Result<T, Box<dyn Any + Send>> {
        let (tell, told) = oneshot::channel();
        let job: Job<S> = Box::new(move |store| {
            let answer = catch_unwind(AssertUnwindSafe(|| job(store)));
            let next = match answer {
                Ok(_) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            // Nobody listens when the caller's future was dropped.
            drop(tell.send(answer));
            next
        });
        let jobs = self.jobs.as_ref().expect("taken only by whoever owns all");
        if jobs.send(job).await.is_err() {
            panic!("{STOPPED}");
        }
        told.await.expect(STOPPED)
    }
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        // The last handle may be owned by a job, which cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            // An error is a panic in the store's own drop, reported where it happened.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests;
