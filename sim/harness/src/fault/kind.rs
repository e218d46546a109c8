//! The faults without their parameters, and by what lot a fault of a kind gets its own:
//! ranges in which each value finds something that others do not.

use std::ops::RangeInclusive;

use rand_core::Rng;

use super::{Answers, Clock, Direction, Fault};
use crate::seed::below;

/// Which fault it is, however large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Fault::Stall`]
    Stall,
    /// [`Fault::Flap`]
    Flap,
    /// [`Fault::Latency`]
    Latency,
    /// [`Fault::Bandwidth`]
    Bandwidth,
    /// [`Fault::Slice`]
    Slice,
    /// [`Fault::Corrupt`]
    Corrupt,
    /// [`Fault::Truncate`]
    Truncate,
    /// [`Fault::HalfClose`]
    HalfClose,
    /// [`Fault::Reset`]
    Reset,
    /// [`Fault::Refuse`]
    Refuse,
    /// [`Fault::BlackHole`]
    BlackHole,
    /// [`Fault::AcceptStall`]
    AcceptStall,
    /// [`Fault::Freeze`]
    Freeze,
    /// [`Fault::ClockJump`]
    ClockJump,
    /// [`Fault::DiskFull`]
    DiskFull,
    /// [`Fault::Crash`]
    Crash,
    /// [`Fault::PowerLoss`]
    PowerLoss,
    /// [`Fault::DnsAnswers`]
    DnsAnswers,
}

// === impl Kind ===

impl Kind {
    /// All there are. A seed's plan depends on their order.
    pub const ALL: [Self; 18] = [
        Self::Stall,
        Self::Flap,
        Self::Latency,
        Self::Bandwidth,
        Self::Slice,
        Self::Corrupt,
        Self::Truncate,
        Self::HalfClose,
        Self::Reset,
        Self::Refuse,
        Self::BlackHole,
        Self::AcceptStall,
        Self::Freeze,
        Self::ClockJump,
        Self::DiskFull,
        Self::Crash,
        Self::PowerLoss,
        Self::DnsAnswers,
    ];

    /// Whether it happens at once, so that a step of it lasts for no time.
    pub fn is_instant(self) -> bool {
        matches!(self, Self::HalfClose | Self::Reset | Self::ClockJump)
    }

    /// Whether it strikes a process, a machine or its names, so that its target is a host.
    pub fn needs_host(self) -> bool {
        match self {
            Self::Freeze
            | Self::ClockJump
            | Self::DiskFull
            | Self::Crash
            | Self::PowerLoss
            | Self::DnsAnswers => true,
            Self::Stall
            | Self::Flap
            | Self::Latency
            | Self::Bandwidth
            | Self::Slice
            | Self::Corrupt
            | Self::Truncate
            | Self::HalfClose
            | Self::Reset
            | Self::Refuse
            | Self::BlackHole
            | Self::AcceptStall => false,
        }
    }

    /// A fault of this kind with parameters by lot.
    ///
    /// Sizes are as likely to lie in one doubling of their range as in another: latency of
    /// 20 to 500 ms and up to as much jitter, 1 to 200 kB/s, slices of 1 to 64 B, a flipped
    /// bit in 100 to 10,000 B, a cut after 0 to 4,096 B, phases of 50 ms to 2 s, jumps of
    /// half a second to two minutes. Any way of answering for a name is as likely as another,
    /// with up to 40 strangers or up to 3 s late.
    pub(crate) fn draw(self, rng: &mut impl Rng) -> Fault {
        match self {
            Self::Stall => Fault::Stall {
                direction: direction(rng),
            },
            Self::Flap => Fault::Flap {
                down_ms: scaled(rng, 50..=2_000),
                up_ms: scaled(rng, 50..=2_000),
            },
            Self::Latency => {
                let direction = direction(rng);
                let ms = scaled(rng, 20..=500);
                Fault::Latency {
                    direction,
                    ms,
                    jitter_ms: below(rng, ms + 1),
                }
            }
            Self::Bandwidth => Fault::Bandwidth {
                direction: direction(rng),
                bytes_per_s: scaled(rng, 1_000..=200_000),
            },
            Self::Slice => Fault::Slice {
                direction: direction(rng),
                bytes_max: scaled(rng, 1..=64),
            },
            Self::Corrupt => Fault::Corrupt {
                direction: direction(rng),
                one_in: scaled(rng, 100..=10_000),
            },
            Self::Truncate => Fault::Truncate {
                direction: direction(rng),
                after_bytes: scaled(rng, 1..=4_097) - 1,
            },
            Self::HalfClose => Fault::HalfClose {
                direction: direction(rng),
            },
            Self::Reset => Fault::Reset,
            Self::Refuse => Fault::Refuse,
            Self::BlackHole => Fault::BlackHole,
            Self::AcceptStall => Fault::AcceptStall,
            Self::Freeze => Fault::Freeze,
            Self::ClockJump => Fault::ClockJump {
                clock: [Clock::Timers, Clock::Wall][index(rng, 2)],
                by_ms: scaled(rng, 500..=120_000),
            },
            Self::DiskFull => Fault::DiskFull,
            Self::Crash => Fault::Crash,
            Self::PowerLoss => Fault::PowerLoss,
            Self::DnsAnswers => Fault::DnsAnswers {
                answers: Answers::draw(rng),
            },
        }
    }
}

/// A number of `range`, which begins above zero: one doubling of its start is as likely as
/// another, so that small ones are no rarity.
pub(super) fn scaled(rng: &mut impl Rng, range: RangeInclusive<u64>) -> u64 {
    let (least, most) = range.into_inner();
    let doublings = u64::from((most / least).ilog2());
    let least = least << below(rng, doublings + 1);
    let most = most.min(2 * least - 1);
    least + below(rng, most - least + 1)
}

fn direction(rng: &mut impl Rng) -> Direction {
    [Direction::Inbound, Direction::Outbound, Direction::Both][index(rng, 3)]
}

fn index(rng: &mut impl Rng, len: u64) -> usize {
    usize::try_from(below(rng, len)).expect("an index below a small length")
}

// === impl Fault ===

impl Fault {
    /// Which fault it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Stall { .. } => Kind::Stall,
            Self::Flap { .. } => Kind::Flap,
            Self::Latency { .. } => Kind::Latency,
            Self::Bandwidth { .. } => Kind::Bandwidth,
            Self::Slice { .. } => Kind::Slice,
            Self::Corrupt { .. } => Kind::Corrupt,
            Self::Truncate { .. } => Kind::Truncate,
            Self::HalfClose { .. } => Kind::HalfClose,
            Self::Reset => Kind::Reset,
            Self::Refuse => Kind::Refuse,
            Self::BlackHole => Kind::BlackHole,
            Self::AcceptStall => Kind::AcceptStall,
            Self::Freeze => Kind::Freeze,
            Self::ClockJump { .. } => Kind::ClockJump,
            Self::DiskFull => Kind::DiskFull,
            Self::Crash => Kind::Crash,
            Self::PowerLoss => Kind::PowerLoss,
            Self::DnsAnswers { .. } => Kind::DnsAnswers,
        }
    }
}
