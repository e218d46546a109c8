//! The settings of a backoff. Past these constructors nobody checks again.

use std::sync::Arc;
use std::time::Duration;

use super::curve::{Curve, Jitter};
use super::plan::Plan;

/// The shortest base, splay and stable time a schedule accepts: below it, a
/// peer that refuses is asked again in a hot loop.
pub const DELAY_MIN: Duration = Duration::from_millis(1);

/// The longest time a schedule accepts anywhere: a year. Who would wait longer
/// has stopped trying, and should say so with [`Schedule::take`].
pub const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long a connection must hold before its loss starts over with short
/// delays: longer than a peer needs to accept, fail and hang up, shorter than
/// most incidents are apart.
pub const STABLE_AFTER_DEFAULT: Duration = Duration::from_secs(10);

/// Which delays follow each other, and when they start over.
///
/// It is cheap to clone and holds no state: see [`Maker`](super::Maker).
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    plan: Arc<Plan>,
    splay: Option<Duration>,
    stable_after: Duration,
}

/// Why a schedule was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A time is too short to hold anybody back.
    #[error("{setting} {value:?} is below {least:?}")]
    TooShort {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// The least that is accepted.
        least: Duration,
    },
    /// A time is too long to be meant.
    #[error("{setting} {value:?} is over {most:?}")]
    TooLong {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// The most that is accepted.
        most: Duration,
    },
    /// The first delay would already be over the limit for all.
    #[error("base {base:?} is over cap {cap:?}")]
    BaseOverCap {
        /// The delay to start from.
        base: Duration,
        /// The delay never to exceed.
        cap: Duration,
    },
    /// Delays would shrink, or the factor is no number.
    #[error("factor {factor} is not a finite number of at least {least}")]
    Factor {
        /// What was asked for.
        factor: f64,
        /// The least that is accepted.
        least: f64,
    },
    /// The first delay could not vary.
    #[error("jitter floor {floor:?} is not below base {base:?}")]
    FloorOverBase {
        /// The shortest delay asked for.
        floor: Duration,
        /// The delay to start from.
        base: Duration,
    },
    /// A jitter of at least everything, or of nothing.
    #[error("jitter share {share} is not between 0 and {below}, both excluded")]
    Share {
        /// What was asked for.
        share: f64,
        /// The bound that it must stay below.
        below: f64,
    },
    /// Decorrelated delays lie between base and cap, which leave no room.
    #[error("decorrelated jitter needs a base below the cap: base {base:?}, cap {cap:?}")]
    NoRoom {
        /// The shortest delay.
        base: Duration,
        /// The longest delay.
        cap: Duration,
    },
    /// The first delay could exceed the limit for all.
    #[error("splay {splay:?} is over cap {cap:?}")]
    SplayOverCap {
        /// The longest first delay asked for.
        splay: Duration,
        /// The delay never to exceed.
        cap: Duration,
    },
    /// Waits that a peer asked for would have no room to be spread over.
    #[error("hint floor {floor:?} is not below hint cap {cap:?}")]
    HintFloorOverCap {
        /// The shortest wait.
        floor: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// The setting belongs to one curve, and there are several.
    #[error("set the {setting} of each part before joining them with then")]
    Joined {
        /// Which setting.
        setting: &'static str,
    },
}

// === impl Schedule ===

impl Schedule {
    /// Starts at `base`, doubles, and stays at `cap`.
    ///
    /// Jitter is [`Jitter::Equal`], whose shortest delay grows with the longest, so
    /// that an outage costs a known number of tries: from 1 to 10 s, at most seven
    /// in twenty seconds. With [`Jitter::Full`] luckless clients draw one short delay
    /// after the other, also at the cap: of 30,000 in the same outage, the worst
    /// tried fourteen times.
    ///
    /// # Errors
    ///
    /// A base below [`DELAY_MIN`] or over the cap, or a cap over [`DELAY_MAX`].
    pub fn exponential(base: Duration, cap: Duration) -> Result<Self, Invalid> {
        at_least("base", base, DELAY_MIN)?;
        at_most("cap", cap, DELAY_MAX)?;
        if base > cap {
            return Err(Invalid::BaseOverCap { base, cap });
        }
        Ok(Self::of(Curve {
            base,
            cap,
            factor: 2.0,
            jitter: Jitter::Equal,
        }))
    }

    /// Waits up to `delay`, each time.
    ///
    /// Jitter is [`Jitter::Equal`], so half of `delay` at least: the steadiest
    /// that still spreads a fleet. For `delay` to the letter, say
    /// `.jitter(Jitter::None)`.
    ///
    /// # Errors
    ///
    /// A delay below [`DELAY_MIN`] or over [`DELAY_MAX`].
    pub fn constant(delay: Duration) -> Result<Self, Invalid> {
        at_least("delay", delay, DELAY_MIN)?;
        at_most("delay", delay, DELAY_MAX)?;
        Ok(Self::of(Curve {
            base: delay,
            cap: delay,
            factor: 1.0,
            jitter: Jitter::Equal,
        }))
    }

    /// Multiplies the bound by `factor` after each delay.
    ///
    /// # Errors
    ///
    /// A factor that is below 1 or not finite, or several curves to choose from.
    pub fn factor(mut self, factor: f64) -> Result<Self, Invalid> {
        const LEAST: f64 = 1.0;
        if !factor.is_finite() || factor < LEAST {
            return Err(Invalid::Factor {
                factor,
                least: LEAST,
            });
        }
        self.curve_mut("factor")?.factor = factor;
        Ok(self)
    }

    /// Spreads delays in another way.
    ///
    /// # Errors
    ///
    /// A jitter that could not vary, or could vary down to nothing; or several
    /// curves to choose from.
    pub fn jitter(mut self, jitter: Jitter) -> Result<Self, Invalid> {
        const BELOW: f64 = 1.0;
        let curve = self.curve_mut("jitter")?;
        let (base, cap) = (curve.base, curve.cap);
        match jitter {
            Jitter::Full { floor } if floor >= base => {
                return Err(Invalid::FloorOverBase { floor, base });
            }
            Jitter::Decorrelated if base == cap => return Err(Invalid::NoRoom { base, cap }),
            // Written so that what is not a number is refused too.
            Jitter::PlusMinus(share) if !(share > 0.0 && share < BELOW) => {
                return Err(Invalid::Share {
                    share,
                    below: BELOW,
                });
            }
            Jitter::Full { .. }
            | Jitter::Equal
            | Jitter::Decorrelated
            | Jitter::PlusMinus(_)
            | Jitter::None => {}
        }
        curve.jitter = jitter;
        Ok(self)
    }

    /// Draws the first delay after each start evenly from nothing to `splay`,
    /// whatever the jitter; the curve begins with the second.
    ///
    /// All who lost one peer lost it in the same moment, so the herd forms at
    /// the first attempt. Without a splay the first delay is the curve's. It
    /// belongs to the whole schedule: of two joined ones, the first's counts.
    ///
    /// # Errors
    ///
    /// A splay below [`DELAY_MIN`] or over the cap.
    pub fn splay(mut self, splay: Duration) -> Result<Self, Invalid> {
        at_least("splay", splay, DELAY_MIN)?;
        let cap = self.cap();
        if splay > cap {
            return Err(Invalid::SplayOverCap { splay, cap });
        }
        self.splay = Some(splay);
        Ok(self)
    }

    /// Starts over only after a connection held this long
    /// ([`STABLE_AFTER_DEFAULT`] unless told). It belongs to the whole
    /// schedule: of two joined ones, the first's counts.
    ///
    /// # Errors
    ///
    /// A time below [`DELAY_MIN`], with which a peer that accepts and hangs up
    /// would be asked again at the shortest delay for ever, or over [`DELAY_MAX`].
    pub fn stable_after(mut self, up: Duration) -> Result<Self, Invalid> {
        at_least("stable_after", up, DELAY_MIN)?;
        at_most("stable_after", up, DELAY_MAX)?;
        self.stable_after = up;
        Ok(self)
    }

    /// Ends after `count` delays; 0 never tries again.
    pub fn take(self, count: u32) -> Self {
        self.wrap(|plan| Plan::Take(plan, count))
    }

    /// Begins no delay once `limit` has passed since the first one was asked
    /// for.
    ///
    /// The last delay may reach past the limit, by at most the cap. It is not
    /// cut short to fit: every client of one outage would then make its last
    /// try in the same moment.
    pub fn until_elapsed(self, limit: Duration) -> Self {
        self.wrap(|plan| Plan::Until(plan, limit))
    }

    /// Goes on with `next` once this schedule has ended.
    ///
    /// Limits inside `next` count from when it takes over.
    pub fn then(self, next: Self) -> Self {
        self.wrap(|plan| Plan::Then(plan, next.plan))
    }

    /// The delay never exceeded.
    pub fn cap(&self) -> Duration {
        self.plan.fold(&|curve| curve.cap, &Duration::max)
    }

    /// The shortest delay there can be, a splayed first one aside.
    pub fn floor(&self) -> Duration {
        self.plan.fold(&Curve::floor, &Duration::min)
    }

    /// How long a connection must hold for its loss to start over.
    pub fn up_min(&self) -> Duration {
        self.stable_after
    }

    /// Whether any delay of it is drawn.
    pub(super) fn varies(&self) -> bool {
        let drawn = |curve: &Curve| curve.jitter != Jitter::None;
        self.splay.is_some() || self.plan.fold(&drawn, &|one, other| one || other)
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn first_max(&self) -> Option<Duration> {
        self.splay
    }

    fn of(curve: Curve) -> Self {
        Self {
            plan: Arc::new(Plan::Curve(curve)),
            splay: None,
            stable_after: STABLE_AFTER_DEFAULT,
        }
    }

    fn wrap(self, plan: impl FnOnce(Arc<Plan>) -> Plan) -> Self {
        Self {
            plan: Arc::new(plan(self.plan)),
            ..self
        }
    }

    fn curve_mut(&mut self, setting: &'static str) -> Result<&mut Curve, Invalid> {
        Arc::make_mut(&mut self.plan)
            .curve_mut()
            .ok_or(Invalid::Joined { setting })
    }
}

pub(super) fn at_least(
    setting: &'static str,
    value: Duration,
    least: Duration,
) -> Result<(), Invalid> {
    if value < least {
        return Err(Invalid::TooShort {
            setting,
            value,
            least,
        });
    }
    Ok(())
}

pub(super) fn at_most(
    setting: &'static str,
    value: Duration,
    most: Duration,
) -> Result<(), Invalid> {
    if value > most {
        return Err(Invalid::TooLong {
            setting,
            value,
            most,
        });
    }
    Ok(())
}
