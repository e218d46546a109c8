//! What is remembered of names: their addresses, for their time to live and some time beyond.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Found;

/// How many names are remembered: a process dials few, and one that dials many forgets the
/// oldest answers.
pub const NAMES_MAX: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Cache {
    names: BTreeMap<String, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    addresses: Vec<IpAddr>,
    said: Instant,
    fresh_until: Instant,
    /// Until then nobody is asked again, since nobody answered just now.
    asked_in_vain_until: Option<Instant>,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Fresh(Vec<IpAddr>),
    /// It is old and may still be served: the servers are to be asked first.
    Old,
    /// It is old, and they were asked just now.
    Stale(Vec<IpAddr>, Duration),
}

// === impl Cache ===

impl Cache {
    pub(super) fn known(&self, name: &str, now: Instant, max_stale: Duration) -> Known {
        let Some(it) = self.names.get(name) else {
            return Known::Nothing;
        };
        if now < it.fresh_until {
            return Known::Fresh(it.addresses.clone());
        }
        if now >= it.fresh_until + max_stale {
            return Known::Nothing;
        }
        match it.asked_in_vain_until {
            Some(until) if now < until => Known::Stale(it.addresses.clone(), now - it.said),
            Some(_) | None => Known::Old,
        }
    }

    /// Remembers what was found; with a time to live of zero only for when nobody answers.
    pub(super) fn learn(&mut self, name: &str, found: &Found<IpAddr>, now: Instant) {
        let new = Remembered {
            addresses: found.records.clone(),
            said: now,
            fresh_until: now + found.ttl,
            asked_in_vain_until: None,
        };
        self.names.insert(name.to_owned(), new);
        if self.names.len() > NAMES_MAX {
            let oldest = self.names.iter().min_by_key(|(_, it)| it.said);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&oldest);
            }
        }
    }

    /// Nobody answered: the old addresses and their age, if they may still be served. Then
    /// nobody is asked again before `quiet` has passed.
    pub(super) fn stale(
        &mut self,
        name: &str,
        now: Instant,
        max_stale: Duration,
        quiet: Duration,
    ) -> Option<(Vec<IpAddr>, Duration)> {
        let it = self.names.get_mut(name)?;
        if now >= it.fresh_until + max_stale {
            self.names.remove(name);
            return None;
        }
        it.asked_in_vain_until = Some(now + quiet);
        Some((it.addresses.clone(), now - it.said))
    }

    /// Nobody has answered since `begun`: then nobody is asked again before `until`.
    pub(super) fn asked_in_vain(&mut self, name: &str, begun: Instant, until: Instant) {
        if let Some(it) = self.names.get_mut(name)
            && it.said < begun
        {
            it.asked_in_vain_until = Some(until);
        }
    }

    /// The servers said that there is nothing.
    pub(super) fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }
}
