//! What happened to a link, as a stream for whoever wants to read it at leisure.
//! Who reads too slowly loses the oldest, and is told how many.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::task::AtomicWaker;

use crate::Event;

/// How many events wait for a reader unless told: some ten reconnects, each of
/// which is told in a handful.
pub const EVENTS_MAX_DEFAULT: usize = 64;

/// An event, and how many were lost before it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Told {
    /// How many events before this one the reader was too slow for.
    pub missed: u64,
    /// What happened.
    pub event: Event,
}

/// The events of a link from a moment on, in order.
///
/// It ends after [`Event::Closed`], does not keep the link open, and holds at
/// most [`events_max`](crate::Builder::events_max) events: of more, the oldest
/// are dropped and counted. An [observer](crate::Builder::observer) sees all.
pub struct Events {
    queue: Arc<Queue>,
}

/// Where readers are told.
pub(crate) struct Hub {
    max: usize,
    told: Mutex<Tellees>,
}

#[derive(Default)]
struct Tellees {
    queues: Vec<Weak<Queue>>,
    closed: bool,
}

struct Queue {
    waiting: Mutex<Waiting>,
    reader: AtomicWaker,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Told>,
    missed: u64,
    closed: bool,
}

// === impl Events ===

impl Events {
    /// The next event; `None` when the link is closed and all was read.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Told> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Told>> {
        self.queue.reader.register(cx.waker());
        let mut waiting = self.queue.waiting();
        match waiting.events.pop_front() {
            Some(told) => Poll::Ready(Some(told)),
            None if waiting.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Events {
    type Item = Told;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        self.poll(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.queue.waiting().events.len();
        f.debug_struct("Events")
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}

// === impl Hub ===

impl Hub {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            told: Mutex::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> Events {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                closed: told.closed,
                ..Waiting::default()
            }),
            reader: AtomicWaker::new(),
        });
        // Those whose reader is gone are let go here, so that a link that is
        // quiet for ever does not collect them.
        told.queues.retain(|queue| queue.strong_count() > 0);
        told.queues.push(Arc::downgrade(&queue));
        Events { queue }
    }

    pub(crate) fn tell(&self, event: &Event) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.closed {
            // Somebody was about to tell it when the last word was said.
            return;
        }
        told.closed = matches!(event, Event::Closed { .. });
        let closed = told.closed;
        told.queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else {
                return false;
            };
            queue.push(event.clone(), self.max, closed);
            true
        });
    }
}

// === impl Queue ===

impl Queue {
    fn push(&self, event: Event, max: usize, closed: bool) {
        let mut waiting = self.waiting();
        waiting.closed = closed;
        if waiting.events.len() >= max {
            let dropped = waiting.events.pop_front().map_or(0, |told| told.missed);
            let missed = dropped + 1;
            match waiting.events.front_mut() {
                Some(oldest) => oldest.missed += missed,
                None => waiting.missed += missed,
            }
        }
        let missed = std::mem::take(&mut waiting.missed);
        waiting.events.push_back(Told { missed, event });
        drop(waiting);
        self.reader.wake();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics half-way through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
