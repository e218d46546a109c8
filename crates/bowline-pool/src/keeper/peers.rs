//! The endpoints, and when each may be dialed: list, choice, backoff, breaker.
//! It dials nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::discovery::{InForce, Targets, Update};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Session;
use bowline_policy::endpoints::{self, Choice, InvalidList, Set};
use tokio::time::Instant;

use super::guard::{Guard, Pass};
use crate::origin::Origin;
use crate::{DialError, Settings};

pub(crate) struct Peers {
    settings: Arc<Settings>,
    set: Set<Endpoint>,
    peers: BTreeMap<Endpoint, Peer>,
    in_force: InForce,
}

struct Peer {
    origin: Arc<Origin>,
    weight: usize,
    backoff: Session,
    guard: Guard,
    /// No dial starts before this.
    retry_at: Option<Instant>,
    failing_since: Option<Instant>,
    /// The same before the last connect, which has proved nothing yet.
    failed_since: Option<Instant>,
}

/// Leave to dial.
pub(super) struct Chosen {
    pub(super) origin: Arc<Origin>,
    pub(super) pass: Pass,
}

/// Nobody may be dialed; when to ask again, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeldBack(pub(super) Option<Instant>);

/// A dial that failed, and until when that holds the next back.
pub(super) struct Failed {
    pub(super) error: DialError,
    pub(super) retry_at: Instant,
}

/// From where to where a connection should go.
pub(super) struct Move {
    pub(super) from: Arc<Origin>,
    pub(super) to: Arc<Origin>,
    /// Only to learn how it is there.
    pub(super) probe: bool,
}

// === impl Peers ===

impl Peers {
    pub(crate) fn new(
        settings: Arc<Settings>,
        targets: Option<&Targets>,
        now: Instant,
    ) -> Result<Self, InvalidList> {
        let list = targets.map(Targets::to_endpoints).unwrap_or_default();
        let mut peers = Self {
            set: settings.endpoints.set(list, now.into_std())?,
            settings,
            peers: BTreeMap::new(),
            in_force: InForce::new(),
        };
        if let Some(targets) = targets {
            peers.adopt(targets);
        }
        Ok(peers)
    }

    /// Takes a source's word; the list, if there is a new one.
    pub(super) fn heed(&mut self, update: &Update<BoxError>, now: Instant) -> Option<Targets> {
        let changed = self.in_force.apply(update, now.into_std());
        // A list that has expired is used as long as there is no other.
        self.in_force.targets().filter(|_| changed).cloned()
    }

    /// Changes the list; how many there are now.
    pub(super) fn replace(
        &mut self,
        targets: &Targets,
        now: Instant,
    ) -> Result<usize, InvalidList> {
        self.set.replace(targets.to_endpoints(), now.into_std())?;
        self.adopt(targets);
        Ok(self.peers.len())
    }

    fn adopt(&mut self, targets: &Targets) {
        let mut kept = BTreeMap::new();
        for target in targets {
            let endpoint = &target.endpoint;
            if kept.contains_key(endpoint) {
                continue;
            }
            let old = self.peers.remove(endpoint);
            let mut peer = old.unwrap_or_else(|| Peer::new(endpoint, &self.settings));
            peer.weight = usize::from(target.weight.max(1));
            kept.insert(endpoint.clone(), peer);
        }
        for gone in std::mem::replace(&mut self.peers, kept).into_values() {
            gone.origin.set_gone();
        }
    }

    /// Follows other settings from now on; what is known of the peers stays,
    /// but for how long they have been held back, and who was ejected under
    /// other rules.
    pub(super) fn resettle(&mut self, settings: &Arc<Settings>, now: Instant) {
        if settings.endpoints.settings() != self.settings.endpoints.settings() {
            let list: Vec<_> = self.set.keys().map(|key| self.listed(key)).collect();
            // Where they allow fewer than there are, the old rules stay.
            if let Ok(set) = settings.endpoints.set(list, now.into_std()) {
                self.set = set;
            }
        }
        self.settings = Arc::clone(settings);
        for peer in self.peers.values_mut() {
            peer.backoff = settings.backoff.session();
            peer.guard = Guard::new(settings);
        }
    }

    pub(crate) fn origins(&self) -> Vec<Arc<Origin>> {
        let origins = self.set.keys().filter_map(|key| self.origin(key));
        origins.collect()
    }

    /// Whom to dial.
    pub(super) fn choose(&mut self, now: Instant) -> Result<Chosen, HeldBack> {
        let mut earliest: Option<Instant> = None;
        let Some(first) = self.set.choose(now.into_std()) else {
            return Err(HeldBack(None));
        };
        let trusted = |key: &&Endpoint| self.set.ejected_until(key, now.into_std()).is_none();
        let others = self.set.keys().filter(trusted).cloned();
        let candidates: Vec<_> = std::iter::once(first.key).chain(others).collect();
        for key in candidates {
            match self.ask(&key, now) {
                Ok(chosen) => return Ok(chosen),
                Err(HeldBack(Some(at))) => {
                    earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
                }
                Err(HeldBack(None)) => {}
            }
        }
        Err(HeldBack(earliest))
    }

    /// Whether this one may be dialed now.
    pub(super) fn ask(&mut self, key: &Endpoint, now: Instant) -> Result<Chosen, HeldBack> {
        let peer = self.peers.get_mut(key).ok_or(HeldBack(None))?;
        if let Some(retry_at) = peer.retry_at {
            if retry_at > now {
                return Err(HeldBack(Some(retry_at)));
            }
            peer.retry_at = None;
        }
        Ok(Chosen {
            pass: peer.guard.ask(now).map_err(HeldBack)?,
            origin: Arc::clone(&peer.origin),
        })
    }

    /// Gives leave back that is not used.
    pub(super) fn give_up(&mut self, chosen: Chosen) {
        let peer = self.peers.get_mut(&chosen.origin.endpoint);
        if let Some(peer) = peer {
            peer.guard.no_verdict(chosen.pass);
        }
    }

    /// Notes a connect that succeeded. It proves nothing yet: see
    /// [`learn`](Self::learn).
    pub(super) fn connected(&mut self, key: &Endpoint, pass: Pass, took: Duration, now: Instant) {
        self.set.succeeded(key, took, now.into_std());
        if let Some(peer) = self.peers.get_mut(key) {
            peer.guard.no_verdict(pass);
            peer.failed_since = peer.failing_since.take().or(peer.failed_since);
            peer.origin.set_failing(false);
        }
    }

    /// Notes a dial that failed.
    pub(super) fn failed(&mut self, error: DialError, pass: Option<Pass>, now: Instant) -> Failed {
        let key = error.endpoint();
        self.set.failed(key, now.into_std());
        let retry_at = match self.peers.get_mut(key) {
            Some(peer) => peer.failed(pass, self.settings.connect_limit, now),
            // Off the list by now.
            None => now,
        };
        Failed { error, retry_at }
    }

    /// Draws conclusions from what callers met; what they say against peers.
    pub(super) fn learn(&mut self, now: Instant) -> Vec<Failed> {
        let mut stillborn = Vec::new();
        for (endpoint, peer) in &mut self.peers {
            let news = peer.origin.news();
            if news.served {
                peer.served(now);
            }
            if news.stable {
                peer.backoff.reset();
            }
            if news.stillborn {
                stillborn.push(endpoint.clone());
            }
        }
        let failed = stillborn.into_iter().map(|endpoint| {
            let peer = self.peers.get_mut(&endpoint);
            let pass = peer.and_then(|peer| peer.guard.ask(now).ok());
            self.failed(DialError::Stillborn { endpoint }, pass, now)
        });
        failed.collect()
    }

    /// Since when nobody at all has answered; nothing while somebody does.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        let since = self.peers.values().map(|peer| peer.failing_since);
        since.max_by_key(|since| since.map_or((1, None), |since| (0, Some(since))))?
    }

    /// Until when nobody may be dialed, if so.
    pub(super) fn held_back(&self, now: Instant) -> Option<Instant> {
        let held = self.peers.values().map(|peer| peer.held_back(now));
        held.min_by_key(|until| until.map_or((0, None), |until| (1, Some(until))))?
    }

    /// Whether every endpoint's breaker is open.
    pub(super) fn are_open(&self) -> bool {
        let open = |peer: &Peer| peer.guard.open_until().is_some();
        !self.peers.is_empty() && self.peers.values().all(open)
    }

    /// A connection that would be better off elsewhere, or an endpoint that has
    /// to prove its health.
    pub(super) fn move_wanted(&mut self, now: Instant) -> Option<Move> {
        match self.settings.endpoints.settings().choice() {
            Choice::Ordered => self.move_back(now),
            Choice::Weighted => self.move_over(now),
            _ => None,
        }
    }

    fn move_back(&mut self, now: Instant) -> Option<Move> {
        let now = now.into_std();
        let used: Vec<_> = self.origins();
        let used = used.into_iter().filter(|origin| origin.open() > 0);
        for from in used {
            let key = &from.endpoint;
            let (to, probe) = match self.set.prefer(key, now) {
                Some(to) => (to, false),
                None => match self.set.probe(key, now) {
                    Some(to) => (to, true),
                    None => continue,
                },
            };
            let to = self.origin(&to)?;
            return Some(Move { from, to, probe });
        }
        None
    }

    /// Of those that answer, one that has a whole connection more than its
    /// share, and one that has a whole one less.
    fn move_over(&self, now: Instant) -> Option<Move> {
        let healthy = |peer: &&Peer| {
            let ejected = self
                .set
                .ejected_until(&peer.origin.endpoint, now.into_std());
            ejected.is_none() && peer.failing_since.is_none()
        };
        let peers: Vec<_> = self.peers.values().filter(healthy).collect();
        let open: usize = peers.iter().map(|peer| peer.origin.open()).sum();
        let weights: usize = peers.iter().map(|peer| peer.weight).sum();
        // In whole numbers: shares times the sum of weights.
        let surplus = |peer: &&&Peer| {
            let has = (peer.origin.open() * weights).cast_signed();
            has - (open * peer.weight).cast_signed()
        };
        let from = peers.iter().max_by_key(surplus)?;
        let to = peers.iter().min_by_key(surplus)?;
        let whole = weights.cast_signed();
        (surplus(&from) >= whole && surplus(&to) <= -whole).then(|| Move {
            from: Arc::clone(&from.origin),
            to: Arc::clone(&to.origin),
            probe: false,
        })
    }

    fn listed(&self, key: &Endpoint) -> endpoints::Endpoint<Endpoint> {
        let weight = self.peers.get(key).map_or(1, |peer| peer.weight);
        let weight = u32::try_from(weight).expect("it came as fewer bits");
        let listed = endpoints::Endpoint::new(key.clone()).weight(weight);
        listed.expect("it was on a list before")
    }

    fn origin(&self, key: &Endpoint) -> Option<Arc<Origin>> {
        Some(Arc::clone(&self.peers.get(key)?.origin))
    }
}

// === impl Peer ===

impl Peer {
    fn new(endpoint: &Endpoint, settings: &Settings) -> Self {
        Self {
            origin: Arc::new(Origin::new(endpoint.clone())),
            weight: 1,
            backoff: settings.backoff.session(),
            guard: Guard::new(settings),
            retry_at: None,
            failing_since: None,
            failed_since: None,
        }
    }

    fn held_back(&self, now: Instant) -> Option<Instant> {
        let tripped = self.guard.open_until();
        tripped.max(self.retry_at).filter(|until| *until > now)
    }

    fn served(&mut self, now: Instant) {
        self.failing_since = None;
        self.failed_since = None;
        self.guard.served(now);
    }

    fn failed(&mut self, pass: Option<Pass>, spare: Duration, now: Instant) -> Instant {
        self.origin.set_failing(true);
        let since = self.failing_since.or(self.failed_since.take());
        self.failing_since = Some(since.unwrap_or(now));
        if let Some(pass) = pass {
            self.guard.failed(pass, now);
        }
        // Several dials that fail together are one failure: they were started
        // by one decision, and the next must not be punished for its breadth.
        let retry_at = match self.retry_at {
            Some(at) if at > now => at,
            Some(_) | None => now + self.next_delay(spare, now),
        };
        self.retry_at = Some(retry_at);
        retry_at
    }

    fn next_delay(&mut self, spare: Duration, now: Instant) -> Duration {
        let now = now.into_std();
        self.backoff.next_delay(now).unwrap_or_else(|| {
            self.backoff.reset();
            // A schedule that allows no attempt at all still must not spin.
            self.backoff.next_delay(now).unwrap_or(spare)
        })
    }
}
