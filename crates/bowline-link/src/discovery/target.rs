//! Whom to call, and in which order. What the numbers decide is for whoever chooses.

use std::sync::Arc;

use bowline_policy::endpoints;

use crate::Endpoint;

/// The most targets in one list: an SRV answer that fits into one DNS message over TCP has
/// fewer, and a file with more is a mistake.
pub const TARGETS_MAX: usize = 1024;

/// One endpoint of a list, with its rank in the terms of SRV records (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Lower ones first: others are for when nobody of a lower one can be reached.
    pub priority: u16,
    /// The share of those with one priority; 0 is for where there is nothing to weigh.
    pub weight: u16,
    /// Whom to call.
    pub endpoint: Endpoint,
}

/// A whole list: never empty, at most [`TARGETS_MAX`], in the order of priority and, within
/// one, as it was given; of an endpoint that stands twice under one priority the first counts.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(Arc<[Target]>);

/// A list that cannot be in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTargets {
    /// With nobody on it: a source that finds nobody has a problem, not a list.
    #[error("a list without targets")]
    Empty,
    /// With too many on it.
    #[error("a list of more than {max} targets")]
    TooMany {
        /// The most there may be: [`TARGETS_MAX`].
        max: usize,
    },
}

// === impl Target ===

impl Target {
    /// A target of the highest priority, unweighted.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            priority: 0,
            weight: 0,
            endpoint,
        }
    }
}

// === impl Targets ===

impl Targets {
    /// Makes a list of them.
    ///
    /// Takes no more than one beyond the limit from the iterator.
    ///
    /// # Errors
    ///
    /// When there are none or more than [`TARGETS_MAX`].
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Result<Self, InvalidTargets> {
        let mut list: Vec<_> = targets.into_iter().take(TARGETS_MAX + 1).collect();
        if list.is_empty() {
            return Err(InvalidTargets::Empty);
        }
        if list.len() > TARGETS_MAX {
            return Err(InvalidTargets::TooMany { max: TARGETS_MAX });
        }
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|target| seen.insert((target.priority, target.endpoint.clone())));
        list.sort_by_key(|target| target.priority);
        Ok(Self(list.into()))
    }

    /// In the order of priority.
    pub fn iter(&self) -> std::slice::Iter<'_, Target> {
        self.0.iter()
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a list is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The list as a set takes it that chooses among endpoints: in order, each endpoint once,
    /// where it stands first.
    ///
    /// A set knows an order or weights: [`Choice::Ordered`] follows the priorities,
    /// [`Choice::Weighted`] the weights, whatever the priorities. A weight of 0 becomes 1, the
    /// least there is: beside others it is hardly ever chosen, as RFC 2782 has it.
    ///
    /// [`Choice::Ordered`]: endpoints::Choice::Ordered
    /// [`Choice::Weighted`]: endpoints::Choice::Weighted
    pub fn to_endpoints(&self) -> Vec<endpoints::Endpoint<Endpoint>> {
        let mut seen = std::collections::BTreeSet::new();
        let each_once = self.iter().filter(|target| seen.insert(&target.endpoint));
        let weighed = each_once.map(|target| {
            let endpoint = endpoints::Endpoint::new(target.endpoint.clone());
            let weighed = endpoint.weight(target.weight.max(1).into());
            weighed.expect("it is from 1 to the greatest")
        });
        weighed.collect()
    }

    /// Whether both say the same, whatever the order within a priority: name servers rotate
    /// their answers, and a rotated answer is no news.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let sorted = |targets: &Self| {
            let mut list: Vec<_> = targets.iter().cloned().collect();
            list.sort();
            list
        };
        self == other || sorted(self) == sorted(other)
    }
}

impl<'a> IntoIterator for &'a Targets {
    type Item = &'a Target;
    type IntoIter = std::slice::Iter<'a, Target>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
