//! How far the end of a probed connection has come, for each of its two halves.

use bowline_policy::heartbeat::Death;

/// Whether the heartbeat still writes.
pub(super) enum Writing<E> {
    Yes,
    /// It failed; what was received before is read first.
    Failed(E),
    /// It failed, and the user knows.
    Closed,
}

/// How far the end has come.
#[derive(Debug)]
pub(super) enum Ended {
    No,
    /// The peer is dead; the user may still have to be told.
    Dead {
        death: Death,
        told: bool,
    },
    /// The stream below ended or failed, and the user knows.
    Closed,
}
