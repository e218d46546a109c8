//! What came of a drain.

use std::fmt;

use crate::Lent;

/// How a drain ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Connections that were parked, and were closed at once.
    pub parked: usize,
    /// Connections that came back in time, and were closed.
    pub returned: usize,
    /// Connections that callers still hold, those lent longest first. Each is
    /// closed when it comes back.
    pub lent: Vec<Lent>,
    /// All that was still open or opening: those, and what was on its way out.
    pub left: usize,
}

// === impl DrainReport ===

impl DrainReport {
    /// Whether nothing is left open.
    pub fn is_complete(&self) -> bool {
        self.left == 0
    }
}

impl fmt::Display for DrainReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            parked,
            returned,
            lent,
            left,
        } = self;
        write!(f, "{parked} were parked, {returned} came back, ")?;
        write!(f, "{} are still lent", lent.len())?;
        for lent in lent {
            write!(f, "; {} for {:?}", lent.location, lent.lent_for)?;
        }
        let others = left.saturating_sub(lent.len());
        if others > 0 {
            write!(f, "; {others} are still being closed")?;
        }
        Ok(())
    }
}
