//! One waker for two tasks: a byte stream remembers a single writer, but the
//! heartbeat in the reader writes as well as the user does.

use std::sync::Arc;
use std::task::Wake;

use futures_util::task::AtomicWaker;

/// Wakes whoever polls the stream and whoever polls the sink.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) stream: AtomicWaker,
    pub(super) sink: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.stream.wake();
        self.sink.wake();
    }
}
