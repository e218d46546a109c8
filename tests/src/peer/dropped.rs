//! A peer that accepts and hangs up, before it has said a word or after its first answer: the kind
//! of success that must not count as one.

use std::time::Duration;

use bowline_reconnect::{Kind, Sent};

use super::load::{Load, compare};
use super::log::What;
use super::process::Peer;
use super::serving::Manner;
use super::{BASE, CAP, Rig, patient, rig, run};

/// How many attempts are watched: the waits before the last three of them are at the cap.
const ATTEMPTS: u32 = 8;

/// Fails unless the waits grew from the base to the cap, in step with the attempts, and the
/// peer saw every one of them.
#[track_caller]
fn backed_off(rig: &Rig, peer: &Peer) {
    let waits = rig.seen.waits();
    for (nth, &(attempt, wait)) in (1..).zip(&waits) {
        let most = (BASE * 2_u32.pow(nth.min(10) - 1)).min(CAP);
        assert_eq!(attempt, waits[0].0 + nth - 1, "it started over: {waits:?}");
        assert!(BASE / 4 <= wait && wait <= most, "wait {nth}: {waits:?}");
    }
    let longest = waits.iter().map(|(_, wait)| *wait).max();
    assert!(longest > Some(2 * BASE), "it did not grow: {waits:?}");

    let accepted: Vec<_> = peer
        .log()
        .into_iter()
        .filter_map(|entry| matches!(entry.what, What::Accepted(_)).then_some(entry.at))
        .collect();
    let gaps = accepted.windows(2).map(|pair| pair[1] - pair[0]);
    // The peer hangs up after it accepted, and only then the wait begins.
    for (gap, (attempt, wait)) in gaps.zip(&waits) {
        assert!(
            gap >= *wait,
            "attempt {attempt} came after {gap:?}: {waits:?}"
        );
    }
    assert!(
        accepted.len() <= rig.seen.attempts(),
        "more than were begun"
    );
    assert_eq!(rig.tally.most(), 1, "two connections at once");
}

// contract: backoff-4, again-3, again-4
#[test]
fn a_peer_that_accepts_and_hangs_up_is_called_ever_less_and_callers_are_told_why() {
    run(async {
        let mut peer = Peer::start_as(Manner::Drop).await;
        let limit = Duration::from_millis(100);
        let rig = rig(&[&peer], patient(), |link| link.failfast_after(limit));
        rig.waiting(ATTEMPTS).await;
        let told = rig.call("do 1").await.unwrap_err();
        assert_eq!(
            (told.kind, told.sent, told.epoch),
            (Kind::Unavailable, Sent::No, None)
        );
        let why = told.source.expect("the cause is told").to_string();
        assert!(rig.seen.failures().contains(&why), "{why}");
        backed_off(&rig, &peer);

        peer.order(Manner::Serve);
        rig.up_after(0).await;
        assert_eq!(rig.call("do 2").await.unwrap(), "done 2");
    });
}

// contract: backoff-4, again-2, again-4
#[test]
fn a_peer_that_answers_once_and_hangs_up_is_not_taken_for_a_healthy_one() {
    run(async {
        let mut peer = Peer::start_as(Manner::Flap).await;
        let limit = Duration::from_millis(100);
        let rig = rig(&[&peer], patient(), |link| link.failfast_after(limit));
        rig.up_after(0).await;
        let load = Load::start(&rig.link, 4);
        rig.waiting(ATTEMPTS).await;
        assert!(rig.seen.losses() > 3, "it was never up");
        backed_off(&rig, &peer);

        peer.order(Manner::Serve);
        load.answered(20).await;
        compare(&load.stop().await, &peer.log());
    });
}
