//! Everything a link told, with the time at which it did.

use std::error::Error;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bowline_link::{Endpoint, causes};
use bowline_policy::Observe;
use bowline_policy::heartbeat::Death;
use bowline_reconnect::{Event, LostReason, SharedError};
use tokio::time::Instant;

/// What a link told, in order.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Vec<(Instant, Event)>>);

// === impl Seen ===

impl Seen {
    /// What `pick` makes of each event.
    fn all<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        self.events()
            .iter()
            .filter_map(|(_, event)| pick(event))
            .collect()
    }

    pub(super) fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.all(|event| like(event).then_some(())).len()
    }

    /// Fails if an attempt began before the wait for it was over.
    #[track_caller]
    pub(super) fn waited(&self) {
        let mut due: Option<Instant> = None;
        for (at, event) in self.events().iter() {
            match event {
                Event::BackingOff { delay, .. } => due = Some(*at + *delay),
                Event::Connecting { attempt, .. } => {
                    let early = due.take().map(|due| due.saturating_duration_since(*at));
                    let early = early.unwrap_or_default();
                    assert!(
                        early.is_zero(),
                        "attempt {attempt} came {early:?} too early"
                    );
                }
                _ => {}
            }
        }
    }

    /// How many attempts were begun.
    pub(super) fn attempts(&self) -> usize {
        self.count(|event| matches!(event, Event::Connecting { .. }))
    }

    /// How many connections were lost.
    pub(super) fn losses(&self) -> usize {
        self.count(|event| matches!(event, Event::Lost { .. }))
    }

    /// Whom it called, in order.
    pub(super) fn called(&self) -> Vec<Endpoint> {
        self.all(|event| match event {
            Event::Connecting { endpoint, .. } => Some(endpoint.clone()),
            _ => None,
        })
    }

    /// The waits it chose, each with the number of the attempt that was to follow.
    pub(super) fn waits(&self) -> Vec<(u32, Duration)> {
        self.all(|event| match event {
            Event::BackingOff { attempt, delay, .. } => Some((*attempt, *delay)),
            _ => None,
        })
    }

    /// Why there was no connection, each time.
    pub(super) fn failures(&self) -> Vec<String> {
        self.all(|event| match event {
            Event::Failed { error, .. } | Event::Lost { error, .. } => Some(error.to_string()),
            _ => None,
        })
    }

    /// Why its connections died, in order.
    pub(super) fn deaths(&self) -> Vec<SharedError> {
        self.all(|event| match event {
            Event::Lost {
                reason: LostReason::Died,
                error,
                ..
            } => Some(error.clone()),
            _ => None,
        })
    }

    fn events(&self) -> MutexGuard<'_, Vec<(Instant, Event)>> {
        self.0.lock().unwrap()
    }
}

impl Observe<Event> for Seen {
    fn observe(&self, event: &Event) {
        let now = Instant::now();
        self.events().push((now, event.clone()));
    }
}

/// How long a peer had been silent, and might have been, where that is the cause.
pub(super) fn silence(error: &(dyn Error + 'static)) -> Option<(Duration, Duration)> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(Death::Silence { silent, allowed }) => Some((*silent, *allowed)),
        Some(_) | None => None,
    })
}
