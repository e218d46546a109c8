//! Retries as a share of calls, in thousandths of a retry.

use std::time::{Duration, Instant};

use crate::setting::{InvalidSetting, TIME_MIN, number, time_from};

/// The highest ratio of retries to calls, in thousandths: ten retries a call.
pub const RATIO_MAX: u32 = 10_000;

/// The most retries per second that may be granted without any call.
pub const PER_SECOND_MAX: u32 = 1_000_000;

/// In how many parts deposits and withdrawals expire.
pub const SLOTS: u32 = 10;

/// How long a deposit counts, where nothing speaks for another time (Finagle's
/// and tower's): longer than one outage of a process, short enough that an
/// afternoon of health does not pay for a storm.
pub const TTL_DEFAULT: Duration = Duration::from_secs(10);

/// One retry, in the unit of account.
const RETRY: i128 = 1000;

/// Milliseconds in a second: so many units a millisecond are that many retries
/// a second, which keeps the minimum exact.
const UNIT_OF_TIME: Duration = TIME_MIN;

const LEN: usize = SLOTS as usize;

/// How many retries calls pay for, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySettings {
    ratio: u32,
    per_second: u32,
    ttl: Duration,
}

/// Grants retries out of what calls have paid in.
///
/// At each moment, the retries granted within the time to live are no more
/// than the ratio of the calls deposited within it, and the minimum besides.
#[derive(Debug, Clone)]
pub struct Retries {
    settings: RetrySettings,
    origin: Instant,
    /// The number of the slot under way, counted from the origin.
    present: u128,
    /// Deposits less withdrawals: a slot may owe what an older one paid for,
    /// and goes on owing it once that one has expired.
    slots: [i128; LEN],
}

/// A retry that nobody has paid for.
///
/// The call failed for its own reason, which its caller should be told rather
/// than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no retry is left: the budget holds {thousandths} thousandths of one")]
pub struct Exhausted {
    /// What is left, in thousandths of a retry; below zero where expired
    /// deposits had been spent.
    pub thousandths: i128,
}

// === impl RetrySettings ===

impl RetrySettings {
    /// Grants `ratio` thousandths of a retry per call, and `per_second` retries
    /// a second whatever the calls; deposits and withdrawals count for `ttl`
    /// (see [`TTL_DEFAULT`]).
    ///
    /// The minimum is a sum for the whole time to live: `per_second * ttl`
    /// retries may be granted at once, and again only after it has passed. It is
    /// counted in [`SLOTS`] parts, so a deposit lives between nine tenths of
    /// `ttl` and all of it.
    ///
    /// # Errors
    ///
    /// `ratio` over [`RATIO_MAX`] or `per_second` over [`PER_SECOND_MAX`]; a
    /// budget of nothing at all; a `ttl` outside [`SLOTS`] milliseconds and
    /// [`TIME_MAX`](crate::TIME_MAX), or not in whole milliseconds.
    pub fn new(ratio: u32, per_second: u32, ttl: Duration) -> Result<Self, InvalidSetting> {
        number("ratio in thousandths", ratio.into(), 0, RATIO_MAX.into())?;
        let least = u64::from(ratio == 0);
        let most = PER_SECOND_MAX.into();
        number("retries per second", per_second.into(), least, most)?;
        time_from("ttl", ttl, TIME_MIN * SLOTS)?;
        if !ttl.as_nanos().is_multiple_of(UNIT_OF_TIME.as_nanos()) {
            return Err(InvalidSetting::NotWhole {
                setting: "ttl",
                value: ttl,
                unit: UNIT_OF_TIME,
            });
        }
        Ok(Self {
            ratio,
            per_second,
            ttl,
        })
    }

    /// What may be granted within a time to live without any call, in
    /// thousandths of a retry.
    fn reserve(&self) -> i128 {
        let millis = i128::try_from(self.ttl.as_millis()).expect("a year of them is few");
        i128::from(self.per_second) * millis
    }
}

// === impl Retries ===

impl Retries {
    /// Opens an account at `now`.
    pub fn new(settings: RetrySettings, now: Instant) -> Self {
        Self {
            settings,
            origin: now,
            present: 0,
            slots: [0; LEN],
        }
    }

    /// Notes a call that is no retry.
    pub fn deposit(&mut self, now: Instant) {
        *self.slot(now) += i128::from(self.settings.ratio);
    }

    /// Asks for a retry.
    ///
    /// # Errors
    ///
    /// Less than one is left. Nothing is taken then.
    pub fn withdraw(&mut self, now: Instant) -> Result<(), Exhausted> {
        let thousandths = self.balance(now);
        if thousandths < RETRY {
            return Err(Exhausted { thousandths });
        }
        *self.slot(now) -= RETRY;
        Ok(())
    }

    /// What is left at `now`, in thousandths of a retry.
    pub fn balance(&mut self, now: Instant) -> i128 {
        self.turn(now);
        self.settings.reserve() + self.slots.iter().sum::<i128>()
    }

    fn slot(&mut self, now: Instant) -> &mut i128 {
        self.turn(now);
        &mut self.slots[index(self.present)]
    }

    fn turn(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.origin).as_nanos();
        let number = since * u128::from(SLOTS) / self.settings.ttl.as_nanos();
        // A clock read out of order counts for the slot under way.
        let passed = number.saturating_sub(self.present).min(SLOTS.into());
        for step in 0..passed {
            self.slots[index(number - step)] = 0;
        }
        self.present = self.present.max(number);
    }
}

fn index(number: u128) -> usize {
    usize::try_from(number % u128::from(SLOTS)).expect("a remainder of ten is small")
}
