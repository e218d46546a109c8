//! What a set is made of, and which lists it refuses.

use crate::InvalidSetting;

/// The greatest weight: that of a DNS SRV record (RFC 2782).
pub const WEIGHT_MAX: u32 = 65_535;

/// One endpoint of a list, in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint<K> {
    pub(super) key: K,
    pub(super) weight: u32,
}

/// Why a list was refused. The set stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidList {
    /// More than the set may hold.
    #[error("{given} endpoints are over the limit of {most}")]
    TooMany {
        /// How many there were.
        given: usize,
        /// How many may be.
        most: usize,
    },
    /// One is listed twice, and would have two memories.
    #[error("endpoint {again} of the list is the same as endpoint {first}")]
    Twice {
        /// Its place in the list, from 0.
        first: usize,
        /// Its other place.
        again: usize,
    },
}

// === impl Endpoint ===

impl<K> Endpoint<K> {
    /// An endpoint of weight 1.
    pub fn new(key: K) -> Self {
        Self { key, weight: 1 }
    }

    /// Weighs it against the others, for a weighted choice.
    ///
    /// # Errors
    ///
    /// Zero, which could never be chosen and is better left out, or over
    /// [`WEIGHT_MAX`].
    pub fn weight(mut self, weight: u32) -> Result<Self, InvalidSetting> {
        crate::setting::number("weight", weight.into(), 1, WEIGHT_MAX.into())?;
        self.weight = weight;
        Ok(self)
    }

    /// What it is known by.
    pub fn key(&self) -> &K {
        &self.key
    }
}
