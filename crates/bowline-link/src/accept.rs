//! What to do after a failed accept, so that no accept loop spins and none gives up. It decides
//! and never waits.

use std::io::{Error, ErrorKind};
use std::time::Duration;

/// How long an accept loop rests when the machine has nothing left to accept with.
///
/// Short, since descriptors come free whenever a connection ends and the backlog
/// keeps those who wait; long enough that ten tries a second cost nothing.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// When to accept again after [`Listen::accept`](crate::Listen::accept) failed.
#[must_use = "it only advises; the accept loop waits"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptNext {
    /// At once: one peer was lost before it was accepted, and the next may be fine.
    AtOnce,
    /// After this pause: the machine is short of something, and asking at once
    /// would ask for ever.
    After(Duration),
}

impl AcceptNext {
    /// Says when to accept again after `error`.
    ///
    /// Only what is known to concern a single peer goes on at once. All else waits
    /// [`ACCEPT_PAUSE`]: out of descriptors or memory (EMFILE, ENFILE, ENOBUFS,
    /// ENOMEM), and whatever is not known here, because a wrong pause costs a tenth
    /// of a second and a wrong retry a whole core.
    ///
    /// ```
    /// use bowline_link::{ACCEPT_PAUSE, AcceptNext};
    /// use std::io::{Error, ErrorKind};
    ///
    /// let gave_up = Error::from(ErrorKind::ConnectionAborted);
    /// assert_eq!(AcceptNext::after_error(&gave_up), AcceptNext::AtOnce);
    /// let starved = Error::from(ErrorKind::OutOfMemory);
    /// assert_eq!(AcceptNext::after_error(&starved), AcceptNext::After(ACCEPT_PAUSE));
    /// ```
    pub fn after_error(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::TimedOut
            | ErrorKind::Interrupted => Self::AtOnce,
            _ => Self::After(ACCEPT_PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: AcceptNext = AcceptNext::After(ACCEPT_PAUSE);

    #[test]
    fn a_lost_peer_costs_no_pause_and_a_shortage_never_spins() {
        for (kind, expected) in [
            (ErrorKind::ConnectionAborted, AcceptNext::AtOnce),
            (ErrorKind::ConnectionReset, AcceptNext::AtOnce),
            (ErrorKind::HostUnreachable, AcceptNext::AtOnce),
            (ErrorKind::Interrupted, AcceptNext::AtOnce),
            (ErrorKind::OutOfMemory, PAUSE),
            (ErrorKind::PermissionDenied, PAUSE),
            (ErrorKind::InvalidInput, PAUSE),
            (ErrorKind::Other, PAUSE),
        ] {
            assert_eq!(AcceptNext::after_error(&kind.into()), expected, "{kind}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_numbers_that_linux_gives_are_sorted_the_same_way() {
        for (name, number, expected) in [
            ("ECONNABORTED", 103, AcceptNext::AtOnce),
            ("EINTR", 4, AcceptNext::AtOnce),
            ("EHOSTUNREACH", 113, AcceptNext::AtOnce),
            ("EMFILE", 24, PAUSE),
            ("ENFILE", 23, PAUSE),
            ("ENOBUFS", 105, PAUSE),
            ("ENOMEM", 12, PAUSE),
            ("EBADF", 9, PAUSE),
        ] {
            let error = Error::from_raw_os_error(number);
            assert_eq!(AcceptNext::after_error(&error), expected, "{name}");
        }
    }
}
