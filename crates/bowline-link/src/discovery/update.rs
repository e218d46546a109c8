//! What a source says: a whole new list, or why there is none.

use std::convert::Infallible;
use std::time::Duration;

use super::Targets;

/// One item of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update<E = Infallible> {
    /// This list is in force from now on, whole.
    List(Targets),
    /// Something is wrong.
    Problem(Problem<E>),
}

/// Why a source has no news. All but [`Expired`](Self::Expired) leave the last list in force.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem<E> {
    /// It was asked and failed.
    Failed {
        /// How.
        error: E,
        /// How old the list in force is, counted from when it was last confirmed; `None`
        /// where there never was one.
        age: Option<Duration>,
        /// How long until it is asked again.
        again: Duration,
    },
    /// It was asked and did not answer in time; that attempt was given up.
    Silent {
        /// How long it had.
        after: Duration,
        /// How old the list in force is; as above.
        age: Option<Duration>,
        /// How long until it is asked again.
        again: Duration,
    },
    /// The list in force is older than its source may be trusted for, and is no longer in
    /// force. Said once; asking goes on.
    Expired {
        /// How old it is.
        age: Duration,
        /// How old it could have become.
        max_stale: Duration,
    },
}

// === impl Update ===

impl<E> Update<E> {
    /// The same with another error, so that sources of several kinds can be merged.
    pub fn map_err<F>(self, map: impl FnOnce(E) -> F) -> Update<F> {
        match self {
            Self::List(targets) => Update::List(targets),
            Self::Problem(Problem::Failed { error, age, again }) => {
                let error = map(error);
                Update::Problem(Problem::Failed { error, age, again })
            }
            Self::Problem(Problem::Silent { after, age, again }) => {
                Update::Problem(Problem::Silent { after, age, again })
            }
            Self::Problem(Problem::Expired { age, max_stale }) => {
                Update::Problem(Problem::Expired { age, max_stale })
            }
        }
    }
}
