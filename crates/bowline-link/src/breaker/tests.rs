//! A peer that is up or down, and breakers before it, on a paused clock.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_policy::breaker::{Maker, Settings, State};
use bowline_policy::budget::DialSettings;
use bowline_policy::{Share, from_fn};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::dial_budget::{self, DialBudget, DialBudgetLayer};
use crate::log::testing::Written;
use crate::{BoxError, ConnectTimeout, ConnectTimeoutLayer, Dial, DialStep, Endpoint, socks5};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

/// A peer that takes 100 ms to say what it is.
#[derive(Debug, Clone, Default)]
struct Peer {
    up: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    in_flight: Arc<AtomicUsize>,
    most_in_flight: Arc<AtomicUsize>,
}

struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Peer {
    fn dialer(&self) -> impl Dial<Io = DuplexStream> {
        let peer = self.clone();
        service_fn(move |_: Endpoint| {
            let peer = peer.clone();
            async move {
                peer.calls.fetch_add(1, Ordering::SeqCst);
                let now = peer.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
                let _in_flight = InFlight(Arc::clone(&peer.in_flight));
                peer.most_in_flight.fetch_max(now, Ordering::SeqCst);
                sleep(MS(100)).await;
                if peer.up.load(Ordering::SeqCst) {
                    Ok(tokio::io::duplex(16).0)
                } else {
                    Err(io::Error::other("the harbour is closed"))
                }
            }
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Three failures open it for 5 s, then 10 s, to the letter.
fn three() -> Settings {
    Settings::new(3).unwrap().spread(Share::NONE)
}

fn each(settings: Settings) -> Breakers {
    Breakers::per_endpoint(Maker::new(settings, 7), 3).unwrap()
}

fn to(port: u16) -> Endpoint {
    Endpoint::new("peer", port)
}

async fn dial(peer: &Peer, breakers: &Breakers, port: u16) -> Result<DuplexStream, BoxError> {
    let layer = BreakerLayer::new(breakers.clone());
    layer.layer(peer.dialer()).oneshot(to(port)).await
}

async fn trip(peer: &Peer, breakers: &Breakers, port: u16) {
    for _ in 0..3 {
        dial(peer, breakers, port).await.unwrap_err();
    }
    let state = breakers.state(&to(port)).unwrap();
    assert!(matches!(state, State::Open { .. }), "{state:?}");
}

fn refused(error: &BoxError) -> &Refused {
    error.downcast_ref().expect("refused by a breaker")
}

// contract: breaker-1
#[tokio::test(start_paused = true)]
async fn an_open_breaker_calls_nobody_and_says_until_when_and_why() {
    let (peer, breakers) = (Peer::default(), each(three()));
    let error = dial(&peer, &breakers, 1).await.unwrap_err();
    assert!(
        error.is::<io::Error>(),
        "the dialer's own error comes through"
    );
    trip(&peer, &breakers, 2).await;
    let opened = Instant::now();
    sleep(S(1)).await;
    let calls = peer.calls();
    let error = dial(&peer, &breakers, 2).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not calling peer:2 for another 4s, last failure: the harbour is closed"
    );
    let Refused::Open { until, left, .. } = refused(&error) else {
        panic!("{error}");
    };
    assert_eq!((*until, *left), (opened + S(5), S(4)));
    assert_eq!(peer.calls(), calls, "the peer was not asked");
}

// contract: breaker-1
#[tokio::test(start_paused = true)]
async fn half_open_lets_two_probes_go_and_their_success_closes_it() {
    let told: Arc<Mutex<Vec<(State, State)>>> = Arc::default();
    let log = Arc::clone(&told);
    let breakers =
        each(three().probes(2, 2).unwrap()).observed_by(from_fn(move |event: &Event| {
            if let Event::Changed { from, to, .. } = event {
                log.lock().unwrap().push((*from, *to));
            }
        }));
    let peer = Peer::default();
    trip(&peer, &breakers, 1).await;
    let Some(open @ State::Open { .. }) = breakers.state(&to(1)) else {
        panic!("it is open");
    };
    sleep(S(5)).await;
    peer.up.store(true, Ordering::SeqCst);
    let before = peer.calls();
    let mut dials = JoinSet::new();
    for _ in 0..100 {
        let (peer, breakers) = (peer.clone(), breakers.clone());
        dials.spawn(async move { dial(&peer, &breakers, 1).await });
    }
    let (mut connected, mut turned_away) = (0, 0);
    while let Some(done) = dials.join_next().await {
        match done.unwrap() {
            Ok(_) => connected += 1,
            Err(error) => {
                let probing = matches!(refused(&error), Refused::Probing { probing: 2, .. });
                assert!(probing, "{error}");
                turned_away += 1;
            }
        }
    }
    assert_eq!((connected, turned_away), (2, 98));
    assert_eq!(peer.calls() - before, 2);
    assert_eq!(breakers.state(&to(1)), Some(State::Closed));
    let changes = [
        (State::Closed, open),
        (open, State::HalfOpen),
        (State::HalfOpen, State::Closed),
    ];
    assert_eq!(*told.lock().unwrap(), changes);
    dial(&peer, &breakers, 1).await.unwrap();
}

// contract: breaker-1
#[tokio::test(start_paused = true)]
async fn a_storm_of_dropped_probes_neither_exceeds_nor_loses_their_places() {
    let breakers = each(three().probes(2, 200).unwrap());
    let peer = Peer::default();
    trip(&peer, &breakers, 1).await;
    sleep(S(5)).await;
    peer.up.store(true, Ordering::SeqCst);
    peer.most_in_flight.store(0, Ordering::SeqCst);
    for round in 1..100_u64 {
        let mut dials = JoinSet::new();
        for _ in 0..5 {
            let (peer, breakers) = (peer.clone(), breakers.clone());
            dials.spawn(async move { dial(&peer, &breakers, 1).await });
        }
        sleep(MS(round)).await;
        dials.shutdown().await;
        assert_eq!(breakers.state(&to(1)), Some(State::HalfOpen));
    }
    assert_eq!(peer.most_in_flight.load(Ordering::SeqCst), 2);
    assert!(
        peer.calls() > 190,
        "each round has both places: {}",
        peer.calls()
    );
    dial(&peer, &breakers, 1).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_it_for_longer() {
    let (peer, breakers) = (Peer::default(), each(three()));
    trip(&peer, &breakers, 1).await;
    sleep(S(5)).await;
    dial(&peer, &breakers, 1).await.unwrap_err();
    let error = dial(&peer, &breakers, 1).await.unwrap_err();
    assert!(matches!(refused(&error), Refused::Open { left, .. } if *left == S(10)));
}

#[tokio::test(start_paused = true)]
async fn endpoints_fail_alone_or_together_as_told() {
    let (peer, breakers) = (Peer::default(), each(three()));
    trip(&peer, &breakers, 1).await;
    assert!(
        dial(&peer, &breakers, 2)
            .await
            .unwrap_err()
            .is::<io::Error>()
    );
    assert_eq!(breakers.kept(), 2);

    let together = Breakers::for_all(&Maker::new(three(), 7));
    trip(&peer, &together, 1).await;
    assert!(dial(&peer, &together, 2).await.unwrap_err().is::<Refused>());
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_and_what_is_closed_is_forgotten_first() {
    let (peer, breakers) = (Peer::default(), each(three()));
    breakers.force_open(&to(1));
    trip(&peer, &breakers, 2).await;
    for port in 3..50 {
        dial(&peer, &breakers, port).await.unwrap_err();
        assert_eq!(breakers.kept(), 3);
    }
    assert_eq!(breakers.state(&to(1)), Some(State::ForcedOpen));
    assert!(matches!(breakers.state(&to(2)), Some(State::Open { .. })));
    assert_eq!(breakers.state(&to(48)), None);
    trip(&peer, &breakers, 49).await;
    dial(&peer, &breakers, 50).await.unwrap_err();
    assert_eq!(breakers.state(&to(2)), None, "none was closed");
    assert_eq!(breakers.state(&to(1)), Some(State::ForcedOpen));

    let none = Breakers::per_endpoint(Maker::new(three(), 7), 0).unwrap_err();
    assert_eq!(none.to_string(), "endpoints 0 is not within 1 and 65536");
}

#[tokio::test(start_paused = true)]
async fn a_hand_on_the_switch_overrules_the_peer() {
    let (peer, breakers) = (Peer::default(), each(three()));
    peer.up.store(true, Ordering::SeqCst);
    breakers.force_open(&to(1));
    let error = dial(&peer, &breakers, 1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "not calling peer:1: calls to it were switched off"
    );
    breakers.force_closed(&to(1));
    peer.up.store(false, Ordering::SeqCst);
    for _ in 0..10 {
        assert!(
            dial(&peer, &breakers, 1)
                .await
                .unwrap_err()
                .is::<io::Error>()
        );
    }
    breakers.reset(&to(1));
    trip(&peer, &breakers, 1).await;
    breakers.reset(&to(1));
    assert_eq!(breakers.state(&to(1)), Some(State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_refuses_says_nothing_about_the_peer() {
    let rate = DialSettings::new(1, S(3_600), 1).unwrap();
    let settings = dial_budget::Settings::new(rate, 1).unwrap();
    let budget = DialBudget::new(settings.waiters_max(0).unwrap());
    let (peer, breakers) = (Peer::default(), each(three()));
    let dialer = DialBudgetLayer::new(budget).layer(peer.dialer());
    let dialer = BreakerLayer::new(breakers.clone()).layer(dialer);
    for _ in 0..20 {
        dialer.clone().oneshot(to(1)).await.unwrap_err();
    }
    assert_eq!(peer.calls(), 1);
    assert_eq!(breakers.state(&to(1)), Some(State::Closed));
}

#[tokio::test(start_paused = true)]
async fn only_what_counts_is_counted() {
    let (peer, breakers) = (Peer::default(), each(three()));
    let layer = BreakerLayer::new(breakers.clone()).count_if(|error| !error.is::<io::Error>());
    for _ in 0..20 {
        let dialer = layer.layer(peer.dialer());
        dialer.oneshot(to(1)).await.unwrap_err();
    }
    assert_eq!(breakers.state(&to(1)), Some(State::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_end_is_told_in_one_bounded_line() {
    let breakers = each(Settings::new(1).unwrap());
    let dialer = service_fn(|_: Endpoint| async {
        Err::<DuplexStream, _>(io::Error::other("ü".repeat(10_000)))
    });
    let dialer = BreakerLayer::new(breakers).layer(dialer);
    dialer.clone().oneshot(to(1)).await.unwrap_err();
    let error = dialer.oneshot(to(1)).await.unwrap_err();
    let Refused::Open { last_failure, .. } = refused(&error) else {
        panic!("{error}");
    };
    let kept = last_failure.as_ref().unwrap();
    assert_eq!(kept.len(), LAST_FAILURE_MAX);
    assert_eq!(**kept, *"ü".repeat(LAST_FAILURE_MAX / 2));
}

/// A dialer that never comes to an end, and what it is waiting for.
fn hangs(step: DialStep) -> impl Dial<Io = DuplexStream> {
    service_fn(move |_: Endpoint| async move {
        step.during(std::future::pending::<Result<DuplexStream, io::Error>>())
            .await
    })
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_lets_every_deadline_pass_opens_it_wherever_the_deadline_is() {
    const TLS: DialStep = DialStep::Handshake("TLS");
    for place in ["outside", "far outside", "inside"] {
        let breakers = each(three());
        for _ in 0..3 {
            let breaker = BreakerLayer::new(breakers.clone());
            let limit = |limit| ConnectTimeoutLayer::new(limit);
            let told = match place {
                "outside" => {
                    let dialer = limit(S(2)).layer(breaker.layer(hangs(TLS)));
                    dialer.oneshot(to(1)).await.unwrap_err().to_string()
                }
                "far outside" => {
                    let dialer = limit(S(9)).layer(breaker.layer(hangs(TLS)));
                    let dialer = limit(S(2)).layer(dialer);
                    dialer.oneshot(to(1)).await.unwrap_err().to_string()
                }
                _ => {
                    let dialer = breaker.layer(limit(S(2)).layer(hangs(TLS)));
                    dialer.oneshot(to(1)).await.unwrap_err().to_string()
                }
            };
            let said = "no connection to peer:1 within 2s: still in the TLS handshake";
            assert_eq!(told, said);
        }
        let layer = BreakerLayer::new(breakers.clone());
        let error = layer.layer(hangs(TLS)).oneshot(to(1)).await.unwrap_err();
        let Refused::Open { last_failure, .. } = refused(&error) else {
            panic!("{place}: {error}");
        };
        let failure = last_failure.as_deref().unwrap();
        assert!(failure.ends_with("still in the TLS handshake"), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_budgets_line_says_nothing_about_the_peer() {
    let rate = DialSettings::per_second(1_000, 1_000).unwrap();
    let budget = DialBudget::new(dial_budget::Settings::new(rate, 1).unwrap());
    let under = || DialBudgetLayer::new(budget.clone()).layer(hangs(DialStep::Resolving));
    let mut holder = JoinSet::new();
    holder.spawn(under().oneshot(to(9)));
    sleep(MS(1)).await;
    assert_eq!(budget.in_flight(), 1);
    let breakers = each(three());
    for _ in 0..5 {
        let breaker = BreakerLayer::new(breakers.clone());
        let outside = ConnectTimeout::new(breaker.layer(under()), S(1));
        outside.oneshot(to(1)).await.unwrap_err();
        let inside = breaker.layer(ConnectTimeout::new(under(), S(1)));
        inside.oneshot(to(1)).await.unwrap_err();
        assert_eq!(breakers.state(&to(1)), Some(State::Closed));
    }
    assert_eq!(budget.in_flight(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budgets_refusal_is_known_through_the_layers_between() {
    let rate = DialSettings::new(1, S(3_600), 1).unwrap();
    let settings = dial_budget::Settings::new(rate, 1).unwrap();
    let budget = DialBudget::new(settings.waiters_max(0).unwrap());
    let (peer, breakers) = (Peer::default(), each(three()));
    for _ in 0..20 {
        let under = DialBudgetLayer::new(budget.clone()).layer(peer.dialer());
        let proxied = socks5::Dialer::new(ConnectTimeout::new(under, S(1)), to(9));
        let dialer = BreakerLayer::new(breakers.clone()).layer(proxied);
        dialer.oneshot(to(1)).await.unwrap_err();
    }
    assert_eq!(peer.calls(), 1);
    assert_eq!(breakers.state(&to(1)), Some(State::Closed));
}

/// A dialer whose clones have to be asked again whether they are ready.
#[derive(Debug)]
struct Asked {
    ready: bool,
}

impl Clone for Asked {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Endpoint> for Asked {
    type Response = DuplexStream;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<DuplexStream>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _endpoint: Endpoint) -> Self::Future {
        assert!(self.ready, "called without being asked");
        self.ready = false;
        std::future::ready(Ok(tokio::io::duplex(16).0))
    }
}

#[tokio::test(start_paused = true)]
async fn the_dialer_that_said_it_is_ready_is_the_one_that_is_called() {
    let asked = || Asked { ready: false };
    let rate = DialSettings::per_second(1_000, 1_000).unwrap();
    let budget = DialBudget::new(dial_budget::Settings::new(rate, 1).unwrap());
    let mut budgeted = DialBudgetLayer::new(budget).layer(asked());
    let mut guarded = BreakerLayer::new(each(three())).layer(asked());
    for _ in 0..2 {
        let connected = budgeted.ready().await.unwrap().call(to(1)).await;
        connected.unwrap();
        let connected = guarded.ready().await.unwrap().call(to(1)).await;
        connected.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn by_default_a_breaker_is_logged_and_a_refused_password_is_not() {
    let lines = Written::here();
    let far: Arc<Mutex<Vec<DuplexStream>>> = Arc::default();
    let proxy = service_fn(move |_: Endpoint| {
        let far = Arc::clone(&far);
        async move {
            let (near, mut proxy) = tokio::io::duplex(1024);
            // Log in; and: not like that.
            proxy.write_all(&[5, 2, 1, 1]).await?;
            far.lock().unwrap().push(proxy);
            Ok::<_, io::Error>(near)
        }
    });
    let dialer = socks5::Dialer::new(proxy, Endpoint::new("proxy", 1080));
    let dialer = dialer.login("ann", "high tide").unwrap();
    let breakers = each(three());
    let dialer = BreakerLayer::new(breakers.clone()).layer(dialer);
    for _ in 0..4 {
        dialer.clone().oneshot(to(1)).await.unwrap_err();
    }
    breakers.reset(&to(1));
    let lines = lines.take();
    assert_eq!(
        lines,
        [
            "WARN breaker opened endpoint=peer:1 from=\"closed\" cycle=1 left=5s",
            "DEBUG call not made error=not calling peer:1 for another 5s, last failure: \
             the SOCKS5 proxy proxy:1080 refused user and password (status 1)",
            "INFO breaker changed endpoint=peer:1 from=\"open\" to=\"closed\" cycle=2",
        ]
    );
    assert!(!lines.concat().contains("tide") && !lines.concat().contains("ann"));
}
