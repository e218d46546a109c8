//! What one member has still to be sent: a queue bounded in bytes, without a socket.
//!
//! Rooms fill it, the connection empties it. Filling never waits: a member whose
//! outbox is full is cut, and recovers when it comes back.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::writer::CatchUp;
use crate::protocol::{Close, CloseCode};

/// One connection's queue of encoded batches.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Bytes>,
    bytes: usize,
    /// Replays to go on with whenever the queue is empty.
    catching_up: VecDeque<CatchUp>,
    /// A page of one was asked for and is not here yet: one at a time, so that one
    /// page at most is in memory.
    page_due: bool,
    cut: Option<Close>,
}

impl Outbox {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            queue: Mutex::default(),
            changed: Notify::new(),
            bytes_max,
        }
    }

    /// Queues `batch`; past the bound it cuts the member instead. `false` once cut.
    pub(crate) fn push(&self, batch: Bytes) -> bool {
        let mut queue = self.lock();
        if queue.cut.is_some() {
            return false;
        }
        if queue.bytes + batch.len() > self.bytes_max {
            queue.cut_off(Close::new(CloseCode::SLOW));
            self.changed.notify_one();
            return false;
        }
        self.append(&mut queue, batch);
        true
    }

    /// Queues what was asked for, whatever its size: the frame of an answer, or one
    /// page of a replay. A member that asks on beyond the bound is cut.
    pub(crate) fn push_answer(&self, batch: Bytes) {
        let mut queue = self.lock();
        if queue.cut.is_some() {
            return;
        }
        if queue.bytes > self.bytes_max {
            queue.cut_off(Close::new(CloseCode::SLOW));
            self.changed.notify_one();
            return;
        }
        self.append(&mut queue, batch);
    }

    /// Remembers a replay to go on with when the queue is empty; another one of the
    /// same room is over.
    pub(crate) fn catch_up(&self, rest: CatchUp) {
        let mut queue = self.lock();
        if queue.cut.is_none() {
            queue
                .catching_up
                .retain(|other| other.room() != rest.room());
            queue.catching_up.push_back(rest);
            self.changed.notify_one();
        }
    }

    /// The page asked for is here, or never will be.
    pub(crate) fn page_done(&self) {
        self.lock().page_due = false;
        self.changed.notify_one();
    }

    /// The next batch to send.
    pub(crate) fn pop(&self) -> Option<Bytes> {
        let mut queue = self.lock();
        let batch = queue.batches.pop_front()?;
        queue.bytes -= batch.len();
        Some(batch)
    }

    /// The replay to go on with, if everything before it has gone.
    pub(crate) fn pop_catch_up(&self) -> Option<CatchUp> {
        let mut queue = self.lock();
        if queue.page_due || !queue.batches.is_empty() {
            return None;
        }
        let rest = queue.catching_up.pop_front();
        queue.page_due = rest.is_some();
        rest
    }

    /// Ends the member's connection for this reason; the first one wins.
    pub(crate) fn cut(&self, close: Close) {
        self.lock().cut_off(close);
        self.changed.notify_one();
    }

    /// Why the member is to go, if it is.
    pub(crate) fn cut_reason(&self) -> Option<Close> {
        self.lock().cut.clone()
    }

    /// Waits for something new: a batch in an empty queue, a replay, or the end.
    ///
    /// Dropping the future loses no wake-up: a change meanwhile ends the next wait.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn append(&self, queue: &mut Queue, batch: Bytes) {
        queue.bytes += batch.len();
        queue.batches.push_back(batch);
        if queue.batches.len() == 1 {
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        // Every change above leaves the queue whole, so a panic elsewhere harms nothing here.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn cut_off(&mut self, close: Close) {
        if self.cut.is_none() {
            self.cut = Some(close);
            self.batches = VecDeque::new();
            self.catching_up = VecDeque::new();
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_outbox_cuts_its_member_and_frees_what_it_held() {
        let outbox = Outbox::new(10);
        assert!(outbox.push(Bytes::from_static(b"12345")));
        assert!(outbox.push(Bytes::from_static(b"12345")));
        assert!(!outbox.push(Bytes::from_static(b"1")));
        assert_eq!(outbox.cut_reason(), Some(Close::new(CloseCode::SLOW)));
        assert_eq!(outbox.pop(), None);
        outbox.push_answer(Bytes::from_static(b"late"));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn the_first_reason_to_cut_wins() {
        let outbox = Outbox::new(10);
        outbox.cut(Close::new(CloseCode::STORE_FAILED));
        outbox.cut(Close::new(CloseCode::SLOW));
        assert_eq!(
            outbox.cut_reason(),
            Some(Close::new(CloseCode::STORE_FAILED))
        );
    }

    #[test]
    fn an_answer_is_not_held_against_the_bound() {
        let outbox = Outbox::new(4);
        outbox.push_answer(Bytes::from_static(b"a whole page"));
        assert_eq!(outbox.cut_reason(), None);
        assert_eq!(outbox.pop(), Some(Bytes::from_static(b"a whole page")));
    }

    #[test]
    fn who_asks_on_beyond_the_bound_is_cut() {
        let outbox = Outbox::new(4);
        outbox.push_answer(Bytes::from_static(b"a whole page"));
        outbox.push_answer(Bytes::from_static(b"and another"));
        assert_eq!(outbox.cut_reason(), Some(Close::new(CloseCode::SLOW)));
        assert_eq!(outbox.pop(), None);
    }
}
