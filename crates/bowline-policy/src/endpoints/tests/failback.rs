//! When those that failed, or moved up, are preferred again.

use super::*;

/// A minute of proof, half a minute of splay, a probe about every ten seconds.
fn failed_over(maker: &Maker, now: Instant) -> Set<char> {
    let mut set = maker.set(list("abc"), now).unwrap();
    set.failed(&'a', now);
    assert_eq!(chosen(&mut set, now).0, 'b');
    set
}

fn ordered(seed: u64) -> Maker {
    Maker::new(Settings::new(Choice::Ordered), seed)
}

/// When `set` would leave `b` for `a`, asked ten times a second.
fn returns(set: &Set<char>, from: Instant) -> Duration {
    let mut after = Duration::ZERO;
    while set.prefer(&'b', from + after).is_none() {
        after += MS(100);
        assert!(after < S(1_000), "never");
    }
    after
}

// contract: again-6
#[test]
fn time_alone_proves_nothing() {
    let now = origin();
    let mut set = failed_over(&ordered(7), now);
    for second in 0..10_000 {
        assert_eq!(set.prefer(&'b', now + S(second)), None);
        assert_eq!(chosen(&mut set, now + S(second)).0, 'b');
    }
    set.succeeded(&'a', MS(5), now + S(10_000));
    assert_eq!(
        set.prefer(&'b', now + S(20_000)),
        None,
        "nor does one success"
    );
}

// contract: again-6
#[test]
fn it_returns_after_proof_over_a_while_and_a_splay() {
    let now = origin();
    let mut set = failed_over(&ordered(7), now);
    set.succeeded(&'a', MS(5), now + S(10));
    set.succeeded(&'a', MS(5), now + S(69));
    assert_eq!(
        set.prefer(&'b', now + S(10_000)),
        None,
        "59 s are no minute"
    );
    // One failure, and the minute begins anew.
    set.failed(&'a', now + S(69));
    set.succeeded(&'a', MS(5), now + S(75));
    set.succeeded(&'a', MS(5), now + S(134));
    assert_eq!(set.prefer(&'b', now + S(10_000)), None);
    set.succeeded(&'a', MS(5), now + S(135));
    let after = returns(&set, now + S(135));
    assert!(after > Duration::ZERO && after <= S(30), "{after:?}");
    assert_eq!(set.prefer(&'b', now + S(135) + after), Some('a'));
    assert_eq!(
        set.prefer(&'a', now + S(10_000)),
        None,
        "nothing is ahead of it"
    );
    assert_eq!(chosen(&mut set, now + S(135) + after), ('a', Why::Trusted));
}

// contract: again-6
#[test]
fn a_fleet_does_not_return_in_one_moment() {
    let now = origin();
    let maker = ordered(7);
    let mut seconds = [0_u32; 30];
    for _ in 0..3_000 {
        let mut set = failed_over(&maker, now);
        // All learn of its health in the same moments.
        for second in [10, 40, 70] {
            set.succeeded(&'a', MS(5), now + S(second));
        }
        let after = returns(&set, now + S(70));
        seconds[usize::try_from(after.as_secs()).unwrap().min(29)] += 1;
    }
    for count in seconds {
        assert!((60..=140).contains(&count), "{seconds:?}");
    }
}

#[test]
fn probes_give_the_proof_and_are_named_at_their_time_only() {
    let now = origin();
    let mut set = failed_over(&ordered(7), now);
    assert_eq!(
        set.probe(&'a', now + S(100)),
        None,
        "it is not ahead of itself"
    );
    let mut at = now;
    let mut probes = Vec::new();
    while set.prefer(&'b', at).is_none() {
        at = set.due_at(&'b', at).expect("a is ahead");
        assert!(at < now + S(200), "never");
        if let Some(key) = set.probe(&'b', at) {
            assert_eq!(key, 'a');
            assert_eq!(set.probe(&'b', at), None, "once");
            set.succeeded(&key, MS(5), at);
            probes.push(at);
        }
    }
    for pair in probes.windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart >= MS(7_500) && apart <= MS(12_500), "{apart:?}");
    }
    assert!((6..=10).contains(&probes.len()), "{}", probes.len());
}

#[test]
fn no_probe_goes_to_one_that_is_out() {
    let now = origin();
    let mut set = set(exact(Choice::Ordered), "ab", now);
    fail(&mut set, 'a', 3, now);
    let due = set.due_at(&'b', now).unwrap();
    assert!(due >= now + S(10));
    assert_eq!(set.probe(&'b', now + MS(9_999)), None);
    assert_eq!(set.probe(&'b', now + S(13)), Some('a'));
}

#[test]
fn a_newcomer_at_the_head_of_the_list_must_prove_itself_first() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Ordered), "bc", now);
    set.replace(list("abc"), now).unwrap();
    assert_eq!(set.prefer(&'b', now + S(10_000)), None);
    assert_eq!(chosen(&mut set, now).0, 'b');
    // Everybody heard of it just now, so nobody calls it just now.
    let due = set.due_at(&'b', now).unwrap();
    assert!(due >= now + MS(7_500) && due <= now + MS(12_500));
    assert_eq!(set.probe(&'b', due), Some('a'));
    set.succeeded(&'a', MS(5), now);
    set.succeeded(&'a', MS(5), now + S(60));
    assert!(returns(&set, now + S(60)) <= S(30));
}

#[test]
fn a_new_order_or_a_wholly_new_list_takes_effect_after_a_splay() {
    let now = origin();
    let maker = ordered(7);
    let moves: std::collections::BTreeSet<_> = (0..20)
        .map(|_| {
            let mut set = maker.set(list("bac"), now).unwrap();
            set.replace(list("abc"), now).unwrap();
            let after = returns(&set, now);
            assert!(after <= S(30));
            after
        })
        .collect();
    assert!(moves.len() > 15, "{moves:?}");

    let mut set = maker.set(list("xyz"), now).unwrap();
    set.replace(list("abc"), now).unwrap();
    assert_eq!(chosen(&mut set, now), ('a', Why::Doubted));
    assert_eq!(set.prefer(&'x', now), None);
    assert!(set.prefer(&'x', now + S(30)).is_some());
}

#[test]
fn what_was_removed_ahead_of_others_moves_nobody() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Ordered), "abc", now);
    set.replace(list("bc"), now).unwrap();
    assert_eq!(chosen(&mut set, now), ('b', Why::Trusted));
}

#[test]
fn chance_has_no_preferences() {
    let now = origin();
    let mut set = set(exact(Choice::Weighted), "ab", now);
    set.failed(&'a', now);
    assert_eq!(set.prefer(&'b', now + S(1_000)), None);
    assert_eq!(set.probe(&'b', now + S(1_000)), None);
    assert_eq!(set.due_at(&'b', now), None);
}
