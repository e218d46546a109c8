//! The time of day as rustls asks for it. It reads no clock but the one it was given.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;

use crate::{SystemClock, WallClock};

/// A [`WallClock`] by which certificates and tickets expire.
#[derive(Clone)]
pub(super) struct Clock(pub(super) Arc<dyn WallClock>);

// === impl Clock ===

impl Clock {
    pub(super) fn system() -> Self {
        Self(Arc::new(SystemClock))
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        // Before 1970 nothing is valid yet, which is said as such: it is no fault of the peer's.
        let since = self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(UnixTime::since_unix_epoch(since))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// The same moment for people; the end of what the machine can count stays its end.
pub(super) fn moment(time: UnixTime) -> SystemTime {
    let since = Duration::from_secs(time.as_secs());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
