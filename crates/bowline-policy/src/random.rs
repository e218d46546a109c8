//! Where chance comes from: streams that never meet, and even draws from them.
//! It makes no secrets; what it draws can be foreseen by whoever knows the seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand_core::Rng;
use rand_pcg::Pcg64;

/// Hands out generators, each a stream of its own.
///
/// Clones share the count. The same seed gives the same streams in the same order.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    seed: u64,
    given: Arc<AtomicU64>,
}

/// What the streams of one kind of maker are for: makers of different kinds
/// that were given one seed still draw apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Backoff,
    Lifetime,
    Breaker,
    Endpoints,
}

// === impl Streams ===

impl Streams {
    pub(crate) fn new(purpose: Purpose, seed: u64) -> Self {
        let seed = match purpose {
            // The first there was: its sequences are promised to stay.
            Purpose::Backoff => seed,
            Purpose::Lifetime => mixed(seed ^ mixed(1)),
            Purpose::Breaker => mixed(seed ^ mixed(2)),
            Purpose::Endpoints => mixed(seed ^ mixed(3)),
        };
        Self {
            seed,
            given: Arc::new(AtomicU64::new(0)),
        }
    }

    pub(crate) fn next(&self) -> Pcg64 {
        // Only that each number is given once matters, not what is seen beside it.
        stream(self.seed, self.given.fetch_add(1, Ordering::Relaxed))
    }
}

/// The generator of stream `number`, which no other number of this seed
/// shares, from a state that differs too.
///
/// Streams from one state, or from neighbouring ones, begin alike; hence the
/// mixing.
fn stream(seed: u64, number: u64) -> Pcg64 {
    let high = mixed(seed ^ mixed(number));
    let low = mixed(high);
    Pcg64::new(
        (u128::from(high) << 64) | u128::from(low),
        u128::from(number),
    )
}

/// Spreads a small difference over all bits (the finisher of SplitMix64).
fn mixed(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws evenly from `low..=high`.
///
/// The widening product is off by at most one part in 2^64 / (high - low),
/// which for a delay of a minute is less than one in 10^8.
pub(crate) fn draw(random: &mut Pcg64, low: u64, high: u64) -> u64 {
    assert!(low <= high, "bounds are ordered by construction");
    let values = u128::from(high - low) + 1;
    let step = (u128::from(random.next_u64()) * values) >> 64;
    low + u64::try_from(step).expect("a product shifted by 64 is below its other factor")
}

/// Draws a time evenly from nothing to `most`.
pub(crate) fn draw_up_to(random: &mut Pcg64, most: Duration) -> Duration {
    Duration::from_nanos(draw(random, 0, nanos(most)))
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("times are held below a year by their settings")
}
