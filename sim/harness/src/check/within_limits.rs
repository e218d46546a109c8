//! Whether anything that is limited ever went past its limit.
//!
//! Knows only what processes say of themselves.

use super::{Check, Violation};
use crate::history::{History, What};

/// Nobody holds more of anything than it may.
///
/// Rule `at-most`: no [`What::Gauge`] has a value above its own limit.
#[derive(Debug, Clone, Copy)]
pub struct WithinLimits;

// === impl WithinLimits ===

impl Check for WithinLimits {
    fn promise(&self) -> &'static str {
        "nobody holds more of anything than it may"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        for (index, record) in records.iter().enumerate() {
            if let What::Gauge { of, value, at_most } = &record.what
                && value > at_most
            {
                let process = &record.process;
                let over = value - at_most;
                let text = format!("{process} holds {over} {of} more than it may");
                return Err(Violation::shown_by(self, "at-most", records, [index], text));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
