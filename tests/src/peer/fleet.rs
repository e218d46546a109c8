//! Many links to one peer that is away for a while: how often each dials, and that no two do so
//! in step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bowline_link::tcp;
use bowline_policy::backoff::{Jitter, Maker};
use tokio::time::Instant;

use super::process::Peer;
use super::serving::Manner;
use super::session::{self, Tally};
use super::{BASE, CAP, Rig, begin, patient, run, schedule, until};

const LINKS: usize = 50;

/// How often every link dials before the peer is there again.
const DIALS: usize = 5;

/// How many dials there can be in `outage` and one just after it, if every wait is as short as
/// it may be: half of its bound.
fn dials_max(outage: Duration) -> usize {
    let (mut passed, mut bound, mut dials) = (BASE / 2, BASE, 1);
    while passed <= outage {
        bound = (2 * bound).min(CAP);
        passed += bound / 2;
        dials += 1;
    }
    dials
}

/// The most of `waits` that end within one fiftieth of the first wait of each other.
fn peak(waits: &[Duration]) -> usize {
    let mut counts = BTreeMap::<u128, usize>::new();
    for wait in waits {
        let slot = wait.as_micros() / (BASE.as_micros() / 50);
        *counts.entry(slot).or_default() += 1;
    }
    counts.into_values().max().unwrap_or_default()
}

// contract: backoff-1, again-2, again-3
#[test]
fn fifty_links_come_back_to_a_restarted_peer_each_at_a_time_of_its_own() {
    // An outage of twenty first waits at a cap of ten: what is promised of a herd.
    assert!(dials_max(20 * BASE) <= 9);
    run(async {
        let mut peer = Peer::start().await;
        let maker = Maker::new(schedule().jitter(Jitter::Equal).unwrap(), 1);
        let rigs: Vec<Rig> = (0..LINKS)
            .map(|_| {
                let tally = Arc::new(Tally::default());
                let connect = session::over(tcp::Dialer::new(), &tally, patient());
                let (link, seen) = begin(connect, &[peer.endpoint()], &maker);
                let link = link.build();
                Rig { link, seen, tally }
            })
            .collect();
        for rig in &rigs {
            rig.up_after(0).await;
        }
        assert_eq!(peer.accepts(), LINKS);

        let began = Instant::now();
        peer.kill();
        // One attempt was for the connection that was lost.
        let dials = |rig: &Rig| rig.seen.attempts() - 1;
        until(|| rigs.iter().all(|rig| dials(rig) >= DIALS)).await;
        peer.restart(Manner::Serve).await;
        let outage = Instant::now() - began;
        let in_vain: Vec<_> = rigs.iter().map(dials).collect();
        for rig in &rigs {
            rig.up_after(1).await;
        }
        assert_eq!(peer.accepts(), LINKS, "one connection of each link");

        let most = dials_max(outage);
        let mut waits = Vec::new();
        for (rig, in_vain) in rigs.iter().zip(in_vain) {
            waits.push(rig.seen.waits());
            let dials = dials(rig);
            assert!(dials <= most, "{dials} in {outage:?}: {:?}", waits.last());
            assert!(dials <= in_vain + 1, "not back after one wait more");
            assert_eq!(rig.tally.most(), 1, "two connections at once");
            rig.seen.waited();
        }
        for nth in 0..DIALS {
            let until =
                |waits: &Vec<(u32, Duration)>| waits[..=nth].iter().map(|wait| wait.1).sum();
            let until: Vec<Duration> = waits.iter().map(until).collect();
            let distinct: BTreeSet<_> = until.iter().collect();
            assert_eq!(distinct.len(), LINKS, "two in lock step: {until:?}");
            assert!(peak(&until) <= LINKS / 5, "at dial {nth}: {until:?}");
        }
    });
}
