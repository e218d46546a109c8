//! How to choose, when to eject and when to come back. Past these constructors
//! nobody checks again.

use std::time::Duration;

use crate::setting::{InvalidSetting, Share, not_over, number, time};

/// The most endpoints a set may be allowed: each choice looks at all of them.
pub const ENDPOINTS_MAX: usize = 4096;

/// The most failures in a row that may be asked for before an ejection.
pub const FAILURES_MAX: u32 = 1024;

/// What a connect is taken to cost where none has been seen: a handshake
/// across an ocean. Nothing would send everybody to a newcomer.
pub const LATENCY_GUESS: Duration = Duration::from_millis(100);

const ENDPOINTS_DEFAULT: usize = 256;
const FAILURES_DEFAULT: u32 = 3;
const HALF_LIFE_DEFAULT: Duration = Duration::from_secs(10);
const FAILURE_COST_DEFAULT: Duration = Duration::from_secs(1);

/// How to choose among those that are not ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// The first in the list that is in health; those that failed lately only
    /// when there is none, the one with the fewest failures in a row first.
    Ordered,
    /// By chance, each as often as its weight says.
    Weighted,
    /// Of two drawn by chance, the one whose connects took less time: nearly as
    /// good as asking all, and no herd follows one good number (Mitzenmacher,
    /// *The Power of Two Choices*, 2001). Weights do not matter.
    Fastest,
}

/// The rules of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) choice: Choice,
    pub(super) endpoints: usize,
    pub(super) failures: u32,
    pub(super) ejected: Share,
    pub(super) panic: Share,
    pub(super) penalty: Penalty,
    pub(super) failback: Failback,
    pub(super) half_life: Duration,
    pub(super) failure_cost: Duration,
}

/// How long an ejection lasts, and how that is forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    pub(super) base: Duration,
    pub(super) longest: Duration,
    pub(super) healthy: Duration,
    pub(super) spread: Share,
}

/// When one that failed is preferred again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failback {
    pub(super) prefer_after: Duration,
    pub(super) splay: Duration,
    pub(super) probe_every: Duration,
}

// === impl Settings ===

impl Settings {
    /// Chooses as told; three failures in a row eject, up to half of the set,
    /// and when more than half are out all are chosen from.
    pub fn new(choice: Choice) -> Self {
        Self {
            choice,
            endpoints: ENDPOINTS_DEFAULT,
            failures: FAILURES_DEFAULT,
            ejected: Share::HALF,
            panic: Share::HALF,
            penalty: Penalty::DEFAULT,
            failback: Failback::DEFAULT,
            half_life: HALF_LIFE_DEFAULT,
            failure_cost: FAILURE_COST_DEFAULT,
        }
    }

    /// How it chooses.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// Holds at most `endpoints`; 256 unless told.
    ///
    /// # Errors
    ///
    /// Zero, or over [`ENDPOINTS_MAX`].
    pub fn endpoints_max(mut self, endpoints: usize) -> Result<Self, InvalidSetting> {
        number("endpoints", endpoints as u64, 1, ENDPOINTS_MAX as u64)?;
        self.endpoints = endpoints;
        Ok(self)
    }

    /// Ejects after so many failures in a row; 3 unless told.
    ///
    /// # Errors
    ///
    /// Zero, or over [`FAILURES_MAX`].
    pub fn eject_after(mut self, failures: u32) -> Result<Self, InvalidSetting> {
        number("failures", failures.into(), 1, FAILURES_MAX.into())?;
        self.failures = failures;
        Ok(self)
    }

    /// Ejects at most this share of the set at once, rounded down: of three,
    /// half is one. Half unless told; [`Share::NONE`] never ejects.
    pub fn ejected_max(mut self, share: Share) -> Self {
        self.ejected = share;
        self
    }

    /// Chooses from all, ejected or not, while *more* than this share is out,
    /// and in any case while all are: when nearly everything seems broken, what
    /// is broken may be ours. Half unless told, which with the default of
    /// [`Settings::ejected_max`] is never.
    ///
    /// # Errors
    ///
    /// A share of nothing: no ejection would ever count.
    pub fn panic_over(mut self, share: Share) -> Result<Self, InvalidSetting> {
        let all = Share::ALL.thousandths().into();
        number("panic share", share.thousandths().into(), 1, all)?;
        self.panic = share;
        Ok(self)
    }

    /// How long an ejection lasts; [`Penalty::DEFAULT`] unless told.
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.penalty = penalty;
        self
    }

    /// When one that failed is preferred again; [`Failback::DEFAULT`] unless
    /// told.
    pub fn failback(mut self, failback: Failback) -> Self {
        self.failback = failback;
        self
    }

    /// Lets what is known of an endpoint's latency halve in this time, so that
    /// a slow one is tried again; 10 s unless told.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`](crate::TIME_MIN) and [`TIME_MAX`](crate::TIME_MAX).
    pub fn latency_half_life(mut self, time_to_half: Duration) -> Result<Self, InvalidSetting> {
        self.half_life = time("latency_half_life", time_to_half)?;
        Ok(self)
    }

    /// What a failed connect is taken to cost at least, so that one that
    /// refuses quickly does not look fast; 1 s unless told.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`](crate::TIME_MIN) and [`TIME_MAX`](crate::TIME_MAX).
    pub fn failure_cost(mut self, cost: Duration) -> Result<Self, InvalidSetting> {
        self.failure_cost = time("failure_cost", cost)?;
        Ok(self)
    }
}

// === impl Penalty ===

impl Penalty {
    /// 5 s times the number of ejections, at most 5 minutes; one is forgiven
    /// for each 30 s of health; a quarter is jitter.
    pub const DEFAULT: Self = Self {
        base: Duration::from_secs(5),
        longest: Duration::from_secs(300),
        healthy: Duration::from_secs(30),
        spread: Share::QUARTER,
    };

    /// Ejects for `base` times the number of ejections not yet forgiven, at
    /// most for `longest`, and forgives one for each `healthy` without an
    /// ejection or a failure. The last `spread` of each penalty is jitter.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`](crate::TIME_MIN) and
    /// [`TIME_MAX`](crate::TIME_MAX), or `base` over `longest`.
    pub fn new(
        base: Duration,
        longest: Duration,
        healthy: Duration,
        spread: Share,
    ) -> Result<Self, InvalidSetting> {
        time("penalty", base)?;
        time("penalty_max", longest)?;
        not_over("penalty", base, "penalty_max", longest)?;
        time("healthy_interval", healthy)?;
        Ok(Self {
            base,
            longest,
            healthy,
            spread,
        })
    }
}

// === impl Failback ===

impl Failback {
    /// A minute of proven health, up to half a minute of splay, a probe every
    /// 10 s.
    pub const DEFAULT: Self = Self {
        prefer_after: Duration::from_secs(60),
        splay: Duration::from_secs(30),
        probe_every: Duration::from_secs(10),
    };

    /// Prefers an endpoint again once it succeeded, failed no more, and
    /// succeeded again `prefer_after` later or more; and then not at once, but
    /// after a time drawn evenly from nothing to `splay`. So that there is
    /// something to go by, [`Set::probe`](super::Set::probe) names it once in
    /// `probe_every`, give or take a quarter.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`](crate::TIME_MIN) and
    /// [`TIME_MAX`](crate::TIME_MAX), or `probe_every` over `prefer_after`.
    pub fn new(
        prefer_after: Duration,
        splay: Duration,
        probe_every: Duration,
    ) -> Result<Self, InvalidSetting> {
        time("prefer_after", prefer_after)?;
        time("splay", splay)?;
        time("probe_every", probe_every)?;
        not_over("probe_every", probe_every, "prefer_after", prefer_after)?;
        Ok(Self {
            prefer_after,
            splay,
            probe_every,
        })
    }
}
