//! A call that was let through: it reports how it came out, also where a deadline
//! ended it, or gives its place back when it is dropped.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

use bowline_policy::breaker::Permit;
use tokio::time::Instant;

use super::Breakers;
use super::counts::Counts;
use super::shelf::{Shared, lock};
use crate::step::Around;
use crate::{BoxError, ConnectTimeoutError, Endpoint};

/// How many bytes of the last failure are kept for those who are refused: a
/// line for a person, its causes included.
pub const LAST_FAILURE_MAX: usize = 512;

pub(super) struct Ticket {
    breakers: Breakers,
    guarded: Shared,
    permit: Option<Permit>,
    endpoint: Endpoint,
    counts: Counts,
    around: Around,
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn new(
        breakers: Breakers,
        guarded: Shared,
        permit: Permit,
        endpoint: Endpoint,
        counts: Counts,
    ) -> Self {
        Self {
            breakers,
            guarded,
            permit: Some(permit),
            endpoint,
            counts,
            around: Around::present(),
        }
    }

    pub(super) fn succeeded(mut self) {
        if let Some(permit) = self.permit.take() {
            let now = Instant::now().into_std();
            self.breakers
                .change(&self.guarded, &self.endpoint, |guarded| {
                    guarded.breaker.succeeded(permit, now);
                });
        }
    }

    pub(super) fn failed(mut self, error: &BoxError) {
        self.fail(error);
    }

    /// Reports a failure, if it is one that counts.
    fn fail(&mut self, error: &BoxError) {
        if !(self.counts)(error) {
            return;
        }
        if let Some(permit) = self.permit.take() {
            let now = Instant::now().into_std();
            let failure = line(error.as_ref());
            self.breakers
                .change(&self.guarded, &self.endpoint, |guarded| {
                    guarded.last_failure = Some(failure);
                    guarded.breaker.failed(permit, now);
                });
        }
    }

    /// What a deadline round this call says of the peer, where one struck.
    fn struck(&self) -> Option<BoxError> {
        // What counts is another's code, and may panic as well.
        if self.permit.is_none() || std::thread::panicking() {
            return None;
        }
        let struck = self.around.struck()?;
        let elapsed = ConnectTimeoutError::Elapsed {
            endpoint: self.endpoint.clone(),
            after: struck.after,
            step: struck.step,
        };
        Some(elapsed.into())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(elapsed) = self.struck() {
            self.fail(&elapsed);
        }
        if let Some(permit) = self.permit.take() {
            // Changes no state, so there is nothing to tell.
            lock(&self.guarded).breaker.cancelled(permit);
        }
    }
}

/// An error and its causes in one line of at most [`LAST_FAILURE_MAX`] bytes.
fn line(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if line.len() > LAST_FAILURE_MAX {
            break;
        }
        write!(line, ": {error}").expect("a string takes all that is written");
        cause = error.source();
    }
    let mut ends = (0..=LAST_FAILURE_MAX).rev();
    let end = ends.find(|end| line.is_char_boundary(*end));
    if line.len() > LAST_FAILURE_MAX {
        line.truncate(end.expect("0 is a boundary"));
    }
    line.into()
}
