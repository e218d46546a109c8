//! Who keeps a thousand connections, and how each is set up.

mod by_hand;
mod ours;
mod resilience;

use std::pin::Pin;

use bowline_link::BoxError;

use crate::client::Client;

pub(crate) use ours::BUDGET;

/// A kind of client.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// How it is set up, where its name does not say so.
    pub(crate) used: &'static str,
    /// What is asked of it.
    pub(crate) role: Role,
    /// Begins what the clients of one process share; its chance, where it takes a seed, comes
    /// from this one.
    pub(crate) process: fn(u64) -> Result<Keep, BoxError>,
}

/// What is asked of a kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    OursBudgeted,
    Rival,
}

/// Keeps a client connected, for ever.
pub(crate) type Keep = Box<dyn Fn(Client) -> Keeping>;
pub(crate) type Keeping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everybody, ours first.
pub(crate) const ALL: [Contender; 7] = [
    Contender {
        name: "bowline-reconnect",
        used: "`Schedule::exponential(1 s, 10 s)` with its defaults",
        role: Role::Ours,
        process: ours::plain,
    },
    Contender {
        name: "bowline-reconnect, splay",
        used: "the same with `.splay(3 s)`: the first delay is anything up to that",
        role: Role::Ours,
        process: ours::splayed,
    },
    Contender {
        name: "bowline-reconnect, budget",
        used: "the first under a `DialBudgetLayer` that the clients of one process share",
        role: Role::OursBudgeted,
        process: ours::budgeted,
    },
    Contender {
        name: "tower-resilience, random",
        used: "0.14, `exponential_random(1 s, 10 s, 0.5)`: the only jitter it has, added after the cap, so up to 15 s; it takes no seed, so another run says a little else",
        role: Role::Rival,
        process: resilience::random,
    },
    Contender {
        name: "tower-resilience",
        used: "0.14, `exponential(1 s, 10 s)`: the kind that its default is, without jitter; the first delay is 2 s, as it counts from 1",
        role: Role::Rival,
        process: resilience::exponential,
    },
    Contender {
        name: "loop, fixed 1 s",
        used: "connect, and again after a second: what one writes in a hurry",
        role: Role::Rival,
        process: by_hand::fixed,
    },
    Contender {
        name: "loop, doubling",
        used: "the same after 1, 2, 4, 8, 10 s, without jitter",
        role: Role::Rival,
        process: by_hand::doubling,
    },
];
