//! The one timer of a connection, shared by its two directions, which may be two tasks. It knows
//! instants and wakers, and not what is late.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep};

/// What a limit beyond the end of all clocks becomes: thirty years, as tokio has it.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Rings no later than any instant that somebody waits for, and wakes both directions.
///
/// It is moved when it rang, and when somebody waits for an earlier instant. One that is set too
/// early only rings once in vain, so a connection full of traffic hardly ever touches it.
#[derive(Debug)]
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// It rings without being moved.
    set: bool,
    wakers: Arc<Wakers>,
    /// Both wakers, as one.
    ring: Waker,
}

/// Which direction of a stream waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

#[derive(Debug, Default)]
struct Wakers {
    read: AtomicWaker,
    write: AtomicWaker,
}

/// `limit` after `start`, as far as clocks go.
pub(crate) fn after(start: Instant, limit: Duration) -> Instant {
    start.checked_add(limit).unwrap_or_else(|| start + FAR)
}

// === impl Alarm ===

impl Alarm {
    /// Set to nothing.
    pub(crate) fn new() -> Self {
        let wakers = Arc::new(Wakers::default());
        Self {
            sleep: Box::pin(tokio::time::sleep_until(Instant::now())),
            set: false,
            ring: Waker::from(Arc::clone(&wakers)),
            wakers,
        }
    }

    /// Pending until `at`; then the present. Whoever stops asking has nothing to call off.
    pub(crate) fn poll(&mut self, at: Instant, side: Side, cx: &Context<'_>) -> Poll<Instant> {
        self.wakers.of(side).register(cx.waker());
        if !self.set || at < self.sleep.deadline() {
            self.sleep.as_mut().reset(at);
            self.set = true;
        }
        let mut cx = Context::from_waker(&self.ring);
        while self.sleep.as_mut().poll(&mut cx).is_ready() {
            let now = Instant::now();
            if now >= at {
                // The other direction may have counted on an instant that was
                // moved: it asks again.
                self.set = false;
                self.wakers.of(side.other()).wake();
                return Poll::Ready(now);
            }
            self.sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

// === impl Side ===

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

// === impl Wakers ===

impl Wakers {
    fn of(&self, side: Side) -> &AtomicWaker {
        match side {
            Side::Read => &self.read,
            Side::Write => &self.write,
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.read.wake();
        self.write.wake();
    }
}
