//! A wait that the peer asked for, held within bounds of our own and never the
//! same for everybody. It does not know what the peer meant by it.

use std::time::Duration;

use rand_pcg::Pcg64;

use super::schedule::{DELAY_MAX, DELAY_MIN, Invalid, at_least, at_most};
use crate::random::{draw, nanos};

/// The longest wait that a peer may ask for, unless told otherwise: longer than
/// a restart takes, short enough that a mistake of the peer is no outage.
pub const HINT_CAP_DEFAULT: Duration = Duration::from_secs(300);

/// The share of a hinted wait that is drawn at least: a quarter. A peer tells
/// all its clients the same, and they heard it in the same moment.
const WIDTH_SHARE: u32 = 4;

/// How short and how long a wait may be that a peer asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HintLimits {
    floor: Duration,
    cap: Duration,
}

// === impl HintLimits ===

impl HintLimits {
    /// Obeys waits from `floor` to `cap`, and what lies outside as the nearer of
    /// the two.
    ///
    /// # Errors
    ///
    /// A floor below [`DELAY_MIN`], a cap over [`DELAY_MAX`], or a floor that is
    /// not below the cap, which leaves no room to spread anybody.
    pub fn new(floor: Duration, cap: Duration) -> Result<Self, Invalid> {
        at_least("hint floor", floor, DELAY_MIN)?;
        at_most("hint cap", cap, DELAY_MAX)?;
        if floor >= cap {
            return Err(Invalid::HintFloorOverCap { floor, cap });
        }
        Ok(Self { floor, cap })
    }

    /// The shortest wait.
    pub fn floor(&self) -> Duration {
        self.floor
    }

    /// The longest wait.
    pub fn cap(&self) -> Duration {
        self.cap
    }

    /// Draws a wait for a peer that asked for one from `from` to `to`.
    ///
    /// Evenly from what of that lies within the limits, and from at least a
    /// quarter of its beginning: later than asked where there is room below the
    /// cap, earlier where there is none.
    pub(super) fn draw(&self, from: Duration, to: Duration, random: &mut Pcg64) -> Duration {
        let low = from.clamp(self.floor, self.cap);
        let high = to.clamp(low, self.cap);
        let width = low / WIDTH_SHARE;
        let high = high.max((low + width).min(self.cap));
        let low = low.min(high - width).max(self.floor);
        Duration::from_nanos(draw(random, nanos(low), nanos(high)))
    }
}
