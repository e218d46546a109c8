//! What a resolver did, for observers.

use std::net::IpAddr;
use std::time::Duration;

use super::Kind;

/// Something that happened in a [`Resolver`](super::Resolver).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Name servers answered.
    Answered {
        /// What was asked for.
        name: String,
        /// Which records; for addresses each kind by itself.
        kind: Kind,
        /// How long it took, all attempts and aliases together.
        took: Duration,
        /// How long the answer is good.
        ttl: Duration,
    },
    /// They did not, or said that there is nothing.
    Failed {
        /// What was asked for.
        name: String,
        /// Which records.
        kind: Kind,
        /// How long it took.
        took: Duration,
        /// The error, as it prints.
        error: String,
    },
    /// Old addresses were served, since nobody answered: all to a dial, or those of one kind
    /// beside new ones of the other, told once when that was answered.
    ServedStale {
        /// The name.
        name: String,
        /// What was served.
        addresses: Vec<IpAddr>,
        /// How long ago the name servers said so, of the oldest.
        age: Duration,
    },
}
