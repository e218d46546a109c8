//! One run of growing delays, and how each is spread.
//!
//! A spread delay is drawn evenly between two bounds that already respect the
//! cap. Clipping after the draw would pile many sessions onto the cap itself,
//! which is where a long outage leaves them all.

use std::time::Duration;

use rand_pcg::Pcg64;

use crate::random::{draw, nanos};

/// How a delay is spread, so that sessions that fail together do not return
/// together.
///
/// Below, the *bound* is the delay without jitter: `base * factor^n`, at most
/// the cap.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Evenly between `floor` and the bound: the most room to spread a fleet over,
    /// and the soonest back. The floor does not grow, so that in a long outage
    /// nothing but chance keeps a client from many short delays in a row.
    Full {
        /// The shortest delay; below the base, or the first delay could not vary.
        floor: Duration,
    },
    /// Evenly between half the bound and the bound: the shortest delay grows with
    /// the longest, so an outage of known length costs a known number of tries.
    Equal,
    /// Evenly between the base and three times the previous delay, at most the
    /// cap. It grows at that pace whatever the factor says.
    Decorrelated,
    /// Evenly within this share of the bound on either side, at most the cap:
    /// at the cap, only the lower side is left. Above 0, below 1.
    PlusMinus(f64),
    /// The bound itself. Every session then waits the same: for tests, and for
    /// peers with a single client.
    None,
}

/// What the previous delay is multiplied with by [`Jitter::Decorrelated`].
const DECORRELATED_GROWTH: u64 = 3;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) base: Duration,
    pub(super) cap: Duration,
    pub(super) factor: f64,
    pub(super) jitter: Jitter,
}

/// Where a session stands on a [`Curve`].
#[derive(Debug, Clone)]
pub(super) struct Climb {
    curve: Curve,
    bound: f64,
    drawn: u64,
}

// === impl Curve ===

impl Curve {
    pub(super) fn start(&self) -> Climb {
        Climb {
            bound: nanos(self.base) as f64,
            drawn: nanos(self.base),
            curve: self.clone(),
        }
    }

    /// The shortest delay this curve can give.
    pub(super) fn floor(&self) -> Duration {
        match self.jitter {
            Jitter::Full { floor } => floor,
            Jitter::Equal => self.base / 2,
            Jitter::Decorrelated | Jitter::None => self.base,
            Jitter::PlusMinus(share) => self.base.mul_f64(1.0 - share),
        }
    }
}

// === impl Climb ===

impl Climb {
    pub(super) fn next(&mut self, random: &mut Pcg64) -> Duration {
        let cap = nanos(self.curve.cap);
        // Held below the cap before it is used, so that no number of attempts
        // makes it overflow.
        let bound = (self.bound as u64).min(cap);
        self.bound = (self.bound * self.curve.factor).min(cap as f64);

        let (low, high) = match self.curve.jitter {
            Jitter::Full { floor } => (nanos(floor), bound),
            Jitter::Equal => (bound / 2, bound),
            Jitter::Decorrelated => (
                nanos(self.curve.base),
                self.drawn.saturating_mul(DECORRELATED_GROWTH).min(cap),
            ),
            Jitter::PlusMinus(share) => {
                let width = (bound as f64 * share) as u64;
                (bound - width, bound.saturating_add(width).min(cap))
            }
            Jitter::None => (bound, bound),
        };
        self.drawn = draw(random, low, high);
        Duration::from_nanos(self.drawn)
    }
}
