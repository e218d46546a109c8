//! What is remembered of names: their addresses, each kind for its time to live and some time
//! beyond. It asks nobody.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Found;

/// How many names are remembered: a process dials few, and one that dials many forgets the
/// oldest answers.
pub const NAMES_MAX: usize = 1024;

/// How long old addresses of one kind count as good again beside new ones of the other: what
/// RFC 8767, section 4, recommends.
pub const STALE_TTL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Cache {
    names: BTreeMap<String, Remembered>,
}

#[derive(Debug)]
struct Remembered {
    kinds: Kinds,
    /// When a server last said something of it.
    said: Instant,
    fresh_until: Instant,
    /// Until then nobody is asked again, since nobody answered just now.
    asked_in_vain_until: Option<Instant>,
}

/// The kinds apart, IPv6 first.
type Kinds = [Option<Kept>; 2];

#[derive(Debug, Clone)]
struct Kept {
    addresses: Vec<IpAddr>,
    said: Instant,
    good_until: Instant,
}

/// What the servers said of one kind.
#[derive(Debug)]
pub(super) enum Said {
    Addresses(Vec<IpAddr>, Duration),
    /// That there are none.
    Nothing,
    /// Nothing of the name: what is remembered of the kind is still the best there is.
    NotAWord,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    Fresh(Vec<IpAddr>),
    /// It is old and may still be served: the servers are to be asked first.
    Old,
    /// It is old, and they were asked just now.
    Stale(Old),
}

/// Old addresses, and how long ago the oldest of them was said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Old {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) age: Duration,
}

// === impl Cache ===

impl Cache {
    pub(super) fn known(&self, name: &str, now: Instant, max_stale: Duration) -> Known {
        let Some(it) = self.names.get(name) else {
            return Known::Nothing;
        };
        let Some(old) = it.believable(now, max_stale) else {
            return Known::Nothing;
        };
        if now < it.fresh_until {
            return Known::Fresh(old.addresses);
        }
        match it.asked_in_vain_until {
            Some(until) if now < until => Known::Stale(old),
            Some(_) | None => Known::Old,
        }
    }

    /// Remembers what was said of both kinds, IPv6 first; with a time to live of zero only for
    /// when nobody answers. Where addresses of either kind were said, it is the answer: with
    /// what is remembered of a kind of which not a word was said, and that apart if it is old.
    pub(super) fn learn(
        &mut self,
        name: &str,
        both: [Said; 2],
        now: Instant,
        max_stale: Duration,
    ) -> Option<(Found<IpAddr>, Option<Old>)> {
        let before = self.names.remove(name);
        let is_answer = both.iter().any(|it| matches!(it, Said::Addresses(..)));
        let mut kinds: Kinds = [None, None];
        let (mut ttl, mut old) = (Duration::MAX, None);
        for (nth, said) in both.into_iter().enumerate() {
            let kept = before.as_ref().and_then(|it| it.kinds[nth].clone());
            kinds[nth] = match said {
                Said::Nothing => None,
                Said::Addresses(addresses, good) => {
                    ttl = ttl.min(good);
                    let good_until = now + good;
                    Some(Kept {
                        addresses,
                        said: now,
                        good_until,
                    })
                }
                Said::NotAWord => {
                    let kept = kept.filter(|it| now < it.good_until + max_stale);
                    if let Some(kept) = &kept {
                        ttl = ttl.min(kept.good_for(now, max_stale));
                        old = (now >= kept.good_until).then(|| kept.aged(now));
                    }
                    kept
                }
            };
        }
        if !is_answer {
            if let Some(before) = before.filter(|_| kinds.iter().any(Option::is_some)) {
                self.names
                    .insert(name.to_owned(), Remembered { kinds, ..before });
            }
            return None;
        }
        let all = kinds.iter().flatten();
        let records = all.flat_map(|it| it.addresses.clone()).collect();
        let new = Remembered {
            kinds,
            said: now,
            fresh_until: now + ttl,
            asked_in_vain_until: None,
        };
        self.names.insert(name.to_owned(), new);
        self.forget_the_oldest();
        Some((Found { records, ttl }, old))
    }

    fn forget_the_oldest(&mut self) {
        if self.names.len() > NAMES_MAX {
            let oldest = self.names.iter().min_by_key(|(_, it)| it.said);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&oldest);
            }
        }
    }

    /// Nobody answered: the old addresses, if they may still be served. Then nobody is asked
    /// again before `quiet` has passed.
    pub(super) fn stale(
        &mut self,
        name: &str,
        now: Instant,
        max_stale: Duration,
        quiet: Duration,
    ) -> Option<Old> {
        let it = self.names.get_mut(name)?;
        let old = it.believable(now, max_stale);
        if old.is_none() {
            self.names.remove(name);
        } else {
            it.asked_in_vain_until = Some(now + quiet);
        }
        old
    }

    /// Nobody has answered since `begun`: then nobody is asked again before `until`.
    pub(super) fn asked_in_vain(&mut self, name: &str, begun: Instant, until: Instant) {
        if let Some(it) = self.names.get_mut(name)
            && it.said < begun
        {
            it.asked_in_vain_until = Some(until);
        }
    }
}

// === impl Remembered ===

impl Remembered {
    /// The addresses of the kinds that are not too old, if there are any.
    fn believable(&self, now: Instant, max_stale: Duration) -> Option<Old> {
        let kinds = self.kinds.iter().flatten();
        let kinds = kinds.filter(|it| now < it.good_until + max_stale);
        let each = kinds.map(|it| it.aged(now));
        each.reduce(|mut all, it| {
            all.addresses.extend(it.addresses);
            all.age = all.age.max(it.age);
            all
        })
    }
}

// === impl Kept ===

impl Kept {
    /// For how long it need not be asked for, now that nobody has answered.
    fn good_for(&self, now: Instant, max_stale: Duration) -> Duration {
        if now < self.good_until {
            return self.good_until - now;
        }
        STALE_TTL.min(self.good_until + max_stale - now)
    }

    fn aged(&self, now: Instant) -> Old {
        Old {
            addresses: self.addresses.clone(),
            age: now - self.said,
        }
    }
}
