//! Which errors speak against the peer. It looks for one thing: that nobody was called.

use std::error::Error;
use std::sync::Arc;

use crate::resolving::ResolvingError;
use crate::{BoxError, ConnectTimeoutError, DialStep, dial_budget};

/// Whether an error speaks against the peer.
pub(super) type Counts = Arc<dyn Fn(&BoxError) -> bool + Send + Sync>;

/// Every error, unless nobody was called.
pub(super) fn by_default() -> Counts {
    Arc::new(|error| !nobody_was_called(error.as_ref()))
}

/// Whether a dial budget below kept the call from being made, whatever layers lie between.
fn nobody_was_called(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<dial_budget::Refused>() {
            return true;
        }
        if let Some(ConnectTimeoutError::Elapsed { step, .. }) = error.downcast_ref() {
            return *step == Some(DialStep::InLine);
        }
        cause = beneath(error).or_else(|| error.source());
    }
    false
}

/// What an error is instead of itself, where it is transparent: its `source` leaves that out.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(ConnectTimeoutError::Connect(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    if let Some(ResolvingError::Unresolved(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    #[cfg(feature = "tls")]
    if let Some(crate::tls::DialError::Dial(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    None
}
