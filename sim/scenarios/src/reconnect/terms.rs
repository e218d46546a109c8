//! Who has which link, and by which settings: each client another one, so that together
//! they use all there is.

use std::time::Duration;

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{self, HintLimits, Schedule};
use bowline_policy::endpoints::{self, Choice, Failback, Penalty};
use bowline_policy::heartbeat::{self, Fixed};
use bowline_policy::{Share, lifetime};
use bowline_reconnect::InitialConnect;

use super::mutant::{self, Mutation};
use super::{AGE, EJECTED_MAX, FAILBACK, HINTS, PENALTY, PORT, STABLE_AFTER};

/// What one client's link is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Whom it may call, the best one first.
    pub(super) servers: &'static [&'static str],
    /// In order, or by weight.
    pub(super) choice: Choice,
    /// How long its handles are kept waiting for a connection; for as long as it takes, if
    /// nobody says.
    pub(super) failfast_after: Option<Duration>,
    pub(super) pace: Pace,
    /// Whether its connections are replaced at an age.
    pub(super) ages: bool,
    /// Whether it dials under the budget that it shares.
    pub(super) budgeted: bool,
    /// Whether its schedule ends, so that it parks.
    pub(super) ends: bool,
    /// Whether it looks for time that passed unseen.
    pub(super) looks_at_clocks: bool,
    pub(super) initial: InitialConnect,
    /// How its list of endpoints changes.
    pub(super) lists: Lists,
}

/// How soon silence is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// By a heartbeat, of which the link is told what it hears.
    Brisk,
    /// By what a kernel does for a stream that is kept alive; the link knows of none.
    Slow,
}

/// How a list of endpoints changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    Never,
    /// Somebody puts another one in force.
    Set,
    /// A discovery finds another one.
    Discovered,
}

const ANN: Terms = Terms {
    servers: &["server", "spare", "third"],
    choice: Choice::Ordered,
    failfast_after: Some(super::IMPATIENCE),
    pace: Pace::Brisk,
    ages: true,
    budgeted: false,
    ends: false,
    looks_at_clocks: true,
    initial: InitialConnect::Background,
    lists: Lists::Discovered,
};

const BOB: Terms = Terms {
    choice: Choice::Weighted,
    ages: false,
    budgeted: true,
    looks_at_clocks: false,
    lists: Lists::Set,
    ..ANN
};

const CEM: Terms = Terms {
    servers: &["server"],
    pace: Pace::Slow,
    ages: false,
    ends: true,
    looks_at_clocks: false,
    lists: Lists::Never,
    ..ANN
};

const DAN: Terms = Terms {
    servers: &["spare", "server"],
    failfast_after: None,
    budgeted: true,
    ..ANN
};

const EVE: Terms = Terms {
    servers: &["third", "spare"],
    choice: Choice::Weighted,
    failfast_after: None,
    pace: Pace::Slow,
    ages: false,
    ends: true,
    initial: InitialConnect::Lazy,
    lists: Lists::Never,
    ..ANN
};

const FAY: Terms = Terms {
    servers: &["third", "server"],
    failfast_after: None,
    budgeted: true,
    looks_at_clocks: false,
    initial: InitialConnect::Eager,
    lists: Lists::Set,
    ..ANN
};

/// How many tries a schedule has that ends.
const TRIES: u32 = 5;

// === impl Terms ===

impl Terms {
    pub(super) fn of(client: &str) -> Self {
        match client {
            "ann" => ANN,
            "bob" => BOB,
            "cem" => CEM,
            "dan" => DAN,
            "eve" => EVE,
            _ => FAY,
        }
    }

    /// The list that the link is begun with, and has again once all is well.
    pub(super) fn home(&self) -> Targets {
        targets(self.servers)
    }

    pub(super) fn heartbeat(&self) -> Fixed {
        heartbeat(self.pace).expect("it was tried at the start")
    }

    pub(super) fn schedule(
        &self,
        mutation: Option<Mutation>,
    ) -> Result<Schedule, backoff::Invalid> {
        let schedule = match mutation {
            Some(Mutation::NoJitter) => return mutant::unvaried(),
            _ => schedule()?,
        };
        Ok(match self.ends {
            true => schedule.take(TRIES),
            false => schedule,
        })
    }

    pub(super) fn sets(
        &self,
        seed: u64,
        mutation: Option<Mutation>,
    ) -> Result<endpoints::Maker, BoxError> {
        let (prefer_after, splay, probe_every) = match mutation {
            Some(Mutation::StayAway) => (Duration::from_secs(600), FAILBACK.1, FAILBACK.2),
            _ => FAILBACK,
        };
        let (base, longest, healthy) = PENALTY;
        let ejected_max = match mutation {
            Some(Mutation::EjectAll) => Share::ALL,
            _ => EJECTED_MAX,
        };
        let settings = endpoints::Settings::new(self.choice)
            .eject_after(2)?
            .ejected_max(ejected_max)
            .penalty(Penalty::new(base, longest, healthy, Share::QUARTER)?)
            .failback(Failback::new(prefer_after, splay, probe_every)?);
        Ok(endpoints::Maker::new(settings, seed))
    }

    pub(super) fn lifetime(&self, seed: u64) -> Result<Option<lifetime::Maker>, BoxError> {
        if !self.ages {
            return Ok(None);
        }
        let settings = lifetime::Settings::new(AGE, AGE)?;
        Ok(Some(lifetime::Maker::new(settings, seed)))
    }
}

/// These servers as a list, the first one with the greatest weight.
pub(super) fn targets(servers: &[&str]) -> Targets {
    let list = servers.iter().enumerate().map(|(rank, server)| {
        let mut target = Target::new(Endpoint::new(*server, PORT));
        target.priority = u16::try_from(rank).expect("a few");
        target.weight = 4 >> rank.min(2);
        target
    });
    Targets::new(list).expect("somebody is on it")
}

pub(super) fn heartbeat(pace: Pace) -> Result<Fixed, heartbeat::Invalid> {
    let (interval_ms, timeout_ms) = match pace {
        Pace::Brisk => (1_500, 600),
        Pace::Slow => (2_500, 800),
    };
    let [interval, timeout] = [interval_ms, timeout_ms].map(Duration::from_millis);
    Fixed::new(interval, timeout, 2)
}

pub(super) fn schedule() -> Result<Schedule, backoff::Invalid> {
    Schedule::exponential(Duration::from_millis(200), Duration::from_secs(2))?
        .splay(Duration::from_secs(1))?
        .stable_after(STABLE_AFTER)
}

pub(super) fn hints() -> Result<HintLimits, backoff::Invalid> {
    HintLimits::new(HINTS.0, HINTS.1)
}
