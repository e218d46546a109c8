//! A heartbeat that asks often while it knows little of a link, and seldom once
//! the link has proved itself.

use std::time::Duration;

use super::{Invalid, Policy};

/// How many intervals in good order make a step up the ladder, unless told.
pub const CLIMB_AFTER_DEFAULT: u32 = 3;

/// How long an answer may take by default: two retransmissions of a lost segment
/// fit into it on any but a satellite's link (RFC 6298 bids the first one wait
/// for at most a second).
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// How many timeouts may pass by default: with the fast interval's probes, seven
/// chances to answer within four seconds.
pub const MISSES_DEFAULT: u32 = 4;

/// The intervals of an [`Adaptive`] heartbeat, before they are checked:
/// `fast <= start <= steady <= max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder {
    /// From probe to probe as soon as an answer is missed, and after it until
    /// the link has been well for some time: half a second by default.
    pub fast: Duration,
    /// At the beginning of a connection: a second by default.
    pub start: Duration,
    /// The first step of a link that answers: four seconds by default. Each
    /// later step doubles it.
    pub steady: Duration,
    /// Where steps end: 25 s by default, below the 30 s after which impatient
    /// middleboxes forget a quiet connection.
    pub max: Duration,
}

/// A heartbeat whose interval climbs while all is well, and drops to the fast
/// one at the first missed answer.
///
/// It begins at `start`. After [`climb_after`](Self::climb_after) intervals in
/// good order it takes a step: from `start` to `steady`, then doubling up to
/// `max`, where it stays: with the defaults 1, 4, 8, 16 and 25 s, the last after
/// about two minutes. An interval in good order is as much time in which the peer
/// was heard from and nothing was missed, be it by answers or by other traffic. A
/// longer interval is in force only once a probe has named it, for the other
/// side's patience goes by what it was told.
///
/// An answer is missed when its timeout has passed, from when the probe was due,
/// without a byte. From then on probes follow at `fast`, or at the timeout where
/// that is shorter, until a byte comes or the verdict falls. After a byte, `fast`
/// stays in force, and the climb begins again from there: to `start` first.
///
/// Detection keeps its bound all the while: a silent peer is dead no later than
/// *interval + misses x timeout + one tick* after its last byte, the interval
/// being that in force at that byte and a tick a quarter of the timeout.
///
/// ```
/// use std::time::Duration;
/// use bowline_policy::heartbeat::{Adaptive, Ladder};
///
/// let seldom = Ladder { max: Duration::from_secs(60), ..Ladder::default() };
/// let policy = Adaptive::new(seldom, Duration::from_secs(1), 4)?;
/// assert_eq!(policy.silence_max(), Duration::from_secs(64));
/// # Ok::<_, bowline_policy::heartbeat::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    policy: Policy,
}

// === impl Ladder ===

impl Ladder {
    /// A ladder of one rung.
    pub(super) fn only(interval: Duration) -> Self {
        Self {
            fast: interval,
            start: interval,
            steady: interval,
            max: interval,
        }
    }

    /// Whether each rung is above the one before.
    pub(super) fn check(&self) -> Result<(), Invalid> {
        let rungs = [
            ("fast", self.fast, "start", self.start),
            ("start", self.start, "steady", self.steady),
            ("steady", self.steady, "maximum", self.max),
        ];
        match rungs.into_iter().find(|rung| rung.1 > rung.3) {
            Some((lower, minimum, upper, maximum)) => Err(Invalid::MinimumOverMaximum {
                lower,
                minimum,
                upper,
                maximum,
            }),
            None => Ok(()),
        }
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self {
            fast: Duration::from_millis(500),
            start: Duration::from_secs(1),
            steady: Duration::from_secs(4),
            max: Duration::from_secs(25),
        }
    }
}

// === impl Adaptive ===

impl Adaptive {
    /// Probes by `ladder`, gives each probe `timeout`, and gives up after
    /// `misses` timeouts without a byte.
    ///
    /// A timeout below the round trip makes every answer a missed one: the link
    /// lives, but the interval never leaves `fast`.
    ///
    /// # Errors
    ///
    /// A rung over the one that follows it, a timeout over `start` or below
    /// [`TIMEOUT_MIN`](super::TIMEOUT_MIN), a `fast` below the same, a `max` over
    /// [`INTERVAL_MAX`](super::INTERVAL_MAX), or misses that are 0 or over
    /// [`MISSES_MAX`](super::MISSES_MAX).
    pub fn new(ladder: Ladder, timeout: Duration, misses: u32) -> Result<Self, Invalid> {
        let policy = Policy::new(ladder, timeout, misses)?;
        Ok(Self { policy })
    }

    /// Takes a step after this many intervals in good order;
    /// [`CLIMB_AFTER_DEFAULT`] unless told.
    ///
    /// # Errors
    ///
    /// None, or more than [`CLIMB_AFTER_MAX`](super::CLIMB_AFTER_MAX).
    pub fn climb_after(self, intervals: u32) -> Result<Self, Invalid> {
        let policy = self.policy.with_climb_after(intervals)?;
        Ok(Self { policy })
    }

    /// Lets a pause of reading last this long; [`silence_max`](Self::silence_max)
    /// unless told.
    ///
    /// # Errors
    ///
    /// A limit of zero, or over [`INTERVAL_MAX`](super::INTERVAL_MAX).
    pub fn pause_max(self, pause: Duration) -> Result<Self, Invalid> {
        let policy = self.policy.with_pause_max(pause)?;
        Ok(Self { policy })
    }

    /// The intervals.
    pub fn ladder(&self) -> Ladder {
        self.policy.ladder()
    }

    /// How long after a probe was due an answer may come.
    pub fn timeout(&self) -> Duration {
        self.policy.timeout()
    }

    /// How many timeouts in a row may pass without a byte.
    pub fn misses(&self) -> u32 {
        self.policy.misses()
    }

    /// How long reading may be paused.
    pub fn paused_max(&self) -> Duration {
        self.policy.paused_max()
    }

    /// How late a timer may be and still count as in time: a quarter of the
    /// timeout.
    pub fn tick(&self) -> Duration {
        self.policy.tick()
    }

    /// How long after its last byte a silent peer is dead whatever interval is
    /// in force, give or take one [`tick`](Self::tick): what kernel timeouts can
    /// be derived from.
    pub fn silence_max(&self) -> Duration {
        self.policy.silence_max()
    }
}

/// The default ladder, [`TIMEOUT_DEFAULT`] and [`MISSES_DEFAULT`]: dead after 5 s
/// at the start and 29 s at the longest, for a probe and an answer every 25 s.
impl Default for Adaptive {
    fn default() -> Self {
        Self::new(Ladder::default(), TIMEOUT_DEFAULT, MISSES_DEFAULT)
            .expect("the defaults are in order")
    }
}

impl From<Adaptive> for Policy {
    fn from(adaptive: Adaptive) -> Self {
        adaptive.policy
    }
}
