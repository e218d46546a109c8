//! HTTP/2: many calls at once, and each failure says what it knows.

use std::convert::Infallible;
use std::future::pending;

use bowline_policy::heartbeat::Fixed;
use bowline_reconnect::http::{Http2, Http2Connector};
use bowline_reconnect::{Kind, Reconnect, Sent, State};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, server::handshake};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use super::peer::{Seen, get, maker, ms, network, server};

type Link = Reconnect<Http2<Empty<Bytes>>>;

/// Answers `/slow` after a second, and everything else at once.
async fn serve(stream: DuplexStream, seen: Seen, stop: impl Future<Output = ()>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        seen.note(request.uri().to_string());
        async move {
            if request.uri().path() == "/slow" {
                sleep(ms(1000)).await;
            }
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("ahoy"))))
        }
    });
    let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let mut serving = std::pin::pin!(http2.serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        biased;
        _ = serving.as_mut() => return,
        () = stop => serving.as_mut().graceful_shutdown(),
    }
    serving.await.ok();
}

/// Accepts with h2 alone, and does with each request as it is told.
async fn serve_raw(stream: DuplexStream, each: impl Fn(usize, SendResponse<Bytes>)) {
    let mut connection = handshake(stream).await.unwrap();
    let mut number = 0;
    while let Some(Ok((_request, respond))) = connection.accept().await {
        number += 1;
        each(number, respond);
    }
}

fn link(connector: Http2Connector<impl bowline_link::Dial, Empty<Bytes>>) -> Link {
    Reconnect::builder(connector, server(), &maker()).build()
}

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_path_is_enough_and_clones_call_at_once() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer));
    let mut tasks = JoinSet::new();
    let seen = Seen::default();
    tasks.spawn(serve(
        accepted.recv().await.unwrap(),
        seen.clone(),
        pending(),
    ));
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        calls.spawn(link.clone().oneshot(get("/slow")));
    }
    for call in calls.join_all().await {
        assert_eq!(text(call.unwrap()).await, "ahoy");
    }
    assert_eq!(Instant::now() - began, ms(1000));
    assert_eq!(seen.lines(), ["http://history.example:8080/slow"; 3]);
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_stream_that_was_refused_was_not_sent_and_one_that_was_reset_may_be() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer));
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_raw(
        accepted.recv().await.unwrap(),
        |number, mut respond| {
            respond.send_reset(match number {
                1 => Reason::REFUSED_STREAM,
                _ => Reason::INTERNAL_ERROR,
            });
        },
    ));
    for (number, sent) in [Sent::No, Sent::Maybe].into_iter().enumerate() {
        let error = link.clone().oneshot(get("/")).await.unwrap_err();
        assert_eq!(
            (error.kind, error.sent),
            (Kind::Inner, sent),
            "{number}: {error:?}"
        );
    }
}

// contract: again-2, again-4
#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_leaves_its_calls_unknown_and_the_next_takes_over() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer));
    let mut tasks = JoinSet::new();
    let seen = Seen::default();
    tasks.spawn(serve(
        accepted.recv().await.unwrap(),
        seen.clone(),
        pending(),
    ));
    let mut call = JoinSet::new();
    call.spawn(link.clone().oneshot(get("/slow")));
    sleep(ms(500)).await;
    tasks.shutdown().await;
    let error = call.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.sent, Sent::Maybe, "{error:?}");

    tasks.spawn(serve(accepted.recv().await.unwrap(), seen, pending()));
    let answer = link.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(text(answer).await, "ahoy");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_finishes_what_it_took_while_new_calls_go_elsewhere() {
    let (dialer, mut accepted) = network();
    let connector = Http2Connector::new(dialer).drain(ms(5000));
    let link = Reconnect::builder(connector, server(), &maker());
    let link = link.move_splay(ms(200)).build();
    let mut tasks = JoinSet::new();
    let seen = Seen::default();
    let first = accepted.recv().await.unwrap();
    tasks.spawn(serve(first, seen.clone(), sleep(ms(100))));
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot(get("/slow")));
    sleep(ms(200)).await;
    // Hyper looks at the GOAWAY with the next call, which was then not sent.
    let error = link.clone().oneshot(get("/tells")).await.unwrap_err();
    assert_eq!(error.sent, Sent::No, "{error:?}");
    let mut next = JoinSet::new();
    next.spawn(link.clone().oneshot(get("/next")));
    let second = accepted.recv().await.unwrap();
    tasks.spawn(serve(second, seen.clone(), pending()));
    next.join_next().await.unwrap().unwrap().unwrap();
    assert!(
        calls.try_join_next().is_none(),
        "the first call is not done"
    );
    calls.join_next().await.unwrap().unwrap().unwrap();
    let paths: Vec<_> = seen.lines();
    assert!(
        paths[0].ends_with("/slow") && paths[1].ends_with("/next"),
        "{paths:?}"
    );
    assert_eq!(paths.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_drains_for_too_long_is_left() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer).drain(ms(300)));
    let mut tasks = JoinSet::new();
    let seen = Seen::default();
    let first = accepted.recv().await.unwrap();
    tasks.spawn(serve(first, seen.clone(), sleep(ms(100))));
    let mut call = JoinSet::new();
    call.spawn(link.clone().oneshot(get("/slow")));
    sleep(ms(200)).await;
    let began = Instant::now();
    link.clone().oneshot(get("/tells")).await.unwrap_err();
    let error = call.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.sent, Sent::Maybe, "{error:?}");
    assert_eq!(Instant::now() - began, ms(300));
}

#[tokio::test(start_paused = true)]
async fn one_call_more_than_may_be_in_flight_waits() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer).calls_max(2));
    let mut tasks = JoinSet::new();
    let stream = accepted.recv().await.unwrap();
    tasks.spawn(serve(stream, Seen::default(), pending()));
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        calls.spawn(link.clone().oneshot(get("/slow")));
    }
    calls.join_all().await;
    assert_eq!(Instant::now() - began, ms(2000));
}

// contract: again-3
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_noticed_while_nobody_calls() {
    let (dialer, mut accepted) = network();
    let heartbeat = Fixed::new(ms(1000), ms(200), 3).unwrap();
    let link = link(Http2Connector::new(dialer).heartbeat(heartbeat));
    // It takes what comes and says nothing.
    let silent = accepted.recv().await.unwrap();
    let mut state = link.state();
    state.wait_for(State::is_ready).await.unwrap();
    let began = Instant::now();
    let lost = timeout(ms(5000), state.wait_for(|state| !state.is_ready())).await;
    lost.unwrap().unwrap();
    let silence = heartbeat.silence_max() + heartbeat.tick();
    assert!(
        Instant::now() - began <= silence,
        "{:?}",
        Instant::now() - began
    );
    drop(silent);
}

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn a_server_that_never_spoke_does_not_reset_the_backoff() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer));
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let silent = accepted.recv().await.unwrap();
        link.state().wait_for(State::is_ready).await.unwrap();
        sleep(ms(60_000)).await;
        drop(silent);
        let mut state = link.state();
        let resting = state.wait_for(|state| matches!(state, State::Backoff { .. }));
        let State::Backoff { attempt, .. } = *resting.await.unwrap() else {
            panic!("it waited for that");
        };
        attempts.push(attempt);
    }
    assert_eq!(attempts, [1, 2, 3], "each try counts on");
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_takes_the_connection_with_it() {
    let (dialer, mut accepted) = network();
    let link = link(Http2Connector::new(dialer));
    let mut stream = accepted.recv().await.unwrap();
    link.state().wait_for(State::is_ready).await.unwrap();
    drop(link);
    let mut preface = Vec::new();
    let read = timeout(ms(1000), stream.read_to_end(&mut preface)).await;
    assert!(read.is_ok(), "the connection outlives its link");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_closed_ends_its_connection_whoever_still_holds_a_call() {
    let (dialer, mut accepted) = network();
    let mut link = link(Http2Connector::new(dialer));
    let stream = accepted.recv().await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        let mut connection = handshake(stream).await.unwrap();
        let mut unanswered = Vec::new();
        while let Some(Ok((_, respond))) = connection.accept().await {
            unanswered.push(respond);
        }
    });
    let mut held = Box::pin(link.ready().await.unwrap().call(get("/")));
    assert!(timeout(ms(100), held.as_mut()).await.is_err());
    link.close();
    assert_eq!(held.as_mut().await.unwrap_err().sent, Sent::Maybe);
    let ended = timeout(ms(1000), tasks.join_next()).await;
    assert!(ended.is_ok(), "the connection outlives its link");
}
