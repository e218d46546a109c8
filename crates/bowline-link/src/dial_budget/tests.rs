//! Many dialers and one budget, on a paused clock.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_policy::budget::DialSettings;
use bowline_policy::{InvalidSetting, from_fn};
use tokio::io::DuplexStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;

use super::*;
use crate::log::testing::Written;
use crate::{BoxError, Dial, Endpoint};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// A peer that sees who calls, and lets go of the caller after the port's
/// number of milliseconds.
#[derive(Debug, Clone, Default)]
struct Peer {
    seen: Arc<Mutex<Vec<(Instant, u16)>>>,
    in_flight: Arc<AtomicUsize>,
    most_in_flight: Arc<AtomicUsize>,
}

/// Counts a dial for as long as its future lives.
struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Peer {
    fn under(
        &self,
        budget: &DialBudget,
    ) -> impl Dial<Io = DuplexStream> + Service<Endpoint, Response = DuplexStream, Error = BoxError>
    {
        let peer = self.clone();
        let dial = service_fn(move |endpoint: Endpoint| {
            let peer = peer.clone();
            async move {
                let now = peer.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
                let _in_flight = InFlight(Arc::clone(&peer.in_flight));
                peer.most_in_flight.fetch_max(now, Ordering::SeqCst);
                let seen = (Instant::now(), endpoint.port());
                peer.seen.lock().unwrap().push(seen);
                sleep(MS(endpoint.port().into())).await;
                Ok::<_, Infallible>(tokio::io::duplex(16).0)
            }
        });
        DialBudgetLayer::new(budget.clone()).layer(dial)
    }

    fn starts(&self) -> Vec<Instant> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(at, _)| *at).collect()
    }

    fn ports(&self) -> Vec<u16> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(_, port)| *port).collect()
    }
}

fn to(port: u16) -> Endpoint {
    Endpoint::new("peer", port)
}

fn settings(per_second: u32, burst: u32, in_flight: usize) -> Settings {
    let rate = DialSettings::per_second(per_second, burst).unwrap();
    Settings::new(rate, in_flight).unwrap()
}

/// Lets every task run until all of them wait for the clock.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// Asserts that nothing is held: all places are free, and the line is empty.
async fn is_whole(budget: &DialBudget, peer: &Peer) {
    settle().await;
    assert_eq!((budget.waiting(), budget.in_flight()), (0, 0));
    let most = budget.settings().in_flight;
    sleep(S(3_600)).await;
    let mut dials = JoinSet::new();
    for _ in 0..most {
        dials.spawn(peer.under(budget).oneshot(to(60_000)));
    }
    settle().await;
    assert_eq!(budget.in_flight(), most, "each place can be had again");
}

// contract: again-7
#[tokio::test(start_paused = true)]
async fn a_thousand_dialers_exceed_neither_the_rate_nor_the_places() {
    let settings = settings(50, 10, 8).wait_max(S(600)).unwrap();
    let (peer, budget) = (Peer::default(), DialBudget::new(settings));
    let mut dials = JoinSet::new();
    for caller in 0..1_000_u16 {
        dials.spawn(peer.under(&budget).oneshot(to(10 + caller % 290)));
    }
    while let Some(done) = dials.join_next().await {
        done.unwrap().unwrap();
    }
    let starts = peer.starts();
    assert_eq!(starts.len(), 1_000);
    assert_eq!(peer.most_in_flight.load(Ordering::SeqCst), 8);
    for (number, start) in starts.iter().enumerate() {
        let second = starts[number..].iter();
        let within = second.take_while(|at| **at - *start < S(1)).count();
        assert!(within <= 60, "{within} dials within a second");
    }
    // The rate alone takes 19.8 s, the places alone (150 ms each) 18.75 s; what
    // is lost is lost where now one is short and now the other.
    let took = starts[999] - starts[0];
    assert!(took >= MS(19_800) && took <= S(24), "{took:?}");
    let expected: Vec<_> = (0..1_000).map(|caller| 10 + caller % 290).collect();
    assert_eq!(peer.ports(), expected, "first come, first served");
}

// contract: again-7
#[tokio::test(start_paused = true)]
async fn where_places_abound_the_rate_is_kept_and_used() {
    let settings = settings(100, 5, 1_000).wait_max(S(600)).unwrap();
    let (peer, budget) = (Peer::default(), DialBudget::new(settings));
    let mut dials = JoinSet::new();
    for _ in 0..1_000 {
        dials.spawn(peer.under(&budget).oneshot(to(5)));
    }
    while let Some(done) = dials.join_next().await {
        done.unwrap().unwrap();
    }
    let starts = peer.starts();
    let took = starts[999] - starts[0];
    assert!(took >= MS(9_950) && took <= MS(9_952), "{took:?}");
}

// contract: again-7
#[tokio::test(start_paused = true)]
async fn a_storm_of_cancellations_loses_no_place_and_no_turn() {
    let settings = settings(40, 3, 4).waiters_max(2_000).unwrap();
    let told: Arc<Mutex<BTreeMap<&str, usize>>> = Arc::default();
    let log = Arc::clone(&told);
    let observer = from_fn(move |event: &Event| {
        let what = match event {
            Event::Held { .. } => "held",
            Event::Released { .. } => "released",
            Event::TimedOut { .. } => "timed out",
            Event::GivenUp { .. } => "given up",
            Event::Overloaded { .. } => "overloaded",
        };
        *log.lock().unwrap().entry(what).or_default() += 1;
    });
    let budget = DialBudget::new(settings).observed_by(observer);
    let peer = Peer::default();
    let mut dials = JoinSet::new();
    let mut state = 414_u64;
    for caller in 0..1_000_u16 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let patience = MS((state >> 33) % 8_000);
        let (late, dial) = (MS((state >> 40) % 3_000), peer.under(&budget));
        dials.spawn(async move {
            sleep(late).await;
            timeout(patience, dial.oneshot(to(1 + caller % 200))).await
        });
    }
    let mut connected = 0;
    while let Some(done) = dials.join_next().await {
        connected += usize::from(matches!(done.unwrap(), Ok(Ok(_))));
    }
    assert!((100..900).contains(&connected), "{connected}");
    assert!(peer.most_in_flight.load(Ordering::SeqCst) <= 4);
    let told = std::mem::take(&mut *told.lock().unwrap());
    let ended = told["released"] + told.get("timed out").unwrap_or(&0) + told["given up"];
    assert_eq!(told["held"], ended, "{told:?}");
    is_whole(&budget, &peer).await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_head_of_the_line_is_followed_at_once() {
    let (peer, budget) = (Peer::default(), DialBudget::new(settings(1, 1, 1)));
    let start = Instant::now();
    peer.under(&budget).oneshot(to(1)).await.unwrap();
    let mut head = JoinSet::new();
    head.spawn(peer.under(&budget).oneshot(to(2)));
    settle().await;
    let mut next = JoinSet::new();
    next.spawn(peer.under(&budget).oneshot(to(3)));
    settle().await;
    assert_eq!(budget.waiting(), 2);

    // The head waits for the clock, then for a place: neither is lost with it.
    sleep(MS(500)).await;
    head.shutdown().await;
    next.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(peer.ports(), [1, 3]);
    let second = peer.starts()[1] - start;
    assert!(second >= S(1) && second <= MS(1_002), "{second:?}");
    is_whole(&budget, &peer).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_the_head_of_the_line_in_the_moment_of_its_turn() {
    let (peer, budget) = (Peer::default(), DialBudget::new(settings(1, 1, 10)));
    let start = Instant::now();
    peer.under(&budget).oneshot(to(1)).await.unwrap();
    let mut dials = JoinSet::new();
    // Whichever of equal timers fires first, one of the two comes before it.
    for (port, late) in [(20, true), (10, false), (30, true)] {
        let dialer = peer.under(&budget);
        dials.spawn(async move {
            if late {
                tokio::time::sleep_until(start + S(1)).await;
            }
            dialer.oneshot(to(port)).await
        });
        settle().await;
    }
    while let Some(done) = dials.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!(peer.ports()[..2], [1, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_dial_dropped_under_way_frees_its_place() {
    let (peer, budget) = (Peer::default(), DialBudget::new(settings(1_000, 100, 1)));
    let mut hangs = JoinSet::new();
    hangs.spawn(peer.under(&budget).oneshot(to(60_000)));
    settle().await;
    let mut waits = JoinSet::new();
    waits.spawn(peer.under(&budget).oneshot(to(7)));
    sleep(S(5)).await;
    assert_eq!(peer.ports(), [60_000]);
    hangs.shutdown().await;
    waits.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(peer.ports(), [60_000, 7]);
    is_whole(&budget, &peer).await;
}

#[tokio::test(start_paused = true)]
async fn a_full_line_turns_away_and_a_slow_one_gives_up_by_name() {
    let settings = settings(1, 1, 1).waiters_max(1).unwrap();
    let budget = DialBudget::new(settings.wait_max(S(2)).unwrap());
    let peer = Peer::default();
    let mut dials = JoinSet::new();
    dials.spawn(peer.under(&budget).oneshot(to(60_000)));
    settle().await;
    dials.spawn(peer.under(&budget).oneshot(to(2)));
    settle().await;
    let refused = peer.under(&budget).oneshot(to(3)).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "did not dial peer:3: the line is full, with 1 waiting"
    );
    assert!(matches!(
        refused.downcast_ref(),
        Some(Refused::Overloaded { waiting: 1, .. })
    ));
    let start = Instant::now();
    let late = dials.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(
        late.to_string(),
        "did not dial peer:2: no turn came within 2s"
    );
    assert!(Instant::now() - start <= MS(2_002));
    assert_eq!(peer.ports(), [60_000], "nobody else was called");
    dials.shutdown().await;
    is_whole(&budget, &peer).await;
}

#[tokio::test(start_paused = true)]
async fn readiness_reserves_nothing() {
    let (peer, budget) = (Peer::default(), DialBudget::new(settings(1, 1, 1)));
    let mut ready = Vec::new();
    for _ in 0..10 {
        let mut dialer = peer.under(&budget);
        dialer.ready().await.unwrap();
        // Called, but never polled: no place in line either.
        drop(dialer.call(to(1)));
        ready.push(dialer.clone());
    }
    assert_eq!((budget.in_flight(), budget.waiting()), (0, 0));
    let start = Instant::now();
    peer.under(&budget).oneshot(to(2)).await.unwrap();
    assert_eq!(peer.starts(), [start], "the one token was still there");
    drop(ready);
    is_whole(&budget, &peer).await;
}

#[tokio::test(start_paused = true)]
async fn without_waiters_a_dial_starts_at_once_or_not_at_all() {
    let settings = settings(1, 2, 8).waiters_max(0).unwrap();
    let (peer, budget) = (Peer::default(), DialBudget::new(settings));
    for _ in 0..2 {
        peer.under(&budget).oneshot(to(1)).await.unwrap();
    }
    assert!(peer.under(&budget).oneshot(to(1)).await.is_err());
    sleep(S(1)).await;
    peer.under(&budget).oneshot(to(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn where_there_is_room_nobody_is_refused_for_coming_together() {
    let settings = settings(1_000_000, 100_000, 1_000).waiters_max(0).unwrap();
    let budget = DialBudget::new(settings);
    let dial = service_fn(|_: Endpoint| async { Ok::<_, Infallible>(tokio::io::duplex(1).0) });
    let dialer = DialBudgetLayer::new(budget.clone()).layer(dial);
    let mut dials = JoinSet::new();
    for _ in 0..16 {
        let dialer = dialer.clone();
        dials.spawn(async move {
            for _ in 0..500 {
                dialer.clone().oneshot(to(1)).await.unwrap();
            }
        });
    }
    while let Some(done) = dials.join_next().await {
        done.unwrap();
    }
    assert_eq!((budget.in_flight(), budget.waiting()), (0, 0));
}

#[test]
fn contradictions_are_refused_with_both_values() {
    let check = |made: Result<Settings, InvalidSetting>, message: &str| {
        assert_eq!(made.unwrap_err().to_string(), message);
    };
    let rate = DialSettings::per_second(1, 1).unwrap();
    check(
        Settings::new(rate, 0),
        "in_flight 0 is not within 1 and 65536",
    );
    check(
        settings(1, 1, 1).waiters_max(1 << 21),
        "waiters 2097152 is not within 0 and 1048576",
    );
    check(
        settings(1, 1, 1).wait_max(Duration::ZERO),
        "wait 0ns is not within 1ms and 31536000s",
    );
}

#[tokio::test(start_paused = true)]
async fn by_default_whoever_stands_in_line_is_logged() {
    let lines = Written::here();
    let settings = settings(1, 1, 1).waiters_max(1).unwrap();
    let budget = DialBudget::new(settings.wait_max(S(2)).unwrap());
    let peer = Peer::default();
    peer.under(&budget).oneshot(to(1)).await.unwrap();
    let mut dials = JoinSet::new();
    dials.spawn(peer.under(&budget).oneshot(to(60_000)));
    settle().await;
    peer.under(&budget).oneshot(to(3)).await.unwrap_err();
    sleep(S(1)).await;
    peer.under(&budget).oneshot(to(4)).await.unwrap_err();
    let left = timeout(MS(100), peer.under(&budget).oneshot(to(5)));
    assert!(left.await.is_err());
    let mut waits = Vec::new();
    let lines = lines.take();
    let lines = lines.iter().map(|line| {
        let (line, waited) = line.split_once(" waited=").unwrap_or((line, ""));
        waits.push(waited.to_owned());
        line
    });
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "DEBUG dial stands in line endpoint=peer:60000 waiting=1",
            "DEBUG dial turned away, the line is full endpoint=peer:3 waiting=1",
            "DEBUG dial starts endpoint=peer:60000",
            "DEBUG dial stands in line endpoint=peer:4 waiting=1",
            "DEBUG dial got no turn in time endpoint=peer:4",
            "DEBUG dial stands in line endpoint=peer:5 waiting=1",
            "DEBUG dial left the line endpoint=peer:5",
        ]
    );
    for (line, unit) in [(2, "ms"), (4, "s"), (6, "ms")] {
        assert!(waits[line].ends_with(unit), "{waits:?}");
    }
}
