//! Layers over dialers: they stack in any order, stay dialers, and each does its work.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_policy::heartbeat::Fixed;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::alive::{AliveLayer, death};
use crate::idle::{IdleTimeoutLayer, Limit, expired};
use crate::stall::{Limits, Settings, StallLayer, Step, stalled};
use crate::{SystemClock, tcp};

const S: fn(u64) -> Duration = Duration::from_secs;

fn stall(write: Duration) -> StallLayer {
    StallLayer::new(
        Limits::new(Settings {
            write: Some(write),
            ..Settings::NONE
        })
        .unwrap(),
    )
}

fn alive(timeout: Duration) -> AliveLayer {
    AliveLayer::new(Fixed::new(timeout / 2, timeout / 2, 1).unwrap())
}

fn idle(limit: Duration) -> IdleTimeoutLayer {
    IdleTimeoutLayer::new(Limit::new(limit).unwrap())
}

/// Dials peers that neither read nor say anything, and are kept.
fn silent(kept: &Kept) -> impl Dial<Io = DuplexStream, Error = io::Error> {
    let kept = Arc::clone(kept);
    service_fn(move |_| {
        let (ours, theirs) = tokio::io::duplex(4);
        kept.lock().unwrap().push(theirs);
        std::future::ready(Ok(ours))
    })
}

type Kept = Arc<Mutex<Vec<DuplexStream>>>;

#[test]
fn a_dialer_below_all_layers_in_any_order_is_a_dialer() {
    fn dials<D: Dial>(_: D) {}
    let (stall, idle) = (stall(S(1)), idle(S(1)));
    let alive = alive(S(1)).with_wall_clock(Arc::new(SystemClock));
    let tcp = tcp::Dialer::new();
    dials(alive.layer(stall.layer(idle.layer(tcp.clone()))));
    dials(stall.layer(alive.layer(idle.layer(tcp.clone()))));
    dials(idle.layer(stall.layer(alive.layer(tcp.clone()))));
    dials(
        ServiceBuilder::new()
            .layer(alive)
            .layer(idle)
            .layer(stall)
            .service(tcp),
    );
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn each_layer_of_a_stack_ends_the_stream_by_its_own_limit() {
    for (limits, expected) in [
        ([1, 2, 3], "stall"),
        ([3, 1, 2], "alive"),
        ([2, 3, 1], "idle"),
    ] {
        let [stalls, dies, idles] = limits.map(S);
        let kept = Kept::default();
        let dialer = ServiceBuilder::new()
            .layer(idle(idles))
            .layer(alive(dies))
            .layer(stall(stalls))
            .service(silent(&kept));
        let start = Instant::now();
        let stream = dialer.oneshot(Endpoint::new("peer", 1)).await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let error = tokio::select! {
            biased;
            end = read.read_u8() => end.unwrap_err(),
            end = write.write_all(b"too much") => end.unwrap_err(),
        };
        let found = match () {
            () if stalled(&error).is_some_and(|stalled| stalled.which == Step::Write) => "stall",
            () if death(&error).is_some() => "alive",
            () if expired(&error).is_some() => "idle",
            () => panic!("{error}"),
        };
        assert_eq!(found, expected);
        assert_eq!(Instant::now() - start, S(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_fails_is_told_as_it_was() {
    let refused = service_fn(|_| async {
        Err::<DuplexStream, _>(io::Error::from(io::ErrorKind::ConnectionRefused))
    });
    let dialer = stall(S(1)).layer(idle(S(1)).layer(refused));
    let error = dialer.oneshot(Endpoint::new("peer", 1)).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}
