//! The list that counts now, and how old it is. It asks nobody.

use std::time::{Duration, Instant};

use super::{Problem, Targets, Update};

/// What a consumer of updates keeps.
#[derive(Debug, Clone, Default)]
pub struct InForce {
    list: Option<(Targets, Instant)>,
}

// === impl InForce ===

impl InForce {
    /// Nothing is in force yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an update in, and says whether the list in force is another one now.
    ///
    /// A list that says the same as the one in force makes it young again and is no change.
    pub fn apply<E>(&mut self, update: &Update<E>, now: Instant) -> bool {
        match update {
            Update::List(new) => {
                let same = self.targets().is_some_and(|old| old.says_the_same_as(new));
                let kept = self.list.take().filter(|_| same).map(|(old, _)| old);
                self.list = Some((kept.unwrap_or_else(|| new.clone()), now));
                !same
            }
            Update::Problem(Problem::Expired { .. }) => self.list.take().is_some(),
            Update::Problem(Problem::Failed { .. } | Problem::Silent { .. }) => false,
        }
    }

    /// The list, unless there never was one or it has expired.
    pub fn targets(&self) -> Option<&Targets> {
        self.list.as_ref().map(|(targets, _)| targets)
    }

    /// How long ago its source said it.
    ///
    /// A source that keeps quiet while nothing changes may have confirmed it since: the age
    /// that counts is the one its problems carry.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        let (_, since) = self.list.as_ref()?;
        Some(now.saturating_duration_since(*since))
    }
}
