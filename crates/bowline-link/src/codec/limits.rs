//! How much a peer may make us keep: little from a stranger, more from somebody we know. Past the
//! constructor nobody checks again.

use super::Error;

/// The most any frame may carry, whatever the limits say: 1 MiB.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes that may lie between two frames and belong to neither, such as white space
/// between JSON values: 1 KiB.
///
/// They are dropped as they come and cost no memory; without an end, they would be a way to
/// hold a connection without ever saying anything.
pub const GAP_BYTES_MAX: usize = 1024;

const BEFORE_AUTHENTICATION: usize = 8 * 1024;
const AFTER_AUTHENTICATION: usize = 64 * 1024;

/// The most bytes a frame may carry, before its sender is authenticated and after.
///
/// What counts is the payload: a header and the newline that ends a line do not, a
/// carriage return before it does.
///
/// The default is 8 KiB before (a token fits, and a thousand strangers cost 8 MiB)
/// and 64 KiB after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    before: usize,
    after: usize,
}

/// Limits that are no limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "frames of {before} bytes before authentication and {after} after it: \
     neither may be 0, the first not above the second, the second not above {FRAME_BYTES_MAX}"
)]
pub struct InvalidLimits {
    /// The bytes asked for before authentication.
    pub before: usize,
    /// The bytes asked for after it.
    pub after: usize,
}

/// The limits, and which of the two is in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct InForce {
    limits: Limits,
    /// The most bytes a frame may have at present.
    pub(super) bytes: usize,
}

// === impl Limits ===

impl Limits {
    /// Allows payloads of `before` bytes from strangers and `after` from the authenticated.
    ///
    /// # Errors
    ///
    /// Unless 1 <= `before` <= `after` <= [`FRAME_BYTES_MAX`].
    pub fn new(before: usize, after: usize) -> Result<Self, InvalidLimits> {
        if before == 0 || after < before || after > FRAME_BYTES_MAX {
            return Err(InvalidLimits { before, after });
        }
        Ok(Self { before, after })
    }

    /// The limit for a stranger.
    pub fn before_authentication(self) -> usize {
        self.before
    }

    /// The limit for a peer that is authenticated.
    pub fn after_authentication(self) -> usize {
        self.after
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            before: BEFORE_AUTHENTICATION,
            after: AFTER_AUTHENTICATION,
        }
    }
}

// === impl InForce ===

impl InForce {
    /// Starts with a stranger.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: limits.before_authentication(),
        }
    }

    pub(super) fn authenticated(&mut self) {
        self.bytes = self.limits.after_authentication();
    }

    /// A frame of `claimed` bytes, unless that is over the limit.
    pub(super) fn admit(&self, claimed: usize) -> Result<usize, Error> {
        if claimed > self.bytes {
            return Err(Error::TooLarge {
                claimed,
                limit: self.bytes,
            });
        }
        Ok(claimed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_limit_nothing_are_refused_with_both_values() {
        for (before, after) in [(0, 0), (0, 1), (2, 1), (1, FRAME_BYTES_MAX + 1)] {
            let refused = Limits::new(before, after).unwrap_err();
            assert_eq!(refused, InvalidLimits { before, after });
            let text = refused.to_string();
            assert!(text.contains(&before.to_string()), "{text}");
            assert!(text.contains(&after.to_string()), "{text}");
        }
        for (before, after) in [(1, 1), (1, FRAME_BYTES_MAX), (8192, 65536)] {
            Limits::new(before, after).unwrap();
        }
    }

    #[test]
    fn the_default_limits_would_pass_their_own_constructor() {
        let Limits { before, after } = Limits::default();
        assert_eq!(Limits::new(before, after), Ok(Limits::default()));
    }
}
