//! What a server of [`calls`](super) asks of those it turns away or is about to leave, packed
//! into the one number that a frame has. Whether it is obeyed is for whoever is asked.

/// What a server asks for. Zero stands for what it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Come back so many milliseconds from now at the soonest...
    pub from_ms: u16,
    /// ...and at the latest then.
    pub to_ms: u16,
    /// The connection will be closed so many milliseconds from now.
    pub closes_in_ms: u16,
    /// To whom instead: the first server is 1.
    pub redirect: u8,
}

// === impl Wish ===

impl Wish {
    pub(super) fn pack(self) -> u64 {
        u64::from(self.from_ms)
            | u64::from(self.to_ms) << 16
            | u64::from(self.closes_in_ms) << 32
            | u64::from(self.redirect) << 48
    }

    pub(super) fn unpack(number: u64) -> Self {
        let [a, b, c, d, e, f, redirect, _] = number.to_le_bytes();
        Self {
            from_ms: u16::from_le_bytes([a, b]),
            to_ms: u16::from_le_bytes([c, d]),
            closes_in_ms: u16::from_le_bytes([e, f]),
            redirect,
        }
    }
}
