//! Which errors speak against the peer. It looks for one thing: that nobody was called.

use std::error::Error;
use std::sync::Arc;

use crate::{BoxError, ConnectTimeoutError, DialStep, causes, dial_budget};

/// Whether an error speaks against the peer.
pub(super) type Counts = Arc<dyn Fn(&BoxError) -> bool + Send + Sync>;

/// Every error, unless nobody was called.
pub(super) fn by_default() -> Counts {
    Arc::new(|error| !nobody_was_called(error.as_ref()))
}

/// Whether a dial budget below kept the call from being made, whatever layers lie between.
fn nobody_was_called(error: &(dyn Error + 'static)) -> bool {
    let said = causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(ConnectTimeoutError::Elapsed { step, .. }) => Some(*step == Some(DialStep::InLine)),
        Some(_) | None => cause.is::<dial_budget::Refused>().then_some(true),
    });
    said.unwrap_or(false)
}
