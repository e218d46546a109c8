//! Where parked connections hang and callers wait for one, first come, first
//! served. It decides nothing, and it is the only file that knows deadpool.
//!
//! One connection, the last one parked, lies in a slot of its own: a lock there
//! costs a fraction of what deadpool's line does. Whoever waits in line sees
//! only the line, so the slot must be emptied into it while anybody does.

use std::sync::{Mutex, MutexGuard, PoisonError};

use deadpool::unmanaged;

/// A rack of `T`; in the line, `None` is the pill that ends it.
///
/// deadpool's own `close` is not used: it races a waiting caller into a panic
/// (0.13.1). The pill goes from hand to hand instead.
pub(crate) struct Rack<T> {
    hot: Mutex<Option<T>>,
    line: unmanaged::Pool<Option<T>>,
}

// === impl Rack ===

impl<T> Rack<T> {
    /// A rack with room for `most`, and for the pill.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            hot: Mutex::new(None),
            line: unmanaged::Pool::new(most + 1),
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
                self.put(None);
                None
            }
            Err(_) => None,
        }
    }

    /// Waits in line. `None` means that the line has ended.
    ///
    /// # Cancellation
    ///
    /// What had been promised goes to the next in line.
    pub(crate) async fn take_in_line(&self) -> Option<T> {
        let taken = self.line.remove().await.expect("the line is never closed");
        if taken.is_none() {
            self.put(None);
        }
        taken
    }

    /// Ends the line: everybody in it, and whoever joins later, is told. Called
    /// once, or the second pill would take up the room of a connection.
    pub(crate) fn end_line(&self) {
        self.put(None);
    }

    /// Takes everything.
    pub(crate) fn strip(&self) -> Vec<T> {
        let mut stripped: Vec<T> = self.take_hot().into_iter().collect();
        let mut pills = 0;
        // The pill is set aside meanwhile, or it would hide what hangs under it.
        while let Ok(taken) = self.line.try_remove() {
            match taken {
                Some(parked) => stripped.push(parked),
                None => pills += 1,
            }
        }
        for _ in 0..pills {
            self.put(None);
        }
        stripped
    }

    /// How many hang on the line, those promised to a caller among them.
    pub(crate) fn on_line(&self) -> usize {
        self.line.status().available
    }

    /// Whether something lies in the slot.
    pub(crate) fn has_hot(&self) -> bool {
        self.hot().is_some()
    }

    fn put(&self, parked: Option<T>) {
        let put = self.line.try_add(parked);
        assert!(put.is_ok(), "a rack has room for all seats and one pill");
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
    async fn the_pill_hides_nothing_and_ends_the_line_for_everybody() {
        let rack = Rack::new(3);
        rack.add_hot(1);
        rack.add_hot(2);
        rack.end_line();
        rack.add(3);
        assert_eq!(rack.strip(), [2, 3, 1]);
        for _ in 0..3 {
            assert_eq!(rack.take_in_line().await, None);
            assert_eq!(rack.take_cold(), None);
        }
    }
}
