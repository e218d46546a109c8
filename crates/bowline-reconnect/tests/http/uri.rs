//! hyper-util's pooling client over our dialers.

use std::convert::Infallible;

use bowline_link::{BoxError, Endpoint};
use bowline_reconnect::http::{UriDialer, UriError};
use bytes::Bytes;
use http::uri::Scheme;
use http::{Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::duplex;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use super::peer::{get, network};

#[tokio::test]
async fn a_pooling_client_calls_over_our_dialer_and_keeps_what_it_got() {
    for http2 in [false, true] {
        let (dialer, mut accepted) = network();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Some(stream) = accepted.recv().await {
                connections.spawn(async move {
                    let answer = service_fn(|_| async {
                        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("ahoy"))))
                    });
                    let io = TokioIo::new(stream);
                    let served = if http2 {
                        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                        server.serve_connection(io, answer).await
                    } else {
                        let server = hyper::server::conn::http1::Builder::new();
                        server.serve_connection(io, answer).await
                    };
                    served.ok();
                });
                assert_eq!(connections.len(), 1, "the client keeps its connection");
            }
        });
        let dialer = UriDialer::http(dialer);
        let dialer = if http2 { dialer.http2() } else { dialer };
        let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(dialer);
        for _ in 0..3 {
            let answer = client
                .request(get("http://history.example/"))
                .await
                .unwrap();
            let body = answer.into_body().collect().await.unwrap();
            assert_eq!(body.to_bytes(), "ahoy");
        }
        assert_eq!(server.len(), 1);
        assert!(server.try_join_next().is_none(), "the server is well");
    }
}

async fn dial(uri: &'static str, https: bool) -> Result<Endpoint, BoxError> {
    let (tell, dialed) = std::sync::mpsc::channel();
    let dialer = tower::service_fn(move |to: Endpoint| {
        tell.send(to).unwrap();
        async { Ok::<_, BoxError>(duplex(1).0) }
    });
    let mut dialer = if https {
        UriDialer::https(dialer)
    } else {
        UriDialer::http(dialer)
    };
    dialer.ready().await?.call(Uri::from_static(uri)).await?;
    Ok(dialed.recv()?)
}

#[tokio::test]
async fn a_uri_names_its_endpoint() {
    for (uri, https, host, port) in [
        ("http://history.example/rooms", false, "history.example", 80),
        (
            "http://history.example:8080/",
            false,
            "history.example",
            8080,
        ),
        ("https://history.example/", true, "history.example", 443),
        ("http://[::1]:81/", false, "::1", 81),
    ] {
        let endpoint = dial(uri, https).await.unwrap();
        assert_eq!(endpoint, Endpoint::new(host, port));
    }
}

#[tokio::test]
async fn what_is_meant_for_tls_never_leaves_in_the_clear() {
    for (uri, https, accepted) in [
        ("https://history.example/", false, Scheme::HTTP),
        ("http://history.example/", true, Scheme::HTTPS),
        ("/rooms", false, Scheme::HTTP),
    ] {
        let error = dial(uri, https).await.unwrap_err();
        let uri = Uri::from_static(uri);
        let expected = UriError::Scheme { uri, accepted };
        assert_eq!(error.downcast_ref(), Some(&expected));
    }
}
