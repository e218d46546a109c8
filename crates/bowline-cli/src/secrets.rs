//! Randomness nobody can foresee or share: the operating system's, never a generator of our own.

use getrandom::SysRng;
use rand_core::{Rng, UnwrapErr};

/// The operating system's generator. It panics where the system has none left to
/// give, which no supported system does once it is up.
pub(crate) type Secrets = UnwrapErr<SysRng>;

/// For ids and epochs.
pub(crate) fn secrets() -> Secrets {
    UnwrapErr(SysRng)
}

/// For jitter: two processes must not share it either.
pub(crate) fn jitter_seed() -> u64 {
    secrets().next_u64()
}
