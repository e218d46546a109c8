//! A direction of a stream: nothing is reordered, lost or invented but what a toxic takes.

use rand_pcg::Pcg64;

use super::*;
use crate::Streams;

const CALM: Conditions = Conditions {
    stalled: false,
    latency: Duration::ZERO,
    jitter_ms: 0,
    rate: None,
    slice: None,
    one_in: None,
};

const USUAL: Duration = ms(10);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn rate(bytes_per_s: u64) -> Conditions {
    Conditions {
        rate: Some(bytes_per_s),
        ..CALM
    }
}

fn latency(latency: Duration) -> Conditions {
    Conditions { latency, ..CALM }
}

fn chance() -> Pcg64 {
    Streams::new(1).toxics(0)
}

#[test]
fn without_conditions_a_lane_asks_nothing_and_keeps_nothing() {
    let mut lane = Lane::new(USUAL);
    lane.send(ms(5), 100, &CALM, &mut chance());
    assert!(!lane.holds_back());
    assert_eq!(lane.readable(ms(5)), Readable::UpTo(usize::MAX));
    lane.end(ms(6), &CALM, &mut chance());
    assert!(!lane.holds_back());
    assert_eq!(lane.unread(), 100);
    lane.take(100);
    assert_eq!(lane.unread(), 0);
}

#[test]
fn what_was_sent_before_a_condition_is_free_and_what_comes_after_it_waits() {
    let mut lane = Lane::new(USUAL);
    lane.pass(10);
    lane.send(ms(0), 5, &latency(ms(100)), &mut chance());
    lane.send(ms(50), 5, &CALM, &mut chance());
    assert_eq!(lane.readable(ms(50)), Readable::UpTo(10));
    lane.take(10);
    assert_eq!(lane.readable(ms(109)), Readable::From(ms(110)));
    // One mark: what overtakes nobody comes along.
    assert_eq!(lane.marks.len(), 1);
    assert_eq!(lane.readable(ms(110)), Readable::UpTo(usize::MAX));
}

#[test]
fn a_link_carries_packets_one_after_the_other() {
    let mut lane = Lane::new(Duration::ZERO);
    let kilobyte_per_ms = rate(1_000_000);
    lane.send(ms(0), 10_000, &kilobyte_per_ms, &mut chance());
    assert_eq!(
        lane.readable(ms(0)),
        Readable::From(Duration::from_micros(1_460))
    );
    assert_eq!(lane.readable(ms(5)), Readable::UpTo(3 * 1_460));
    assert_eq!(lane.readable(ms(9)), Readable::UpTo(6 * 1_460));
    assert_eq!(lane.readable(ms(10)), Readable::UpTo(usize::MAX));
}

#[test]
fn a_change_of_rate_concerns_what_is_in_the_queue() {
    for (new, done_ms) in [(Some(2_000), 1_250), (Some(500), 3_500), (None, 500)] {
        let mut lane = Lane::new(Duration::ZERO);
        lane.send(ms(0), 2_000, &rate(1_000), &mut chance());
        // Half of the first second is over: a thousand and five hundred bytes are left.
        lane.set_rate(ms(500), new);
        if new.is_some() {
            lane.settle(ms(done_ms - 1));
            assert!(lane.holds_back(), "{new:?} takes until {done_ms} ms");
        }
        lane.settle(ms(done_ms));
        assert!(!lane.holds_back(), "{new:?} takes until {done_ms} ms");
    }
}

#[test]
fn an_end_is_as_late_as_bytes_and_a_cut_is_the_lanes_to_tell() {
    let mut ended = Lane::new(USUAL);
    ended.end(ms(0), &latency(ms(90)), &mut chance());
    assert_eq!(ended.readable(ms(99)), Readable::From(ms(100)));
    assert_eq!(ended.readable(ms(100)), Readable::UpTo(usize::MAX));

    let mut cut = Lane::new(USUAL);
    cut.send(ms(0), 7, &latency(ms(90)), &mut chance());
    cut.stop(ms(10), ms(20));
    assert!(cut.is_stopped());
    assert_eq!(cut.readable(ms(99)), Readable::From(ms(100)));
    assert_eq!(cut.readable(ms(100)), Readable::UpTo(7));
    cut.take(7);
    assert_eq!(cut.readable(ms(100)), Readable::End);
    cut.end(ms(200), &CALM, &mut chance());
    assert_eq!(cut.readable(ms(200)), Readable::End);
}

#[test]
fn the_nearest_cut_counts_and_may_be_taken_back() {
    let mut lane = Lane::new(USUAL);
    assert_eq!(lane.before_cut(), None);
    lane.pass(100);
    lane.cut_after(3, 10);
    lane.cut_after(4, 5);
    lane.pass(4);
    assert_eq!(lane.before_cut(), Some(1));
    lane.spare(4);
    assert_eq!(lane.before_cut(), Some(6));
    lane.spare(3);
    assert_eq!(lane.before_cut(), None);
}

#[test]
fn some_bit_flips_in_twice_the_bytes_and_reads_of_any_length_flip_the_same() {
    let corrupted = |piece: usize, one_in| {
        let mut lane = Lane::new(USUAL);
        let mut all = vec![0; 10_000];
        let mut chance = chance();
        for bytes in all.chunks_mut(piece) {
            lane.corrupt(bytes, Some(one_in), &mut chance);
        }
        all
    };
    for one_in in [1, 2, 100, 3_000] {
        let all = corrupted(10_000, one_in);
        assert_eq!(all, corrupted(1, one_in));
        assert_eq!(all, corrupted(33, one_in));
        let twice = usize::try_from(2 * one_in).unwrap();
        let whole = all.chunks_exact(twice);
        assert!({ whole }.all(|chunk| chunk.iter().any(|byte| *byte != 0)));
        let bits: u32 = all.iter().map(|byte| byte.count_ones()).sum();
        let mean = 10_000 / u32::try_from(one_in).unwrap();
        assert!((mean / 2..=mean * 2).contains(&bits), "{bits} not {mean}");
    }
    let mut rare = vec![0; 1_000];
    Lane::new(USUAL).corrupt(&mut rare, Some(u64::MAX), &mut chance());
    assert_eq!(rare, vec![0; 1_000]);
}

#[test]
fn numbers_of_any_size_are_borne() {
    let mut lane = Lane::new(USUAL);
    let extreme = Conditions {
        latency: Duration::MAX,
        jitter_ms: u64::MAX,
        rate: Some(1),
        ..CALM
    };
    lane.send(ms(0), 1, &extreme, &mut chance());
    lane.cut_after(0, u64::MAX);
    lane.set_rate(ms(1), Some(u64::MAX));
    lane.set_rate(ms(2), Some(0));
    lane.set_rate(ms(3), None);
    lane.end(ms(4), &extreme, &mut chance());
    assert_eq!(lane.readable(ms(5)), Readable::From(Duration::MAX));
}

/// A lane over a carrier that delivers at once, and both ends of it.
struct Game {
    lane: Lane,
    dice: Pcg64,
    chance: Pcg64,
    now: Duration,
    conditions: Conditions,
    /// When each byte was sent that has not been read, and what held it then.
    carrier: VecDeque<(u64, Duration, Conditions)>,
    sent: u64,
    read: u64,
    cut: bool,
}

impl Game {
    fn new(index: u64) -> Self {
        Self {
            lane: Lane::new(USUAL),
            dice: Streams::new(7).toxics(2 * index),
            chance: Streams::new(7).toxics(2 * index + 1),
            now: Duration::ZERO,
            conditions: CALM,
            carrier: VecDeque::new(),
            sent: 0,
            read: 0,
            cut: false,
        }
    }

    fn roll(&mut self, bound: u64) -> u64 {
        below(&mut self.dice, bound)
    }

    fn play(&mut self) {
        let pause = ms(self.roll(30));
        self.now += pause;
        match self.roll(8) {
            0 => self.change_conditions(),
            1..=4 => self.write(),
            _ => self.read(),
        }
        let unread = u64::try_from(self.lane.unread()).unwrap();
        assert_eq!(unread, self.sent - self.read, "no byte is lost or invented");
        assert!(self.lane.marks.len() <= self.lane.unread() + 1);
        assert!(self.lane.marks.iter().is_sorted_by_key(|mark| mark.at));
    }

    fn change_conditions(&mut self) {
        self.conditions = CALM;
        if self.roll(2) == 0 {
            self.conditions.latency = ms(self.roll(200));
            self.conditions.jitter_ms = self.roll(100);
        }
        if self.roll(2) == 0 {
            self.conditions.rate = Some(1 + self.roll(100_000));
        }
        self.lane.set_rate(self.now, self.conditions.rate);
        if self.sent > 50_000 && self.roll(10) == 0 {
            self.cut = true;
            let after = ms(self.roll(50));
            self.lane.stop(self.now, after);
        }
    }

    fn write(&mut self) {
        if self.cut {
            return;
        }
        let len = 1 + self.roll(4_000);
        let conditions = self.conditions;
        let count = usize::try_from(len).unwrap();
        self.lane
            .send(self.now, count, &conditions, &mut self.chance);
        for n in 0..len {
            self.carrier
                .push_back((self.sent + n, self.now, conditions));
        }
        self.sent += len;
    }

    fn read(&mut self) {
        match self.lane.readable(self.now) {
            Readable::UpTo(limit) => {
                let bound = u64::try_from(limit.min(5_000)).unwrap();
                let wanted = 1 + self.roll(bound);
                let wanted = usize::try_from(wanted).unwrap().min(self.carrier.len());
                for (position, at, conditions) in self.carrier.drain(..wanted) {
                    assert_eq!(position, self.read, "in order");
                    let least = at + conditions.latency;
                    assert!(self.now >= least, "{position} came before its time");
                    self.read += 1;
                }
                self.lane.take(wanted);
            }
            Readable::From(at) => {
                assert!(at > self.now);
                self.now = at;
                let ready = !matches!(self.lane.readable(self.now), Readable::From(_));
                assert!(ready, "it can be read when it was said");
            }
            Readable::End => {
                assert!(
                    self.cut && self.carrier.is_empty(),
                    "nothing is left behind"
                );
            }
        }
    }

    /// Whatever is left can be read in time, to the last byte.
    fn finish(&mut self) {
        self.conditions = CALM;
        self.lane.set_rate(self.now, None);
        self.now += ms(400);
        while self.read < self.sent {
            self.read();
        }
        let end = if self.cut {
            Readable::End
        } else {
            Readable::UpTo(usize::MAX)
        };
        assert_eq!(self.lane.readable(self.now), end);
    }
}

#[test]
fn whatever_happens_no_byte_is_lost_invented_early_or_out_of_order() {
    for index in 0..60 {
        let mut game = Game::new(index);
        for _ in 0..300 {
            game.play();
        }
        game.finish();
    }
}
