//! Where all chance comes from: one number, and a generator of its own for each purpose,
//! so that drawing more for one purpose never reshuffles another.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

/// What a generator is for. The numbers are part of every seed's meaning: never reuse one.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Plan = 1,
    Network = 2,
    Workload = 3,
    System = 4,
    Secrets = 5,
    Disk = 6,
    Toxics = 7,
}

/// The generators of one seed.
///
/// Each method makes its generator anew, at the start of its sequence: call it once per
/// use, and tell uses of one purpose apart by `index`. The sequences are stable across
/// versions and platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The generators of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Draws fault plans.
    pub fn plan(self) -> Pcg64 {
        self.generator(Purpose::Plan, 0)
    }

    /// Drives the network: latency and the order of hosts.
    pub fn network(self) -> Pcg64 {
        self.generator(Purpose::Network, 0)
    }

    /// Drives what the `index`th user does.
    pub fn workload(self, index: u64) -> Pcg64 {
        self.generator(Purpose::Workload, index)
    }

    /// The `index`th generator of the system under test, for its jitter.
    pub fn system(self, index: u64) -> Pcg64 {
        self.generator(Purpose::System, index)
    }

    /// The `index`th generator of the system under test, for what in production would be
    /// secret.
    ///
    /// It is a `CryptoRng` because production asks for one; here it is as predictable as
    /// the rest. Start another index after each restart, or ids repeat.
    pub fn secrets(self, index: u64) -> ChaCha20Rng {
        self.root(Purpose::Secrets, index)
    }

    /// Decides what of a disk's unsynced writes survives.
    pub(crate) fn disk(self) -> Pcg64 {
        self.generator(Purpose::Disk, 0)
    }

    /// The `index`th generator of the network's faults: one for each use, so that another
    /// stream reshuffles none.
    pub(crate) fn toxics(self, index: u64) -> Pcg64 {
        self.generator(Purpose::Toxics, index)
    }

    fn generator(self, purpose: Purpose, index: u64) -> Pcg64 {
        let mut seed = <Pcg64 as SeedableRng>::Seed::default();
        self.root(purpose, index).fill_bytes(&mut seed);
        Pcg64::from_seed(seed)
    }

    // Two PCG generators that differ only in their increment are correlated; keys of a
    // cipher are not, however alike.
    fn root(self, purpose: Purpose, index: u64) -> ChaCha20Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        ChaCha20Rng::from_seed(key)
    }
}

/// A number below `bound`, or zero where there is none.
///
/// Biased by less than `bound / 2^64`, which no plan will ever notice.
pub(crate) fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    let wide = u128::from(rng.next_u64()) * u128::from(bound);
    u64::try_from(wide >> 64).expect("a product of two u64 has 128 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_indices_of_one_seed_share_no_sequence() {
        let of = Streams::new(7);
        let mut firsts = vec![
            of.plan().next_u64(),
            of.network().next_u64(),
            of.workload(0).next_u64(),
            of.workload(1).next_u64(),
            of.system(0).next_u64(),
            of.system(1).next_u64(),
            of.secrets(0).next_u64(),
            of.secrets(1).next_u64(),
            of.disk().next_u64(),
            of.toxics(0).next_u64(),
            of.toxics(1).next_u64(),
            Streams::new(8).plan().next_u64(),
        ];
        let count = firsts.len();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), count);
    }

    // A seed that failed once is kept for ever: its meaning must not move.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut plan = Streams::new(1).plan();
        let mut secrets = Streams::new(1).secrets(3);
        assert_eq!(plan.next_u64(), 6_383_597_808_932_080_415);
        assert_eq!(secrets.next_u64(), 5_536_954_749_691_834_366);
    }

    #[test]
    fn a_number_below_a_bound_reaches_both_ends_of_it() {
        let mut rng = Streams::new(3).plan();
        let drawn: Vec<_> = (0..200).map(|_| below(&mut rng, 4)).collect();
        assert_eq!(drawn.iter().min(), Some(&0));
        assert_eq!(drawn.iter().max(), Some(&3));
        assert_eq!(below(&mut rng, 0), 0);
    }
}
