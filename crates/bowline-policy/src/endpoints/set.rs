//! The set: choosing, reporting, replacing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::choosing::{by_weight, fastest_of_two, first};
use super::list::{Endpoint, InvalidList};
use super::member::{Member, Trust};
use super::settings::{Choice, Settings};
use crate::random::{Purpose, Streams, draw_up_to};

/// Hands out sets, each with a jitter of its own.
///
/// Clones share the count, so sets from any of them differ. The same seed
/// gives the same sets in the same order.
#[derive(Debug, Clone)]
pub struct Maker {
    settings: Settings,
    streams: Streams,
}

/// Endpoints, and what is known of each.
///
/// It is not `Clone`: two copies would choose, and come back, in step.
#[derive(Debug)]
pub struct Set<K> {
    settings: Settings,
    random: Pcg64,
    members: Vec<Member<K>>,
    places: BTreeMap<K, usize>,
}

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<K> {
    /// The endpoint.
    pub key: K,
    /// With what confidence.
    pub why: Why,
}

/// With what confidence an endpoint was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// Nothing speaks against it.
    Trusted,
    /// It failed, or is new, and has not proved its health since; nothing
    /// better was to be had, or the choice was by chance.
    Doubted,
    /// Too many were out, so it was chosen from all.
    Panic,
}

/// How a set fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// How many endpoints there are.
    pub endpoints: usize,
    /// How many of them are ejected.
    pub ejected: usize,
    /// How many of them failed when last called. When it is all of them, the
    /// list itself may be out of date.
    pub failing: usize,
    /// Whether choices are made from all, ejected or not.
    pub panic: bool,
}

// === impl Maker ===

impl Maker {
    /// Makes sets of `settings`, their jitter drawn from `seed`.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            streams: Streams::new(Purpose::Endpoints, seed),
        }
    }

    /// Begins with `list`, all of it trusted. It may be empty.
    ///
    /// # Errors
    ///
    /// A list that is too long or names one endpoint twice.
    pub fn set<K: Ord + Clone>(
        &self,
        list: impl IntoIterator<Item = Endpoint<K>>,
        now: Instant,
    ) -> Result<Set<K>, InvalidList> {
        let mut set = Set {
            settings: self.settings.clone(),
            random: self.streams.next(),
            members: Vec::new(),
            places: BTreeMap::new(),
        };
        set.replace(list, now)?;
        for member in &mut set.members {
            member.trust = Trust::From(now);
        }
        Ok(set)
    }

    /// What the sets follow.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

// === impl Set ===

impl<K: Ord + Clone> Set<K> {
    /// Whom to call next; `None` only if the set is empty.
    pub fn choose(&mut self, now: Instant) -> Option<Chosen<K>> {
        self.choose_where(now, |_| true)
    }

    /// Whom to call next but those in `tried`; `None` if nobody else may be
    /// called.
    pub fn choose_other(&mut self, tried: &BTreeSet<K>, now: Instant) -> Option<Chosen<K>> {
        self.choose_where(now, |key| !tried.contains(key))
    }

    /// Notes that a connect succeeded and how long it took. It ends an
    /// ejection.
    ///
    /// Nothing happens if the endpoint is not in the set (any more).
    pub fn succeeded(&mut self, key: &K, took: Duration, now: Instant) {
        if let Some(&place) = self.places.get(key) {
            self.members[place].succeeded(took, &self.settings, &mut self.random, now);
        }
    }

    /// Notes a failure that speaks against the endpoint: of a connect, or of
    /// what was connected.
    ///
    /// Nothing happens if the endpoint is not in the set (any more).
    pub fn failed(&mut self, key: &K, now: Instant) {
        let Some(&place) = self.places.get(key) else {
            return;
        };
        let room = self.ejected(now) < self.ejected_max();
        let member = &mut self.members[place];
        member.failed(&self.settings, &mut self.random, now);
        // Where there is no room, the next failure asks again.
        if room && !member.is_out(now) && member.strikes >= self.settings.failures {
            member.strikes = 0;
            let penalty = &self.settings.penalty;
            member.ejection.eject(penalty, &mut self.random, now);
        }
    }

    /// An endpoint to move to from `current`, because it is ahead of it in the
    /// list and trusted. Only where the choice is ordered.
    ///
    /// The other connection is best opened before this one is closed.
    pub fn prefer(&self, current: &K, now: Instant) -> Option<K> {
        let mut ahead = self.ahead(current).iter();
        let better = ahead.find(|one| !one.is_out(now) && one.is_trusted(now))?;
        Some(better.key.clone())
    }

    /// An endpoint ahead of `current` that should be called, only to learn how
    /// it is; what comes of it is reported like any call. Only where the choice
    /// is ordered: elsewhere all are called anyway.
    pub fn probe(&mut self, current: &K, now: Instant) -> Option<K> {
        let place = self
            .ahead(current)
            .iter()
            .position(|one| matches!(one.trust, Trust::Doubted { .. }) && one.due_at(now) <= now)?;
        let member = &mut self.members[place];
        member.probe_later(&self.settings.failback, &mut self.random, now);
        Some(member.key.clone())
    }

    /// When to ask [`Set::prefer`] and [`Set::probe`] again; `None` if nothing
    /// is ahead of `current`.
    pub fn due_at(&self, current: &K, now: Instant) -> Option<Instant> {
        let ahead = self.ahead(current).iter();
        ahead.map(|one| one.due_at(now)).min()
    }

    /// Changes the list. What stays in it keeps its memory.
    ///
    /// What is new is not preferred to what stays before it has proved its
    /// health, and a changed order takes effect after a splay: everybody hears
    /// of a change in the same moment. Where the cap of ejections shrinks with
    /// the list, those with the least time left are let back in.
    ///
    /// # Errors
    ///
    /// A list that is too long or names one endpoint twice; the set stays as it
    /// was.
    pub fn replace(
        &mut self,
        list: impl IntoIterator<Item = Endpoint<K>>,
        now: Instant,
    ) -> Result<(), InvalidList> {
        // Of a list that is too long no more is kept; the rest is counted, to say how long.
        let limit = self.settings.endpoints;
        let mut list = list.into_iter();
        let taken: Vec<_> = list.by_ref().take(limit).collect();
        let given = limit.saturating_add(list.count());
        if given > limit {
            return Err(InvalidList::TooMany { given, most: limit });
        }
        let mut places = BTreeMap::new();
        for (again, endpoint) in taken.iter().enumerate() {
            if let Some(first) = places.insert(endpoint.key.clone(), again) {
                return Err(InvalidList::Twice { first, again });
            }
        }
        self.exchange(taken, &places, now);
        self.places = places;
        self.readmit_over_cap(now);
        Ok(())
    }

    /// Whether an endpoint is in the list.
    pub fn contains(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    /// The endpoints, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> {
        self.members.iter().map(|member| &member.key)
    }

    /// Until when an endpoint is ejected; `None` if it is not, or not known.
    pub fn ejected_until(&self, key: &K, now: Instant) -> Option<Instant> {
        self.member(key)?.ejection.until(now)
    }

    /// How many ejections of an endpoint are not forgiven yet.
    pub fn ejections(&self, key: &K, now: Instant) -> u32 {
        let penalty = &self.settings.penalty;
        self.member(key)
            .map_or(0, |one| one.ejection.times(penalty, now))
    }

    /// What a connect to an endpoint is thought to take; `None` if it is not
    /// known.
    pub fn latency(&self, key: &K, now: Instant) -> Option<Duration> {
        let latency = &self.member(key)?.latency;
        Some(Duration::from_nanos(
            latency.at(now, self.settings.half_life),
        ))
    }

    /// How the set fares.
    pub fn health(&self, now: Instant) -> Health {
        Health {
            endpoints: self.members.len(),
            ejected: self.ejected(now),
            failing: self.members.iter().filter(|one| one.failures > 0).count(),
            panic: self.panics(now),
        }
    }

    fn choose_where(&mut self, now: Instant, may: impl Fn(&K) -> bool) -> Option<Chosen<K>> {
        let panic = self.panics(now);
        let open = self.members.iter().filter(|one| may(&one.key));
        let open: Vec<_> = open.filter(|one| panic || !one.is_out(now)).collect();
        let chosen = match self.settings.choice {
            Choice::Ordered => first(&open, now)?,
            Choice::Weighted => by_weight(&open, &mut self.random)?,
            Choice::Fastest => {
                let half_life = self.settings.half_life;
                fastest_of_two(&open, half_life, &mut self.random, now)?
            }
        };
        let why = match (panic, chosen.is_trusted(now)) {
            (true, _) => Why::Panic,
            (false, true) => Why::Trusted,
            (false, false) => Why::Doubted,
        };
        Some(Chosen {
            key: chosen.key.clone(),
            why,
        })
    }

    fn member(&self, key: &K) -> Option<&Member<K>> {
        Some(&self.members[*self.places.get(key)?])
    }

    fn ejected(&self, now: Instant) -> usize {
        self.members.iter().filter(|one| one.is_out(now)).count()
    }

    fn ejected_max(&self) -> usize {
        self.settings.ejected.of_count(self.members.len())
    }

    fn panics(&self, now: Instant) -> bool {
        let (out, all) = (self.ejected(now), self.members.len());
        out > 0 && (out == all || out > self.settings.panic.of_count(all))
    }

    /// Those ahead of `current`, which are all if it is not in the list.
    fn ahead(&self, current: &K) -> &[Member<K>] {
        match self.settings.choice {
            Choice::Ordered => {
                let place = self.places.get(current).copied();
                &self.members[..place.unwrap_or(self.members.len())]
            }
            Choice::Weighted | Choice::Fastest => &[],
        }
    }

    fn exchange(&mut self, list: Vec<Endpoint<K>>, places: &BTreeMap<K, usize>, now: Instant) {
        let mut old = BTreeMap::new();
        let kept = std::mem::take(&mut self.members).into_iter();
        let kept = kept.filter(|one| places.contains_key(&one.key));
        for (rank, member) in kept.enumerate() {
            old.insert(member.key.clone(), (rank, member));
        }
        let failback = self.settings.failback;
        let random = &mut self.random;
        let all_new = old.is_empty();
        let mut rank = 0;
        for endpoint in list {
            let member = match old.remove(&endpoint.key) {
                Some((rank_before, mut member)) => {
                    member.weight = endpoint.weight;
                    if rank < rank_before {
                        member.prefer_later(draw_up_to(random, failback.splay), now);
                    }
                    rank += 1;
                    member
                }
                None if all_new => {
                    let from = now + draw_up_to(random, failback.splay);
                    Member::new(endpoint, Trust::From(from), now)
                }
                None => {
                    let doubted = Trust::Doubted { well_since: None };
                    let mut member = Member::new(endpoint, doubted, now);
                    member.probe_later(&failback, random, now);
                    member
                }
            };
            self.members.push(member);
        }
    }

    fn readmit_over_cap(&mut self, now: Instant) {
        while self.ejected(now) > self.ejected_max() {
            let out = self.members.iter_mut();
            let out = out.filter(|one| one.is_out(now));
            let soonest = out.min_by_key(|one| one.ejection.until(now));
            soonest
                .expect("somebody is out, or the cap would hold")
                .ejection
                .readmit(now);
        }
    }
}
