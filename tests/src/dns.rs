//! Names asked of a real name server: dnsmasq, started by each test on a port of its own.
//! What servers may do wrong is tried where it can be made to happen: in the simulator and
//! with scripted sockets.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::discovery::{Refresh, Refreshing, Update};
use bowline_link::dns::{Addresses, Error, Event};
use bowline_link::{Endpoint, Resolve};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::from_fn;
use futures_util::StreamExt;
use rand_pcg::Pcg64;
use tokio::time::Instant;

use self::server::{ATTEMPT, PATIENCE, Server, TTL};

mod server;

/// What a loaded machine may take for what takes no time.
const MARGIN: Duration = Duration::from_secs(2);

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn addresses_of_both_kinds_are_found_with_their_time_to_live() {
    let Some(server) = Server::start().await else {
        return;
    };
    let found = server
        .resolver()
        .addresses("both.example.test")
        .await
        .unwrap();
    assert_eq!(found.records, addresses(&["fd00::7", "10.0.0.7"]));
    assert_eq!(found.ttl, TTL);
    let four = server
        .resolver()
        .addresses("four.example.test")
        .await
        .unwrap();
    assert_eq!(four.records, addresses(&["10.0.0.4"]));
    let six = server
        .resolver()
        .addresses("SIX.example.test.")
        .await
        .unwrap();
    assert_eq!(six.records, addresses(&["fd00::6"]));
}

#[tokio::test]
async fn a_service_comes_with_its_numbers() {
    let Some(server) = Server::start().await else {
        return;
    };
    let found = server
        .resolver()
        .services("_chat._tcp.example.test")
        .await
        .unwrap();
    let mut records: Vec<_> = found
        .records
        .iter()
        .map(|it| (it.priority, it.weight, it.endpoint.to_string()))
        .collect();
    records.sort();
    let expected = [
        (10, 5, "four.example.test:7400".to_owned()),
        (20, 0, "both.example.test:7401".to_owned()),
    ];
    assert_eq!(records, expected);
}

#[tokio::test]
async fn an_alias_leads_to_the_addresses_of_its_target() {
    let Some(server) = Server::start().await else {
        return;
    };
    let found = server
        .resolver()
        .addresses("www.example.test")
        .await
        .unwrap();
    assert_eq!(found.records, addresses(&["10.0.0.4"]));
}

#[tokio::test]
async fn a_name_that_is_not_there_and_one_without_records_are_different_errors() {
    let Some(server) = Server::start().await else {
        return;
    };
    let error = server
        .resolver()
        .addresses("gone.example.test")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoSuchName { .. }), "{error}");
    let error = server
        .resolver()
        .services("four.example.test")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NoData { .. }), "{error}");
    // Nobody stands behind this server, so it will not answer for the rest of the world.
    let error = server
        .resolver()
        .addresses("www.example.org")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ServerFailure { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_too_long_for_a_datagram_comes_whole_over_tcp() {
    let Some(server) = Server::start().await else {
        return;
    };
    let found = server
        .resolver()
        .addresses("many.example.test")
        .await
        .unwrap();
    let mut records = found.records;
    records.sort();
    let expected: Vec<IpAddr> = (1..=60).map(|last| [10, 0, 1, last].into()).collect();
    assert_eq!(records, expected);
}

#[tokio::test]
async fn a_changed_answer_is_news_within_its_time_to_live() {
    let Some(server) = Server::start().await else {
        return;
    };
    let endpoint = Endpoint::new("moves.example.test", 7400);
    let lookup = Addresses::new(server.resolver(), endpoint);
    let refresh = Refresh::by_ttl(Duration::from_millis(100), TTL).unwrap();
    let retry = Schedule::constant(Duration::from_millis(100)).unwrap();
    let retry = Maker::new(retry, 1).session();
    let mut source = Refreshing::new(lookup, refresh, retry, Pcg64::new(1, 1));
    let news = async |source: &mut Refreshing<_>| {
        loop {
            // On a machine that is busy a question may take longer than it had.
            if let Some(Update::List(targets)) = source.next().await {
                let endpoints = targets.iter().map(|target| target.endpoint.to_string());
                return endpoints.collect::<Vec<_>>();
            }
        }
    };
    assert_eq!(news(&mut source).await, ["10.0.0.8:7400"]);
    server.move_to("10.0.0.9");
    let moved = Instant::now();
    assert_eq!(news(&mut source).await, ["10.0.0.9:7400"]);
    let took = Instant::now() - moved;
    assert!(took <= TTL + PATIENCE + MARGIN, "{took:?}");
}

#[tokio::test]
async fn a_dead_server_is_a_timeout_within_its_bound_and_old_addresses_serve() {
    let Some(server) = Server::start().await else {
        return;
    };
    let stale = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&stale);
    let see = from_fn(move |event: &Event| {
        if let Event::ServedStale { age, .. } = event {
            seen.lock().unwrap().push(*age);
        }
    });
    let resolver = server.resolver().observe(Arc::new(see));
    let endpoint = Endpoint::new("four.example.test", 7400);
    let before = resolver.resolve(endpoint.clone()).await.unwrap();
    assert_eq!(before, ["10.0.0.4:7400".parse().unwrap()]);
    drop(server);

    let begun = Instant::now();
    let error = resolver.addresses("four.example.test").await.unwrap_err();
    let took = Instant::now() - begun;
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(PATIENCE <= took && took <= PATIENCE + MARGIN, "{took:?}");

    // That took longer than the answer was good.
    assert!(took > TTL);
    assert_eq!(stale.lock().unwrap().len(), 0);
    assert_eq!(resolver.resolve(endpoint).await.unwrap(), before);
    let ages = stale.lock().unwrap().clone();
    assert!(matches!(ages[..], [age] if age > TTL + ATTEMPT), "{ages:?}");
    let never = Endpoint::new("both.example.test", 7400);
    let error = resolver.resolve(never).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}
