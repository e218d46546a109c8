//! HTTP/1.1: one call after the other, and who waited was not sent.

use std::convert::Infallible;

use bowline_reconnect::http::{Http1, Http1Connector};
use bowline_reconnect::{Reconnect, Sent};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::peer::{Seen, get, maker, ms, network, server};

type Link = Reconnect<Http1<Empty<Bytes>>>;

/// Answers after a second.
async fn serve(stream: DuplexStream, seen: Seen) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let host = request.headers()[HOST].to_str().unwrap().to_owned();
        seen.note(format!("{host} {}", request.uri()));
        async move {
            sleep(ms(1000)).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("ahoy"))))
        }
    });
    let http1 = hyper::server::conn::http1::Builder::new();
    http1
        .serve_connection(TokioIo::new(stream), answer)
        .await
        .ok();
}

async fn call(link: Link, path: &'static str) -> Result<Bytes, bowline_reconnect::Error> {
    let response = link.clone().oneshot(get(path)).await?;
    Ok(response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_their_turn() {
    let (dialer, mut accepted) = network();
    let link: Link = Reconnect::builder(Http1Connector::new(dialer), server(), &maker()).build();
    let seen = Seen::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(accepted.recv().await.unwrap(), seen.clone()));
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for path in ["/one", "http://other.example/two", "/three"] {
        calls.spawn(call(link.clone(), path));
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap(), "ahoy");
    }
    assert_eq!(Instant::now() - began, ms(3000));
    let seen = seen.lines();
    assert_eq!(
        seen,
        [
            "history.example:8080 /one",
            "other.example /two",
            "history.example:8080 /three"
        ]
    );
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn who_was_in_line_when_the_connection_broke_was_not_sent() {
    let (dialer, mut accepted) = network();
    let connector = Http1Connector::new(dialer).waiting_max(3);
    let link: Link = Reconnect::builder(connector, server(), &maker()).build();
    let seen = Seen::default();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(accepted.recv().await.unwrap(), seen.clone()));
    let mut calls = JoinSet::new();
    for path in ["/sent", "/waits", "/waits"] {
        calls.spawn(call(link.clone(), path));
        sleep(ms(1)).await;
    }
    tasks.shutdown().await;
    let mut sent = Vec::new();
    while let Some(result) = calls.join_next().await {
        sent.push(result.unwrap().unwrap_err().sent);
    }
    sent.sort_by_key(|sent| *sent == Sent::No);
    assert_eq!(sent, [Sent::Maybe, Sent::No, Sent::No]);
    assert_eq!(seen.lines().len(), 1);

    tasks.spawn(serve(accepted.recv().await.unwrap(), seen));
    assert_eq!(call(link, "/next").await.unwrap(), "ahoy");
}
