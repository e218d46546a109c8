//! How long a probe and its answer take, smoothed as RFC 6298 section 2 does it.
//! It decides no timeout: those are the policy's.

use std::time::Duration;

/// What is known of the round trip to a peer, on our own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rtt {
    /// The last one.
    pub last: Duration,
    /// The shortest one.
    pub least: Duration,
    /// Smoothed: each new one counts an eighth.
    pub smoothed: Duration,
    /// How far from the smoothed one they usually are: each new one counts a
    /// quarter.
    pub variation: Duration,
}

// === impl Rtt ===

impl Rtt {
    pub(super) fn first(rtt: Duration) -> Self {
        Self {
            last: rtt,
            least: rtt,
            smoothed: rtt,
            variation: rtt / 2,
        }
    }

    pub(super) fn then(self, rtt: Duration) -> Self {
        let off = self.smoothed.abs_diff(rtt);
        Self {
            last: rtt,
            least: self.least.min(rtt),
            smoothed: self.smoothed - self.smoothed / 8 + rtt / 8,
            variation: self.variation - self.variation / 4 + off / 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_trip_is_smoothed_as_rfc_6298_says() {
        let ms = Duration::from_millis;
        let first = Rtt::first(ms(100));
        assert_eq!((first.smoothed, first.variation), (ms(100), ms(50)));

        let second = first.then(ms(180));
        assert_eq!(second.smoothed, ms(110));
        assert_eq!(second.variation, Duration::from_micros(57_500));
        assert_eq!((second.last, second.least), (ms(180), ms(100)));
    }
}
