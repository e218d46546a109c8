//! Where parked connections hang and callers wait for one, first come, first
//! served. It decides nothing, and it is the only file that knows deadpool.
//!
//! One connection, the last one parked, lies in a slot of its own: a lock there
//! costs a fraction of what deadpool's line does. Whoever waits in line sees
//! only the line, so the slot must be emptied into it while anybody does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool::unmanaged;

/// A rack of `T`; in the line, `None` is a call to look up: whoever takes it
/// sees why nobody should wait, and passes it on.
///
/// deadpool's own `close` is not used: it races a waiting caller into a panic
/// (0.13.1).
pub(crate) struct Rack<T> {
    hot: Mutex<Option<T>>,
    line: unmanaged::Pool<Option<T>>,
    called: AtomicBool,
}

/// What somebody in line is handed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handed<T> {
    Parked(T),
    /// Look up: pass it on by [`Rack::pass_call`], or end it by
    /// [`Rack::end_call`].
    Call,
}

// === impl Rack ===

impl<T> Rack<T> {
    /// A rack with room for `most`, and for one call.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            hot: Mutex::new(None),
            line: unmanaged::Pool::new(most + 1),
            called: AtomicBool::new(false),
        }
    }

    /// Puts `parked` into the slot, and what lay there onto the line.
    pub(crate) fn add_hot(&self, parked: T) {
        let colder = self.hot().replace(parked);
        if let Some(colder) = colder {
            self.add(colder);
        }
    }

    /// Puts `parked` onto the line: to the first caller in it, if there is one.
    pub(crate) fn add(&self, parked: T) {
        self.put(Some(parked));
    }

    /// Moves what lies in the slot onto the line.
    pub(crate) fn flush(&self) {
        if let Some(parked) = self.take_hot() {
            self.add(parked);
        }
    }

    /// What lies in the slot.
    pub(crate) fn take_hot(&self) -> Option<T> {
        self.hot().take()
    }

    /// The most recently parked on the line, unless callers wait for it.
    pub(crate) fn take_cold(&self) -> Option<T> {
        match self.line.try_remove() {
            Ok(Some(parked)) => Some(parked),
            Ok(None) => {
                self.pass_call();
                None
            }
            Err(_) => None,
        }
    }

    /// Waits in line.
    ///
    /// # Cancellation
    ///
    /// What had been promised goes to the next in line.
    pub(crate) async fn take_in_line(&self) -> Handed<T> {
        let handed = self.line.remove().await.expect("the line is never closed");
        handed.map_or(Handed::Call, Handed::Parked)
    }

    /// Has everybody in line look up, one after another.
    pub(crate) fn call(&self) {
        if !self.called.swap(true, Ordering::SeqCst) {
            self.put(None);
        }
    }

    /// Hands a call that was taken to the next in line.
    pub(crate) fn pass_call(&self) {
        self.put(None);
    }

    /// Ends a call that was taken. Look again afterwards whether there should be
    /// one: somebody may have relied on this.
    pub(crate) fn end_call(&self) {
        self.called.store(false, Ordering::SeqCst);
    }

    /// Takes everything, the most recently parked first.
    pub(crate) fn strip(&self) -> Vec<T> {
        let mut stripped: Vec<T> = self.take_hot().into_iter().collect();
        let mut calls = 0;
        // The call is set aside meanwhile, or it would hide what hangs under it.
        while let Ok(taken) = self.line.try_remove() {
            match taken {
                Some(parked) => stripped.push(parked),
                None => calls += 1,
            }
        }
        for _ in 0..calls {
            self.pass_call();
        }
        stripped
    }

    /// How many hang on the line, those promised to a caller among them.
    pub(crate) fn on_line(&self) -> usize {
        let hanging = self.line.status().available;
        hanging.saturating_sub(usize::from(self.called.load(Ordering::SeqCst)))
    }

    /// How many are parked. It does not wait: a slot that is in use just now
    /// counts for none.
    pub(crate) fn parked(&self) -> usize {
        let hot = self.hot.try_lock();
        self.on_line() + usize::from(hot.is_ok_and(|hot| hot.is_some()))
    }

    fn put(&self, parked: Option<T>) {
        let put = self.line.try_add(parked);
        assert!(put.is_ok(), "a rack has room for all seats and one call");
    }

    fn hot(&self) -> MutexGuard<'_, Option<T>> {
        // A swap cannot panic half-way, so a poisoned slot is a whole one.
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_hides_nothing_and_reaches_everybody_in_line() {
        let rack = Rack::new(3);
        rack.add_hot(1);
        rack.add_hot(2);
        rack.call();
        rack.call();
        rack.add(3);
        assert_eq!((rack.on_line(), rack.parked()), (2, 3));
        assert_eq!(rack.strip(), [2, 3, 1]);
        for _ in 0..3 {
            assert_eq!(rack.take_in_line().await, Handed::Call);
            rack.pass_call();
            assert_eq!(rack.take_cold(), None);
        }
        assert_eq!(rack.take_in_line().await, Handed::Call);
        rack.end_call();
        rack.call();
        assert_eq!(rack.take_in_line().await, Handed::Call);
    }
}
