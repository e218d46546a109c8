//! Who has which pools, and by which settings: each application other ones, so that
//! together they use all there is.

use std::time::Duration;

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Schedule;
use bowline_policy::endpoints::{self, Choice};
use bowline_policy::lifetime;
use bowline_pool::Settings;

use super::{
    AGE, BACKOFF, CHECK, CONNECT, DIALS_MAX, FAIL_FAST, LEAP, MAX, MIN, MOVE_GAP, Mutation, PORT,
    SERVERS, SWEEP, WAIT, WAITERS_MAX, WARM_UP,
};

/// What one application's pools are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// What its pools are called in the history.
    pub(super) pools: &'static [&'static str],
    /// How long a connection may be parked.
    pub(super) idle: Duration,
    /// How long it may be parked without a proof.
    pub(super) ping_every: Duration,
    /// Whether each is pinged by the hook on return too.
    pub(super) resets: bool,
    /// Whether the second server has its share, or only what the first cannot take.
    pub(super) choice: Choice,
}

/// Two pools under one budget. Quiet times outlive what its connections may be parked, so
/// that pings only ever spare the least that is kept.
const SHOP: Terms = Terms {
    pools: &["shop orders", "shop stock"],
    idle: Duration::from_millis(600),
    ping_every: Duration::from_millis(900),
    resets: false,
    choice: Choice::Ordered,
};

/// One pool, whose connections are pinged often and kept for long.
const DESK: Terms = Terms {
    pools: &["desk"],
    idle: Duration::from_millis(2_500),
    ping_every: Duration::from_millis(500),
    resets: true,
    choice: Choice::Weighted,
};

// === impl Terms ===

impl Terms {
    pub(super) fn of(application: &str) -> Self {
        match application {
            "shop" => SHOP,
            _ => DESK,
        }
    }

    /// For how long a proof is good, as the pool has it by default.
    pub(super) fn trust(&self) -> Duration {
        self.ping_every + SWEEP + 2 * CHECK
    }

    /// How long a connection may be parked before the pool learns that it is dead: it is
    /// due, a sweep finds that, and a ping gets no answer.
    pub(super) fn silence(&self) -> Duration {
        let reset = if self.resets { CHECK } else { Duration::ZERO };
        self.ping_every + SWEEP + CHECK + reset
    }

    pub(super) fn targets(&self) -> Result<Targets, BoxError> {
        let targets = SERVERS.into_iter().zip([2, 1]).map(|(server, weight)| {
            let mut target = Target::new(Endpoint::new(server, PORT));
            target.weight = weight;
            target
        });
        Ok(Targets::new(targets)?)
    }

    pub(super) fn settings(
        &self,
        seed: u64,
        mutation: Option<Mutation>,
    ) -> Result<Settings, BoxError> {
        let age = match mutation {
            Some(Mutation::ForgetAge) => 10 * AGE,
            _ => AGE,
        };
        let wait = match mutation {
            Some(Mutation::WaitLonger) => 2 * WAIT,
            _ => WAIT,
        };
        let max = match mutation {
            Some(Mutation::OpenMore) => MAX + 1,
            _ => MAX,
        };
        let schedule = Schedule::exponential(BACKOFF.0, BACKOFF.1)?;
        Ok(Settings::new(max, seed)?
            .min(MIN)?
            .warm_up(WARM_UP)?
            .backoff(schedule)
            .wait(wait)?
            .fail_fast_after(FAIL_FAST)?
            .connect_limit(CONNECT)?
            .lifetime(lifetime::Settings::new(self.idle, age)?)
            .max_connecting(DIALS_MAX)?
            .max_waiters(WAITERS_MAX)?
            .sweep_every(SWEEP)?
            .check_limit(CHECK)?
            .ping_every(self.ping_every)?
            .max_checking(MAX)?
            .leap_limit(LEAP)?
            .move_gap(MOVE_GAP)?
            .endpoints(endpoints::Settings::new(self.choice)))
    }
}
