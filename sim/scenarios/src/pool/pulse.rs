//! What a connection does while the pool has it: since when it is parked, when it last
//! proved itself, and when its stream called. It is told by the connection and asked by
//! the books; the pool knows nothing of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::watch::Watch;

/// One connection's.
#[derive(Debug)]
pub(super) struct Pulse {
    watch: Watch,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it last proved itself, while the pool has it.
    proved_at: Option<Duration>,
    /// When its stream called, unless a look since has found nothing.
    called_at: Option<Duration>,
    /// Whom that wakes.
    waker: Option<Waker>,
}

// === impl Pulse ===

impl Pulse {
    /// That of a connection just opened.
    pub(super) fn new(watch: Watch) -> Arc<Self> {
        let pulse = Self {
            watch,
            state: Mutex::default(),
        };
        pulse.parks();
        Arc::new(pulse)
    }

    /// It goes to the pool, or has proved itself there.
    pub(super) fn parks(&self) {
        let now = self.watch.awake();
        let mut state = self.state();
        state.proved_at = Some(now);
        state.called_at = None;
    }

    /// It leaves the pool for a caller.
    pub(super) fn leaves(&self) {
        self.state().proved_at = None;
    }

    /// A look begins: what wakes it wakes `waker`, and the time is noted.
    pub(super) fn listens(self: &Arc<Self>, waker: &Waker) -> Waker {
        let mut state = self.state();
        state.waker = Some(waker.clone());
        Waker::from(Arc::clone(self))
    }

    /// A look found nothing, or an end.
    pub(super) fn looked(&self, ended: bool) {
        let now = self.watch.awake();
        let mut state = self.state();
        state.called_at = match ended {
            true => state.called_at.or(Some(now)),
            false => None,
        };
    }

    /// For how long it has lain parked without a proof.
    pub(super) fn unproved_for(&self) -> Option<Duration> {
        let proved_at = self.state().proved_at?;
        Some(self.watch.awake().saturating_sub(proved_at))
    }

    /// For how long it has lain parked though its stream called.
    pub(super) fn unheard_for(&self) -> Option<Duration> {
        let state = self.state();
        let called_at = state.called_at.filter(|_| state.proved_at.is_some())?;
        drop(state);
        Some(self.watch.awake().saturating_sub(called_at))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Fields are set one by one and make sense in any combination.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Pulse {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let now = self.watch.awake();
        let mut state = self.state();
        state.called_at = state.called_at.or(Some(now));
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
