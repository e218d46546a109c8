//! What a name server may say of a host when it does not say the truth at once.

use std::fmt;

use rand_core::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LARGEST;
use super::kind::scaled;
use crate::seed::below;

/// How questions for the names of a host are answered.
///
/// Services (SRV records) name other names and no addresses: further addresses and those of
/// before leave them as they are, the other ways strike them too.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answers {
    /// With further addresses before the true ones, at which nobody ever answers. Some 30 of
    /// them do not fit into a datagram, and come over TCP.
    Several {
        /// How many.
        #[schemars(range(min = 1))]
        strangers: u8,
    },
    /// That the name has no address.
    None,
    /// The truth, late.
    Slow {
        /// How late, in milliseconds.
        #[schemars(range(min = 1, max = LARGEST))]
        ms: u64,
    },
    /// What was true before the name last changed; an address at which nobody ever answers
    /// where it never did.
    Stale,
    /// That there is no such name: `NXDOMAIN`.
    NoSuchName,
    /// That the server cannot say: `SERVFAIL`.
    Failure,
    /// Not at all: each question waits until whoever asked has waited enough.
    Silence,
}

// === impl Answers ===

impl Answers {
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        match below(rng, 7) {
            0 => Self::Several {
                strangers: u8::try_from(scaled(rng, 1..=40)).expect("at most 40"),
            },
            1 => Self::None,
            2 => Self::Slow {
                ms: scaled(rng, 20..=3_000),
            },
            3 => Self::Stale,
            4 => Self::NoSuchName,
            5 => Self::Failure,
            _ => Self::Silence,
        }
    }
}

/// As it stands behind the name of the fault.
impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several { strangers } => write!(f, "with {strangers} strangers"),
            Self::None => f.write_str("without addresses"),
            Self::Slow { ms } => write!(f, "{ms} ms late"),
            Self::Stale => f.write_str("of before"),
            Self::NoSuchName => f.write_str("that there is no such name"),
            Self::Failure => f.write_str("of failure"),
            Self::Silence => f.write_str("that never come"),
        }
    }
}
