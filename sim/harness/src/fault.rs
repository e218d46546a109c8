//! What can go wrong, as a closed vocabulary: every fault this simulator knows is a
//! variant here, and what it looks like from an application is said here and nowhere else.
//!
//! The behaviour is that of TCP on Linux. *The target* is a node, or a host and thereby all
//! nodes on it; faults of a process or a machine need a host. A fault with a direction
//! concerns bytes to the target, from it, or both. Without a fault a dial takes one way of
//! the network's latency, `ConnectionRefused` a round trip, and a dial that gets no answer
//! fails with `TimedOut` after [`DIAL_PATIENCE`](crate::net::DIAL_PATIENCE): *hangs* means
//! no longer than that.
//!
//! | fault | a dial to or from the target | an established stream |
//! |---|---|---|
//! | [`Stall`](Fault::Stall) | hangs, and succeeds once it is lifted | bytes, ends and the resets of kernels in that direction wait and arrive when it is lifted, the fault [`Reset`](Fault::Reset) does not; writes succeed until the window is full, then wait |
//! | [`Flap`](Fault::Flap) | hangs while the link is down | as in a stall both ways while the link is down, as if nothing were wrong while it is up |
//! | [`Latency`](Fault::Latency) | takes longer by what it adds there and back, also to be refused | bytes and ends in that direction come later, in order; nothing sent afterwards overtakes what is on its way when it is lifted. Resets are not late |
//! | [`Bandwidth`](Fault::Bandwidth) | unharmed: its packets are small | bytes in that direction trickle in at the rate and the end comes behind them; writes succeed until the window is full, then at the rate. What still queues when it is lifted arrives then |
//! | [`Slice`](Fault::Slice) | unharmed | no read and no write takes more; together they yield every byte |
//! | [`Corrupt`](Fault::Corrupt) | unharmed | what is read while it lasts has bits flipped, whenever it was sent; lengths and ends are right |
//! | [`Truncate`](Fault::Truncate) | unharmed | the byte that is sent after the last allowed one cuts the stream. The reader gets exactly the bytes before, then the end; it may write once more, and after a round trip that fails with `BrokenPipe`. The writer's writes are taken, and after a round trip they fail with `BrokenPipe` and its reads end. Lifted before the cut it has done nothing |
//! | [`HalfClose`](Fault::HalfClose) | unharmed | the reader gets what was sent before, then the end; what is written later is taken and lost without a word; the other direction goes on. So it looks behind a proxy that shut down one side and drains the other |
//! | [`Reset`](Fault::Reset) | unharmed | the next operation at *either* end fails with `ConnectionReset`; after that reads end and writes fail with `BrokenPipe` |
//! | [`Refuse`](Fault::Refuse) | `ConnectionRefused` after a round trip if it goes *to* the target, also one under way; unharmed from it | unharmed |
//! | [`BlackHole`](Fault::BlackHole) | hangs, also one under way, and succeeds once it is lifted | unharmed |
//! | [`AcceptStall`](Fault::AcceptStall) | to the target: succeeds, since the kernel answers; once [`BACKLOG`](crate::net::BACKLOG) streams wait for `accept`, hangs. From it: unharmed | unharmed; one that nobody accepted takes writes until the window is full, and fails with `ConnectionReset` when its listener is dropped or its process dies |
//! | [`Freeze`](Fault::Freeze) | hangs, and succeeds once it is lifted | as in a stall both ways |
//! | [`ClockJump`](Fault::ClockJump) | unharmed, save that the target's deadlines are due | likewise |
//! | [`DiskFull`](Fault::DiskFull) | unharmed | unharmed |
//! | [`Crash`](Fault::Crash) | `ConnectionRefused` after a round trip, until the process is back and listens | the peer reads what was sent, then the end, or `ConnectionReset` where the dead process had unread data; what it writes later is lost, and after a round trip fails with `BrokenPipe` |
//! | [`DnsAnswers`](Fault::DnsAnswers) | unharmed where it names an address, or the node itself: who asks a resolver first gets what the world's name server says, and dials that. An address nobody has hangs | unharmed |
//! | [`PowerLoss`](Fault::PowerLoss) | hangs until power is back, then `ConnectionRefused` until somebody listens | silence, never an end; writes succeed until the window is full. Once power is back: where bytes were unacknowledged `ConnectionReset` after a round trip, otherwise at the first operation that follows the next write by a round trip |
//!
//! Questions to name servers go in datagrams, which the kernels send once. One that is sent or
//! arrives while a stall, a flap that is down, a freeze, a black hole or a refusal bars its way
//! is lost without a word, and so is one in which [`Corrupt`](Fault::Corrupt) flips a bit: its
//! checksum tells. [`Latency`](Fault::Latency) makes it late by what it adds there and back.
//! What concerns streams alone harms none. A name server that crashed or lost its power says
//! nothing until it is back.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod answers;
mod kind;
mod part;

pub use answers::Answers;
pub use kind::Kind;

/// The shortest time a fault that lasts may last, and each phase of one that comes and
/// goes: shorter ones could begin and end between two looks at the clock.
pub const SHORTEST: Duration = Duration::from_millis(SHORTEST_MS);

pub(crate) const SHORTEST_MS: u64 = 10;

/// The largest number that a fault may carry: some 35 years of milliseconds, a terabyte of
/// bytes. Numbers up to this can be added without a thought.
pub const LARGEST: u64 = 1 << 40;

/// Something that goes wrong with a target for a time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Bytes stop, and arrive when it is lifted; nothing is lost, nothing refused.
    ///
    /// This is a short partition as TCP shows it: the kernels retransmit. A real kernel
    /// gives an established stream up with `TimedOut` after some 15 minutes of
    /// unacknowledged bytes (`tcp_retries2` in tcp(7)); none does here, however long it
    /// lasts.
    Stall {
        /// Which bytes, seen from the target.
        direction: Direction,
    },
    /// The link goes away and comes back by turns: a stall both ways, on and off.
    Flap {
        /// How long each stall lasts, in milliseconds. It begins with one.
        #[schemars(range(min = SHORTEST_MS, max = LARGEST))]
        down_ms: u64,
        /// How long the link is whole in between, in milliseconds.
        #[schemars(range(min = SHORTEST_MS, max = LARGEST))]
        up_ms: u64,
    },
    /// Everything takes longer, in order as always.
    Latency {
        /// Which bytes, seen from the target.
        direction: Direction,
        /// How much longer at least, in milliseconds.
        #[schemars(range(max = LARGEST))]
        ms: u64,
        /// How much longer than that at most, in milliseconds; drawn for each write.
        #[schemars(range(max = LARGEST))]
        jitter_ms: u64,
    },
    /// Bytes go through at a rate and no faster; for each stream by itself.
    Bandwidth {
        /// Which bytes, seen from the target.
        direction: Direction,
        /// The rate.
        #[schemars(range(min = 1, max = LARGEST))]
        bytes_per_s: u64,
    },
    /// Reads and writes take few bytes at a time.
    ///
    /// TCP has no messages: what was written at once may be read in any pieces.
    Slice {
        /// Which bytes, seen from the target.
        direction: Direction,
        /// How many at a time at most.
        #[schemars(range(min = 1, max = LARGEST))]
        bytes_max: u64,
    },
    /// Bits flip. TCP's checksum has sixteen of them, and middleboxes recompute it.
    Corrupt {
        /// Which bytes, seen from the target.
        direction: Direction,
        /// One bit is flipped in so many bytes on average.
        #[schemars(range(min = 1, max = LARGEST))]
        one_in: u64,
    },
    /// Each stream is cut after so many more bytes, wherever in a message that is.
    Truncate {
        /// Which bytes are counted, seen from the target.
        direction: Direction,
        /// How many still go through, counted for each stream from the beginning of the
        /// fault or from its own.
        #[schemars(range(max = LARGEST))]
        after_bytes: u64,
    },
    /// One direction of every stream of the target ends; the other goes on. It takes no time.
    HalfClose {
        /// Which bytes end, seen from the target.
        direction: Direction,
    },
    /// Every stream of the target is reset at both ends; it takes no time.
    Reset,
    /// Dials to the target are refused though somebody listens, as by a firewall that rejects.
    Refuse,
    /// Dials to and from the target get no answer, as by a firewall that drops; streams are
    /// unharmed.
    BlackHole,
    /// The target's kernel completes dials and its software is not told.
    AcceptStall,
    /// The process stops and goes on later, as by `SIGSTOP` and `SIGCONT` or in a pause of
    /// its virtual machine: a stall both ways, and when it is over its timers are all late.
    ///
    /// The software a scenario was given does nothing meanwhile. Tasks that it spawned are not
    /// really stopped: they hear nothing, and what they send leaves when it is over.
    Freeze,
    /// A clock of the target leaps ahead; it takes no time.
    ClockJump {
        /// Which clock.
        clock: Clock,
        /// How far, in milliseconds.
        #[schemars(range(min = 1, max = LARGEST))]
        by_ms: u64,
    },
    /// The disk takes no more bytes: what makes a file longer fails with `StorageFull`. What
    /// is on it can be read, overwritten and synced.
    DiskFull,
    /// The process is killed as by `kill -9`; its kernel goes on and answers for it.
    ///
    /// What it had written to its disk survives. It is started again afterwards.
    Crash,
    /// The machine loses power: it neither answers nor says goodbye.
    ///
    /// What its disk had not synced may be lost.
    /// It is started again afterwards.
    PowerLoss,
    /// The world's name server answers questions for the names of the target, which is a host,
    /// in another way. Who remembers an earlier answer asks nobody and is unharmed.
    DnsAnswers {
        /// In which way.
        answers: Answers,
    },
}

/// Which way bytes go, seen from the target of a fault.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Bytes to the target.
    Inbound,
    /// Bytes from the target.
    Outbound,
    /// Both: a partition.
    Both,
}

/// The clocks that a process reads.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The monotonic one, by which timers go: all of them are late at once.
    Timers,
    /// The time of day: somebody set it, or the machine slept.
    Wall,
}

/// A number that a fault cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// What the number is called.
    pub(crate) name: &'static str,
    pub(crate) value: u64,
    /// The least or the most it may be, whichever it misses.
    pub(crate) limit: u64,
}

// === impl Fault ===

impl Fault {
    /// Whether it happens at once, so that a step of it lasts for no time.
    pub fn is_instant(self) -> bool {
        self.kind().is_instant()
    }

    /// Whether it strikes a process or a machine, so that its target is a host.
    pub fn needs_host(self) -> bool {
        self.kind().needs_host()
    }

    /// Whether the software of its target is dropped, and started anew when it is over.
    pub fn stops_software(self) -> bool {
        matches!(self, Self::Crash | Self::PowerLoss)
    }

    /// Whether its target goes on while nothing reaches it.
    pub fn deafens(self) -> bool {
        match self {
            Self::Stall { direction } => direction.is_inbound(),
            // It does not go on.
            Self::Freeze
            | Self::Flap { .. }
            | Self::Latency { .. }
            | Self::Bandwidth { .. }
            | Self::Slice { .. }
            | Self::Corrupt { .. }
            | Self::Truncate { .. }
            | Self::HalfClose { .. }
            | Self::Reset
            | Self::Refuse
            | Self::BlackHole
            | Self::AcceptStall
            | Self::ClockJump { .. }
            | Self::DiskFull
            | Self::Crash
            | Self::PowerLoss
            | Self::DnsAnswers { .. } => false,
        }
    }

    /// The first number of it that would mean nothing or be too much to reckon with.
    pub(crate) fn unfit(self) -> Option<Unfit> {
        let within = |name, value: u64, least| {
            let limit = value.clamp(least, LARGEST);
            (limit != value).then_some(Unfit { name, value, limit })
        };
        match self {
            Self::Flap { down_ms, up_ms } => {
                within("down_ms", down_ms, SHORTEST_MS).or(within("up_ms", up_ms, SHORTEST_MS))
            }
            Self::Latency { ms, jitter_ms, .. } => {
                within("jitter_ms", jitter_ms, 0).or(within("ms", ms, u64::from(jitter_ms == 0)))
            }
            Self::Bandwidth { bytes_per_s, .. } => within("bytes_per_s", bytes_per_s, 1),
            Self::Slice { bytes_max, .. } => within("bytes_max", bytes_max, 1),
            Self::Corrupt { one_in, .. } => within("one_in", one_in, 1),
            Self::Truncate { after_bytes, .. } => within("after_bytes", after_bytes, 0),
            Self::ClockJump { by_ms, .. } => within("by_ms", by_ms, 1),
            Self::DnsAnswers { answers } => match answers {
                Answers::Several { strangers } => within("strangers", strangers.into(), 1),
                Answers::Slow { ms } => within("ms", ms, 1),
                Answers::None
                | Answers::Stale
                | Answers::NoSuchName
                | Answers::Failure
                | Answers::Silence => None,
            },
            Self::Stall { .. }
            | Self::HalfClose { .. }
            | Self::Reset
            | Self::Refuse
            | Self::BlackHole
            | Self::AcceptStall
            | Self::Freeze
            | Self::DiskFull
            | Self::Crash
            | Self::PowerLoss => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall { direction } => write!(f, "stall{direction}"),
            Self::Flap { down_ms, up_ms } => write!(f, "flap, {down_ms} ms down, {up_ms} ms up"),
            Self::Latency {
                direction,
                ms,
                jitter_ms,
            } => write!(
                f,
                "latency{direction} of {ms} to {} ms",
                ms.saturating_add(*jitter_ms)
            ),
            Self::Bandwidth {
                direction,
                bytes_per_s,
            } => write!(f, "bandwidth{direction} of {bytes_per_s} B/s"),
            Self::Slice {
                direction,
                bytes_max,
            } => write!(f, "slices{direction} of {bytes_max} B"),
            Self::Corrupt { direction, one_in } => {
                write!(f, "corruption{direction} of a bit in {one_in} B")
            }
            Self::Truncate {
                direction,
                after_bytes,
            } => write!(f, "truncation{direction} after {after_bytes} B"),
            Self::HalfClose { direction } => write!(f, "half-close{direction}"),
            Self::Reset => f.write_str("reset"),
            Self::Refuse => f.write_str("refused dials"),
            Self::BlackHole => f.write_str("black hole for dials"),
            Self::AcceptStall => f.write_str("accept stall"),
            Self::Freeze => f.write_str("freeze"),
            Self::ClockJump { clock, by_ms } => match clock {
                Clock::Timers => write!(f, "jump of the timers by {by_ms} ms"),
                Clock::Wall => write!(f, "jump of the wall clock by {by_ms} ms"),
            },
            Self::DiskFull => f.write_str("full disk"),
            Self::Crash => f.write_str("crash"),
            Self::PowerLoss => f.write_str("power loss"),
            Self::DnsAnswers { answers } => write!(f, "DNS answers {answers}"),
        }
    }
}

// === impl Direction ===

impl Direction {
    /// Whether bytes to the target are meant.
    pub(crate) fn is_inbound(self) -> bool {
        matches!(self, Self::Inbound | Self::Both)
    }

    /// Whether bytes from the target are meant.
    pub(crate) fn is_outbound(self) -> bool {
        matches!(self, Self::Outbound | Self::Both)
    }
}

/// As it stands behind the name of a fault: nothing where both are meant.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbound => " inbound",
            Self::Outbound => " outbound",
            Self::Both => "",
        })
    }
}
