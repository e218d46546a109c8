//! Who is out, for how long, and how many at most.

use proptest::prelude::*;

use super::*;

/// For how long `key` is out.
fn out(set: &Set<char>, key: char, now: Instant) -> Option<Duration> {
    set.ejected_until(&key, now).map(|until| until - now)
}

#[test]
fn penalties_grow_to_their_cap_and_are_forgiven_one_by_one() {
    let start = origin();
    let mut set = set(exact(Choice::Weighted), "ab", start);
    let mut now = start;
    for penalty in [10, 20, 30, 30, 30] {
        fail(&mut set, 'a', 2, now);
        assert_eq!(out(&set, 'a', now), None, "two failures are not three");
        fail(&mut set, 'a', 1, now);
        assert_eq!(out(&set, 'a', now), Some(S(penalty)));
        now += S(penalty);
        assert_eq!(out(&set, 'a', now), None);
    }
    // Three, not five: past the cap there is nothing to forgive.
    for (second, left) in [(0, 3), (59, 3), (60, 2), (119, 2), (120, 1), (180, 0)] {
        assert_eq!(set.ejections(&'a', now + S(second)), left, "{second} s");
    }
    // A failure begins the minute anew.
    fail(&mut set, 'a', 1, now + S(50));
    assert_eq!(set.ejections(&'a', now + S(109)), 3);
    assert_eq!(set.ejections(&'a', now + S(110)), 2);
}

#[test]
fn a_success_in_between_begins_the_count_of_failures_anew() {
    let now = origin();
    let mut set = set(exact(Choice::Weighted), "ab", now);
    fail(&mut set, 'a', 2, now);
    set.succeeded(&'a', MS(1), now);
    fail(&mut set, 'a', 2, now);
    assert_eq!(out(&set, 'a', now), None);
    fail(&mut set, 'a', 1, now);
    assert!(out(&set, 'a', now).is_some());
    set.succeeded(&'a', MS(1), now + S(1));
    assert_eq!(out(&set, 'a', now + S(1)), None, "knowledge ends suspicion");
    assert_eq!(set.ejections(&'a', now + S(1)), 1, "and forgives nothing");
}

#[test]
fn who_is_out_is_not_chosen_until_all_must_be() {
    for choice in [Choice::Ordered, Choice::Weighted, Choice::Fastest] {
        let now = origin();
        let settings = exact(choice)
            .ejected_max(Share::ALL)
            .panic_over(Share::per_mille(999).unwrap())
            .unwrap();
        let mut set = set(settings, "abc", now);
        fail(&mut set, 'a', 3, now);
        fail(&mut set, 'b', 3, now);
        for _ in 0..100 {
            assert_eq!(chosen(&mut set, now), ('c', Why::Trusted));
        }
        fail(&mut set, 'c', 3, now);
        let health = set.health(now);
        assert_eq!((health.ejected, health.failing), (3, 3));
        assert!(health.panic);
        assert_eq!(chosen(&mut set, now).1, Why::Panic);
        // The penalties end together; so does the panic.
        assert!(!set.health(now + S(10)).panic);
        assert_eq!(chosen(&mut set, now + S(10)).1, Why::Doubted);
    }
}

#[test]
fn more_than_the_panic_share_out_opens_the_set_to_all() {
    let now = origin();
    let settings = exact(Choice::Weighted).ejected_max(Share::ALL);
    let mut set = set(settings, "abcd", now);
    fail(&mut set, 'a', 3, now);
    fail(&mut set, 'b', 3, now);
    assert!(!set.health(now).panic, "half is not more than half");
    fail(&mut set, 'c', 3, now);
    assert!(set.health(now).panic);
    let seen: std::collections::BTreeSet<_> = (0..200).map(|_| chosen(&mut set, now).0).collect();
    assert_eq!(seen.len(), 4);
}

#[test]
fn the_cap_holds_and_room_is_used_when_there_is_some() {
    let now = origin();
    let mut set = set(exact(Choice::Weighted), "abc", now);
    fail(&mut set, 'a', 3, now);
    fail(&mut set, 'b', 30, now);
    assert_eq!(set.health(now).ejected, 1, "half of three is one");
    let later = now + S(10);
    fail(&mut set, 'b', 1, later);
    assert_eq!(out(&set, 'b', later), Some(S(10)));
}

#[test]
fn a_new_list_keeps_the_memory_of_those_that_stay() {
    let now = origin();
    let mut set = set(exact(Choice::Weighted), "abcd", now);
    set.succeeded(&'b', MS(700), now);
    fail(&mut set, 'a', 3, now);
    fail(&mut set, 'b', 3, now + S(1));
    set.replace(list("xaby"), now + S(2)).unwrap();
    assert_eq!(set.latency(&'x', now + S(2)), Some(LATENCY_GUESS));
    assert_eq!(out(&set, 'a', now + S(2)), Some(S(8)));
    assert_eq!(out(&set, 'b', now + S(2)), Some(S(9)));
    // Half of two is one: the one with less time left comes back.
    set.replace(list("ab"), now + S(2)).unwrap();
    assert_eq!(out(&set, 'a', now + S(2)), None);
    assert_eq!(out(&set, 'b', now + S(2)), Some(S(9)));
    assert_eq!(set.ejections(&'a', now + S(2)), 1);
    // Gone and come again is new.
    set.replace(list("a"), now + S(2)).unwrap();
    set.replace(list("ab"), now + S(2)).unwrap();
    assert_eq!(out(&set, 'b', now + S(2)), None);
    assert_eq!(set.ejections(&'b', now + S(2)), 0);
}

#[test]
fn two_sets_do_not_readmit_together() {
    let now = origin();
    let maker = Maker::new(Settings::new(Choice::Weighted), 3);
    let penalties: std::collections::BTreeSet<_> = (0..50)
        .map(|_| {
            let mut set = maker.set(list("ab"), now).unwrap();
            fail(&mut set, 'a', 3, now);
            let penalty = out(&set, 'a', now).unwrap();
            assert!(penalty <= S(5) && penalty >= MS(3_750), "{penalty:?}");
            penalty
        })
        .collect();
    assert_eq!(penalties.len(), 50);
}

fn choices() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Ordered),
        Just(Choice::Weighted),
        Just(Choice::Fastest)
    ]
}

proptest! {
    // contract: again-6
    #[test]
    fn never_more_than_the_share_is_out_and_somebody_is_always_chosen(
        choice in choices(),
        share in 0..=1000_u16,
        panic in 1..=1000_u16,
        first in 1..20_u32,
        steps in prop::collection::vec((0..24_u32, 0..10_u8, 0..8_000_u64), 1..400),
        seed: u64,
    ) {
        let share = Share::per_mille(share).unwrap();
        let penalty = Penalty::new(S(5), S(12), S(30), Share::QUARTER).unwrap();
        let settings = Settings::new(choice)
            .eject_after(2).unwrap()
            .ejected_max(share)
            .panic_over(Share::per_mille(panic).unwrap()).unwrap()
            .penalty(penalty);
        let mut now = origin();
        let maker = Maker::new(settings, seed);
        let mut set = maker.set((0..first).map(Endpoint::new), now).unwrap();
        for (key, what, after) in steps {
            now += MS(after);
            match what {
                0 => set.replace((key / 2..=key).map(Endpoint::new), now).unwrap(),
                1 | 2 => set.succeeded(&key, MS(after), now),
                _ => set.failed(&key, now),
            }
            let health = set.health(now);
            let most = health.endpoints * usize::from(share.thousandths()) / 1000;
            prop_assert!(health.ejected <= most, "{health:?}");
            for key in set.keys() {
                if let Some(until) = set.ejected_until(key, now) {
                    prop_assert!(until <= now + S(12));
                }
            }
            let chosen = set.choose(now).expect("the set is not empty");
            let out = set.ejected_until(&chosen.key, now).is_some();
            prop_assert!(!out || chosen.why == Why::Panic);
            prop_assert_eq!(health.panic, chosen.why == Why::Panic);
        }
        // Left alone, all is forgiven: three ejections reach the cap.
        let later = now + S(12 + 3 * 30);
        for key in set.keys() {
            prop_assert_eq!(set.ejections(key, later), 0);
            prop_assert_eq!(set.ejected_until(key, later), None);
        }
    }
}
