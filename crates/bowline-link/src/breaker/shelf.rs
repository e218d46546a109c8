//! Where breakers are kept: one for all, or one each, and no more than so many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_policy::InvalidSetting;
use bowline_policy::breaker::{Breaker, Maker, State};

use crate::Endpoint;

/// The most endpoints that may be given a breaker each.
pub const ENDPOINTS_MAX: usize = 65_536;

/// A breaker, and what its peer said last.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) breaker: Breaker,
    pub(super) last_failure: Option<Arc<str>>,
}

pub(super) type Shared = Arc<Mutex<Watched>>;

#[derive(Debug)]
pub(super) enum Shelf {
    One(Shared),
    Each(Mutex<Each>),
}

#[derive(Debug)]
pub(super) struct Each {
    maker: Maker,
    most: usize,
    asked: u64,
    kept: BTreeMap<Endpoint, Kept>,
}

#[derive(Debug)]
struct Kept {
    guarded: Shared,
    asked: u64,
}

/// Who leaves first when there is no room.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Closed,
    Failing,
    /// Somebody's decision, to be forgotten last.
    Forced,
}

// === impl Shelf ===

impl Shelf {
    pub(super) fn one(maker: &Maker) -> Self {
        Self::One(guarded(maker))
    }

    pub(super) fn each(maker: Maker, most: usize) -> Result<Self, InvalidSetting> {
        if most == 0 || most > ENDPOINTS_MAX {
            return Err(InvalidSetting::Number {
                setting: "endpoints",
                value: most as u64,
                least: 1,
                most: ENDPOINTS_MAX as u64,
            });
        }
        Ok(Self::Each(Mutex::new(Each {
            maker,
            most,
            asked: 0,
            kept: BTreeMap::new(),
        })))
    }

    /// The breaker of `endpoint`, made if there is none.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Shared {
        match self {
            Self::One(guarded) => Arc::clone(guarded),
            Self::Each(each) => lock(each).of(endpoint),
        }
    }

    /// The breaker of `endpoint`, if there is one.
    pub(super) fn known(&self, endpoint: &Endpoint) -> Option<Shared> {
        match self {
            Self::One(guarded) => Some(Arc::clone(guarded)),
            Self::Each(each) => {
                let each = lock(each);
                Some(Arc::clone(&each.kept.get(endpoint)?.guarded))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Each(each) => lock(each).kept.len(),
        }
    }
}

// === impl Each ===

impl Each {
    fn of(&mut self, endpoint: &Endpoint) -> Shared {
        self.asked += 1;
        let asked = self.asked;
        if let Some(kept) = self.kept.get_mut(endpoint) {
            kept.asked = asked;
            return Arc::clone(&kept.guarded);
        }
        if self.kept.len() >= self.most {
            self.make_room();
        }
        let guarded = guarded(&self.maker);
        let kept = Kept {
            guarded: Arc::clone(&guarded),
            asked,
        };
        self.kept.insert(endpoint.clone(), kept);
        guarded
    }

    fn make_room(&mut self) {
        let least = self
            .kept
            .iter()
            .min_by_key(|(_, kept)| (worth(&kept.guarded), kept.asked));
        if let Some(endpoint) = least.map(|(endpoint, _)| endpoint.clone()) {
            self.kept.remove(&endpoint);
        }
    }
}

fn guarded(maker: &Maker) -> Shared {
    Arc::new(Mutex::new(Watched {
        breaker: maker.breaker(),
        last_failure: None,
    }))
}

fn worth(guarded: &Mutex<Watched>) -> Worth {
    match lock(guarded).breaker.state() {
        State::Closed => Worth::Closed,
        State::ForcedOpen | State::ForcedClosed => Worth::Forced,
        // Open, half-open, and what may come to be.
        _ => Worth::Failing,
    }
}

/// What is behind these locks is whole between any two calls, so a panic of
/// another holder spoils nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
