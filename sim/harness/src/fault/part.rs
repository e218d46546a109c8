//! What of its target a fault holds, and so which faults cannot strike it at once.

use super::{Clock, Fault};

/// What of its target a fault holds. Two faults cannot hold one thing at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Arrival,
    Delay,
    Rate,
    Pieces,
    Bits,
    Length,
    End,
    Life,
    Dials,
    /// The saying of no: a dead process's kernel does that by itself.
    Refusals,
    Accepts,
    Process,
    TimeOfDay,
    Disk,
    Names,
}

// === impl Fault ===

impl Fault {
    /// Whether both at once on one target would be no more than one of them, or make no
    /// sense.
    ///
    /// Stalls, flaps and freezes collide whatever their direction, and so do two faults of
    /// one kind. A dead process has no timers to be late, refuses dials and ends its
    /// streams by itself. Its disk can be full and the machine's time of day be set
    /// all the same: both are so when it is back.
    pub fn collides_with(self, other: Self) -> bool {
        let mut parts = self.parts().iter();
        parts.any(|part| other.parts().contains(part))
    }

    /// The same where one strikes a host and the other a node on it: there stalls, latencies
    /// and limits add up, as those of two links in a row do.
    pub(crate) fn collides_across(self, other: Self) -> bool {
        let mut parts = self.parts().iter().filter(|part| !part.adds_up());
        parts.any(|part| other.parts().contains(part))
    }

    pub(super) fn parts(self) -> &'static [Part] {
        match self {
            Self::Stall { .. } | Self::Flap { .. } => &[Part::Arrival],
            Self::Latency { .. } => &[Part::Delay],
            Self::Bandwidth { .. } => &[Part::Rate],
            Self::Slice { .. } => &[Part::Pieces],
            Self::Corrupt { .. } => &[Part::Bits],
            Self::Truncate { .. } => &[Part::Length],
            Self::HalfClose { .. } => &[Part::End],
            Self::Reset => &[Part::Life],
            Self::Refuse => &[Part::Dials, Part::Refusals],
            Self::BlackHole => &[Part::Dials],
            Self::AcceptStall => &[Part::Accepts],
            Self::Freeze => &[Part::Arrival, Part::Accepts, Part::Process],
            Self::ClockJump { clock, .. } => match clock {
                Clock::Timers => &[Part::Process],
                Clock::Wall => &[Part::TimeOfDay],
            },
            Self::DiskFull => &[Part::Disk],
            Self::Crash => &[Part::End, Part::Refusals, Part::Process],
            Self::PowerLoss => &[Part::Process],
            Self::DnsAnswers { .. } => &[Part::Names],
        }
    }
}

// === impl Part ===

impl Part {
    fn adds_up(self) -> bool {
        match self {
            Self::Arrival
            | Self::Delay
            | Self::Rate
            | Self::Pieces
            | Self::Bits
            | Self::Length
            | Self::Accepts => true,
            Self::End
            | Self::Life
            | Self::Dials
            | Self::Refusals
            | Self::Process
            | Self::TimeOfDay
            | Self::Disk
            | Self::Names => false,
        }
    }
}
