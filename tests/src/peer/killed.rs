//! A peer that is killed, and one that is relieved, while everybody talks to it.

use std::time::Duration;

use bowline_reconnect::{Kind, Sent};

use super::load::{Load, compare, told};
use super::log::{Entry, What};
use super::process::Peer;
use super::serving::Manner;
use super::{patient, rig, run};

const CALLERS: usize = 8;
const KILLS: usize = 5;

/// How many calls are answered before each kill; one more each time, so that kills and callers
/// do not keep step.
const ANSWERS: usize = 60;

// contract: again-2, again-3, again-4
#[test]
fn through_kills_nobody_is_told_that_nothing_was_sent_of_what_arrived() {
    run(async {
        let mut peer = Peer::start().await;
        let rig = rig(&[&peer], patient(), |link| {
            link.failfast_after(Duration::from_millis(100))
        });
        rig.up_after(0).await;
        let load = Load::start(&rig.link, CALLERS);
        let (mut epoch, mut in_vain) = (0, 0);
        for kill in 0..=KILLS {
            epoch = rig.up_after(epoch).await;
            let attempts = rig.seen.attempts();
            assert!(attempts <= in_vain + 1, "not back after one wait more");
            load.answered(ANSWERS + kill).await;
            assert_eq!(peer.accepts(), 1, "one connection in each life");
            if kill < KILLS {
                peer.kill();
                rig.waiting(1).await;
                peer.restart(Manner::Serve).await;
                in_vain = rig.seen.attempts();
            }
        }
        let calls = load.stop().await;
        compare(&calls, &peer.log());
        assert_eq!(rig.tally.most(), 1, "two connections at once");
        assert_eq!((rig.seen.losses(), epoch), (KILLS, KILLS as u64 + 1));
        // The kills struck something: otherwise nothing was tried here.
        assert!(
            told(&calls, Kind::Lost, Sent::Maybe) > 0,
            "no call was under way"
        );
        assert!(
            told(&calls, Kind::Unavailable, Sent::No) > 0,
            "nobody had to wait"
        );
    });
}

// contract: again-3, again-9
#[test]
fn a_peer_that_is_relieved_on_its_port_fails_no_call() {
    run(async {
        let mut peer = Peer::start().await;
        let rig = rig(&[&peer], patient(), |link| link.failfast_after(None));
        let load = Load::start(&rig.link, CALLERS);
        let mut epoch = rig.up_after(0).await;
        for _ in 0..3 {
            load.answered(ANSWERS).await;
            peer.go().await;
            peer.restart(Manner::Serve).await;
            epoch = rig.up_after(epoch).await;
            load.answered(ANSWERS).await;
            peer.gone().await;
            assert_eq!(peer.accepts(), 1, "one connection in each life");
        }
        let calls = load.stop().await;
        let failed: Vec<_> = calls.iter().filter(|call| call.told.is_err()).collect();
        assert!(failed.is_empty(), "{failed:?}");
        let log = peer.log();
        compare(&calls, &log);
        assert_eq!(rig.tally.most(), 2, "the new one first");
        for life in 1..peer.life() {
            let last = |what: fn(&What) -> bool| {
                let so = |entry: &&Entry| entry.life == life && what(&entry.what);
                log.iter().rfind(so).map(|entry| entry.at)
            };
            let goes = last(|what| *what == What::Goes);
            let ended = last(|what| matches!(what, What::Ended(_)));
            assert!(goes.is_some() && goes < ended, "cut off in life {life}");
        }
        assert_eq!(epoch, 4);
    });
}
