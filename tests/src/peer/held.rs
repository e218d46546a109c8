//! A peer that is slow to accept, or does not: its kernel shakes hands for it, and callers wait
//! in its backlog.

use std::time::Duration;

use bowline_reconnect::{ConnectTimeout, Kind, Sent, Step};
use tower::ServiceExt;

use super::load::{Load, compare};
use super::log::What;
use super::process::Peer;
use super::serving::Manner;
use super::{patient, rig, run};

/// How long an attempt may take: less than a machine under load needs is no fault here, as there
/// are more attempts.
const LIMIT: Duration = Duration::from_millis(250);

// contract: link-2, again-3, again-4
#[test]
fn in_the_backlog_of_a_peer_that_accepts_nobody_each_attempt_leaves_one_that_has_gone() {
    run(async {
        let mut peer = Peer::start_as(Manner::Hold).await;
        let rig = rig(&[&peer], patient(), |link| {
            link.connect_timeout(LIMIT).failfast_after(LIMIT)
        });
        // What a call is told while the first attempt is under way has no cause yet.
        rig.waiting(2).await;
        let load = Load::start(&rig.link, 8);
        let error = rig.waiting(5).await;
        let timeout = error.downcast_ref::<ConnectTimeout>();
        let timeout = timeout.unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((timeout.limit, timeout.step), (LIMIT, Step::Session));
        assert_eq!((peer.accepts(), rig.tally.most()), (0, 1));

        peer.order(Manner::Serve);
        load.answered(50).await;
        let calls = load.stop().await;
        // All who waited in the backlog have been looked at by now.
        let accepts = peer.accepts();
        let attempts = rig.seen.attempts();
        assert!(accepts <= attempts, "{accepts} of {attempts}");
        let log = peer.log();
        compare(&calls, &log);
        // Of those that had gone, none said more than hello.
        let spoke = |line: &str| {
            let mut who: Vec<_> = log
                .iter()
                .filter_map(|entry| match &entry.what {
                    What::Heard(number, heard) if heard.starts_with(line) => Some(*number),
                    _ => None,
                })
                .collect();
            who.dedup();
            who
        };
        assert!(spoke("hello").len() <= attempts);
        assert_eq!(
            spoke("do").len(),
            rig.seen.losses() + 1,
            "{:?}",
            spoke("do")
        );
        assert_eq!(rig.tally.most(), 1, "two connections at once");
        let gave_up = calls.iter().filter_map(|call| call.told.as_ref().err());
        let gave_up: Vec<_> = gave_up.collect();
        assert!(!gave_up.is_empty(), "nobody had to wait");
        for error in gave_up {
            assert_eq!(
                (error.kind, error.sent),
                (Kind::Unavailable, Sent::No),
                "{error:?}"
            );
        }
    });
}

// contract: again-3
#[test]
fn a_peer_that_is_slow_to_accept_is_waited_for_and_not_called_twice() {
    run(async {
        let peer = Peer::start_as(Manner::Slow).await;
        let rig = rig(&[&peer], patient(), |link| link.failfast_after(None));
        let mut calls = tokio::task::JoinSet::new();
        for id in 0..20 {
            calls.spawn(rig.link.clone().oneshot(format!("do {id}")));
        }
        for answer in calls.join_all().await {
            answer.unwrap();
        }
        let attempts = rig.seen.attempts();
        assert_eq!((peer.accepts(), attempts, rig.tally.most()), (1, 1, 1));
    });
}
