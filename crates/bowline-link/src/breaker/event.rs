//! What happened to a breaker, as values. It counts nothing.

use bowline_policy::breaker::State;

use super::Refused;
use crate::Endpoint;

/// Something that happened to a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It changed its state.
    ///
    /// Changes made by two tasks at once may be told in either order.
    Changed {
        /// Whose call, or whose switch, changed it.
        endpoint: Endpoint,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// A number that grows with each change of this breaker.
        cycle: u64,
    },
    /// A call was not made.
    Refused(Refused),
}
