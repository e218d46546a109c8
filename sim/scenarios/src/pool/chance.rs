//! What people do, by lot. It knows no people.

use std::time::Duration;

use bowline_sim::Streams;
use rand_core::Rng;

/// A generator of decisions.
pub(super) struct Chance(Box<dyn Rng>);

impl Chance {
    /// The `index`th of those that one number seeds.
    pub(super) fn new(seed: u64, index: usize) -> Self {
        let index = u64::try_from(index).expect("a count of people");
        Self(Box::new(Streams::new(seed).workload(index)))
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Whether one of so many cases is drawn.
    pub(super) fn one_in(&mut self, cases: u64) -> bool {
        self.below(cases) == 0
    }

    /// So many milliseconds, or fewer.
    pub(super) fn up_to(&mut self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).expect("a few seconds");
        Duration::from_millis(self.below(longest + 1))
    }
}
