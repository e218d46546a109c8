//! One direction of a stream as the toxics see it: which bytes may be read by now, where
//! it is cut, which bits flip. It counts bytes and holds none, and knows neither a
//! simulator nor a socket: time is what has passed since some beginning.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_core::Rng;

use crate::seed::below;

/// What goes over a slow link at a time, so that a long write trickles in as on Ethernet
/// and does not arrive at once when its last byte has passed.
const PACKET_BYTES: u64 = 1460;

/// What holds a direction at the moment; by default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Conditions {
    /// Nothing arrives. Whoever reads asks for this; a lane does not.
    pub(super) stalled: bool,
    /// How much longer than usual the way takes at least.
    pub(super) latency: Duration,
    /// How much longer than that at most, drawn for each write.
    pub(super) jitter_ms: u64,
    /// How many bytes go through in a second.
    pub(super) rate: Option<u64>,
    /// How many bytes a read or a write may take. A lane does not ask for this either.
    pub(super) slice: Option<usize>,
    /// In how many bytes one bit is flipped.
    pub(super) one_in: Option<u64>,
}

/// One direction of a stream.
#[derive(Debug)]
pub(super) struct Lane {
    /// What the way takes without our doing, at most.
    usual: Duration,
    sent: u64,
    read: u64,
    /// What has not been released, in order: each holds the bytes behind the one before.
    /// Empty in good times, and never more than there are unread bytes and one end.
    marks: VecDeque<Mark>,
    /// How far bytes were released before the first mark.
    released: u64,
    /// How fast the link is, and when it has carried all that it was given.
    rate: Option<u64>,
    busy_until: Duration,
    course: Course,
    /// Where it will be cut, by whoever wants it cut there.
    cuts: BTreeMap<usize, u64>,
    flip: Option<Flip>,
}

/// A stretch of bytes that may be read from some moment on.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// The position behind its last byte. The end of a lane is one more than that.
    upto: u64,
    /// When the last byte has left the link's queue.
    leaves: Duration,
    /// What it takes from there on.
    travel: Duration,
    /// When it may be read: no sooner than what was sent before.
    at: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// More may come.
    Flows,
    /// The sender has ended it; the carrier beneath brings that end.
    Ends,
    /// It was cut: the end is this lane's to tell.
    Stopped,
}

/// Where the next flipped bit is.
#[derive(Debug, Clone, Copy)]
struct Flip {
    one_in: u64,
    /// How many bits remain before it.
    distance: u64,
}

/// What a reader may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readable {
    /// So many bytes; without a limit also whatever else the carrier has, such as the end.
    UpTo(usize),
    /// Nothing before then.
    From(Duration),
    /// The end, now and for ever.
    End,
}

// === impl Conditions ===

impl Conditions {
    /// How much longer than usual the way takes one write.
    pub(super) fn slowdown(&self, chance: &mut impl Rng) -> Duration {
        let jitter_ms = match self.jitter_ms {
            0 => 0,
            most => below(chance, most.saturating_add(1)),
        };
        self.latency
            .saturating_add(Duration::from_millis(jitter_ms))
    }

    /// The most bytes that one read or write takes.
    pub(super) fn piece(&self) -> usize {
        self.slice.unwrap_or(usize::MAX)
    }

    fn are_slow(&self) -> bool {
        !self.latency.is_zero() || self.jitter_ms > 0 || self.rate.is_some()
    }
}

// === impl Lane ===

impl Lane {
    /// A lane over a carrier that takes up to `usual` by itself, which is part of what
    /// everything takes that is held back.
    pub(super) fn new(usual: Duration) -> Self {
        Self {
            usual,
            sent: 0,
            read: 0,
            marks: VecDeque::new(),
            released: 0,
            rate: None,
            busy_until: Duration::ZERO,
            course: Course::Flows,
            cuts: BTreeMap::new(),
            flip: None,
        }
    }

    /// How many bytes were sent and not read.
    pub(super) fn unread(&self) -> usize {
        usize::try_from(self.sent - self.read).expect("a window fits in memory")
    }

    /// Whether something was sent that may not be read yet, as far as is known: only time
    /// tells. If not, time does not matter to the reader.
    pub(super) fn holds_back(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Whether it was cut, so that nothing sent from now on arrives.
    pub(super) fn is_stopped(&self) -> bool {
        self.course == Course::Stopped
    }

    // --- what the sender does ---

    /// Counts `len` bytes that nothing holds back, or that go nowhere.
    pub(super) fn pass(&mut self, len: usize) {
        self.sent += len as u64;
    }

    /// Counts `len` bytes sent under `conditions`.
    pub(super) fn send(
        &mut self,
        now: Duration,
        len: usize,
        conditions: &Conditions,
        chance: &mut impl Rng,
    ) {
        self.set_rate(now, conditions.rate);
        self.settle(now);
        let travel = self.travel(conditions, chance);
        let mut left = len as u64;
        while left > 0 {
            let packet = match self.rate {
                Some(rate) => {
                    let packet = left.min(PACKET_BYTES);
                    self.busy_until = self.free_at(now).saturating_add(time_for(packet, rate));
                    packet
                }
                None => left,
            };
            self.mark(now, self.sent + packet, travel);
            self.sent += packet;
            left -= packet;
        }
    }

    /// The sender has ended it: the end takes as long as bytes do.
    pub(super) fn end(&mut self, now: Duration, conditions: &Conditions, chance: &mut impl Rng) {
        if self.course == Course::Flows {
            self.course = Course::Ends;
            self.settle(now);
            let travel = self.travel(conditions, chance);
            self.mark(now, self.sent + 1, travel);
        }
    }

    /// Cuts it behind what was sent. The reader is told `after` that time, and not before
    /// it has read what was sent.
    pub(super) fn stop(&mut self, now: Duration, after: Duration) {
        if self.course == Course::Flows {
            self.course = Course::Stopped;
            self.settle(now);
            self.mark(now, self.sent + 1, after);
        }
    }

    // --- what happens to the link ---

    /// Wants it cut `bytes` from here. `key` tells cuts apart.
    pub(super) fn cut_after(&mut self, key: usize, bytes: u64) {
        self.cuts.insert(key, self.sent.saturating_add(bytes));
    }

    /// Does not want it cut any longer.
    pub(super) fn spare(&mut self, key: usize) {
        self.cuts.remove(&key);
    }

    /// How many bytes may be sent before it must be cut, if it must.
    pub(super) fn before_cut(&self) -> Option<u64> {
        let first = self.cuts.values().min()?;
        Some(first.saturating_sub(self.sent))
    }

    /// From now on the link carries `rate` bytes in a second, also of those in its queue.
    pub(super) fn set_rate(&mut self, now: Duration, rate: Option<u64>) {
        let rate = rate.map(|rate| rate.max(1));
        if rate == self.rate {
            return;
        }
        let old = std::mem::replace(&mut self.rate, rate);
        let (mut left_before, mut free_at, mut at) = (now, now, Duration::ZERO);
        for mark in &mut self.marks {
            if mark.leaves > now {
                let takes = mark.leaves.saturating_sub(left_before);
                left_before = mark.leaves;
                free_at = free_at.saturating_add(rescaled(takes, old, rate));
                mark.leaves = free_at;
                mark.at = free_at.saturating_add(mark.travel);
            }
            mark.at = mark.at.max(at);
            at = mark.at;
        }
        self.busy_until = free_at;
    }

    // --- what the reader does ---

    /// What may be read now.
    pub(super) fn readable(&mut self, now: Duration) -> Readable {
        self.settle(now);
        let Some(next) = self.marks.front() else {
            return match (self.course, self.unread()) {
                (Course::Flows | Course::Ends, _) => Readable::UpTo(usize::MAX),
                (Course::Stopped, 0) => Readable::End,
                (Course::Stopped, unread) => Readable::UpTo(unread),
            };
        };
        match self.released.min(self.sent).saturating_sub(self.read) {
            0 => Readable::From(next.at),
            ready => Readable::UpTo(usize::try_from(ready).expect("a window fits in memory")),
        }
    }

    /// Counts `len` bytes as read.
    pub(super) fn take(&mut self, len: usize) {
        self.read = (self.read + len as u64).min(self.sent);
    }

    /// Flips bits of what is read, `None` for none: at random, yet at least one in twice
    /// as many bytes as it is on average.
    pub(super) fn corrupt(&mut self, bytes: &mut [u8], one_in: Option<u64>, chance: &mut impl Rng) {
        let Some(one_in) = one_in else {
            self.flip = None;
            return;
        };
        let mut next = match self.flip {
            Some(flip) if flip.one_in == one_in => flip.distance,
            _ => gap(one_in, chance) - 1,
        };
        let bits = bytes.len() as u64 * 8;
        while next < bits {
            let byte = usize::try_from(next / 8).expect("an index into what is read");
            bytes[byte] ^= 1 << (next % 8);
            next = next.saturating_add(gap(one_in, chance));
        }
        let distance = next - bits;
        self.flip = Some(Flip { one_in, distance });
    }

    // --- marks ---

    fn travel(&self, conditions: &Conditions, chance: &mut impl Rng) -> Duration {
        if conditions.are_slow() {
            self.usual.saturating_add(conditions.slowdown(chance))
        } else {
            Duration::ZERO
        }
    }

    fn free_at(&self, now: Duration) -> Duration {
        self.busy_until.max(now)
    }

    /// Forgets marks whose time has come.
    fn settle(&mut self, now: Duration) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.at <= now) {
            self.released = mark.upto;
            self.marks.pop_front();
        }
    }

    /// Holds what lies between all that was sent and `upto` until it has left the link and
    /// travelled.
    fn mark(&mut self, now: Duration, upto: u64, travel: Duration) {
        let leaves = self.free_at(now);
        let mut at = leaves.saturating_add(travel);
        match self.marks.back_mut() {
            Some(last) => {
                at = at.max(last.at);
                if at == last.at && last.leaves <= now && leaves <= now {
                    last.upto = upto;
                    return;
                }
            }
            None if at <= now => return,
            None => self.released = self.sent,
        }
        self.marks.push_back(Mark {
            upto,
            leaves,
            travel,
            at,
        });
    }
}

/// How long a link is busy with so many bytes.
fn time_for(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
    from_nanos(nanos)
}

/// What takes `time` at the `old` rate takes this at the `new` one.
fn rescaled(time: Duration, old: Option<u64>, new: Option<u64>) -> Duration {
    match (old, new) {
        (Some(old), Some(new)) => {
            from_nanos(time.as_nanos().saturating_mul(u128::from(old)) / u128::from(new))
        }
        (None, _) | (_, None) => Duration::ZERO,
    }
}

fn from_nanos(nanos: u128) -> Duration {
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

/// From one flipped bit to the next, in bits: at least one, and as many as `one_in` bytes
/// have on average. Evenly drawn, in whole numbers, so that all platforms agree.
fn gap(one_in: u64, chance: &mut impl Rng) -> u64 {
    let mean = one_in.max(1).saturating_mul(8);
    1 + below(chance, mean.saturating_mul(2) - 1)
}

#[cfg(test)]
mod tests;
