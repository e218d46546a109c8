//! The endpoint over a fake listener: who asks rightly is answered, who does not harms nobody.

use std::future::pending;
use std::io;
use std::net::SocketAddr;

use bowline_link::tcp;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tower::ServiceExt;

use super::*;

const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// Hands over the streams it is sent.
struct Streams(mpsc::Receiver<io::Result<DuplexStream>>);

impl Listen for Streams {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(stream) => Ok((stream?, ([127, 0, 0, 1], 1).into())),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 7401).into())
    }
}

/// An endpoint over duplex streams.
struct Endpoint {
    streams: mpsc::Sender<io::Result<DuplexStream>>,
    registry: Registry,
    tasks: JoinSet<()>,
    shutdown: oneshot::Sender<()>,
}

impl Endpoint {
    fn start() -> Self {
        let (streams, accepted) = mpsc::channel(2 * CONNECTIONS_MAX);
        let (shutdown, told) = oneshot::channel();
        let registry = Registry::new(CATALOGUE);
        let mut tasks = JoinSet::new();
        let told = async { told.await.unwrap_or(()) };
        tasks.spawn(serve(Streams(accepted), registry.clone(), told));
        Self {
            streams,
            registry,
            tasks,
            shutdown,
        }
    }

    async fn connect(&self) -> DuplexStream {
        let (ours, theirs) = duplex(256);
        self.streams.send(Ok(theirs)).await.unwrap();
        ours
    }

    /// What a client reads that sends `request`.
    async fn asked(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn assert_line(&self, line: &str) {
        let text = self.registry.render();
        assert!(
            text.lines().any(|found| found == line),
            "no {line} in {text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_scrape_gets_every_series_as_prometheus_text() {
    let endpoint = Endpoint::start();
    let page = r##"# HELP bowline_metrics_failures_total Connections to the metrics endpoint that failed, by how.
# TYPE bowline_metrics_failures_total counter
bowline_metrics_failures_total{reason="aborted"} 0
bowline_metrics_failures_total{reason="accept"} 0
bowline_metrics_failures_total{reason="bad_request"} 0
bowline_metrics_failures_total{reason="timeout"} 0
# HELP bowline_metrics_requests_total Requests to the metrics endpoint, by how they were answered.
# TYPE bowline_metrics_requests_total counter
bowline_metrics_requests_total{outcome="not_allowed"} 0
bowline_metrics_requests_total{outcome="not_found"} 0
bowline_metrics_requests_total{outcome="ok"} 1
"##;
    let head = format!(
        "HTTP/1.1 200 OK\r\n\
         content-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         connection: close\r\n\
         content-length: {}\r\n\r\n",
        page.len()
    );
    assert_eq!(endpoint.asked(GET).await, head + page);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_path_is_told_the_right_one_and_a_wrong_method_too() {
    let endpoint = Endpoint::start();
    let not_found = endpoint.asked(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(not_found.starts_with("HTTP/1.1 404 "), "{not_found}");
    assert!(
        not_found.ends_with("the metrics are at /metrics\n"),
        "{not_found}"
    );
    let posted = b"POST /metrics HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbowline=1";
    let not_allowed = endpoint.asked(posted).await;
    assert!(not_allowed.starts_with("HTTP/1.1 405 "), "{not_allowed}");
    assert!(not_allowed.contains("\r\nallow: GET\r\n"), "{not_allowed}");
    endpoint.assert_line(r#"bowline_metrics_requests_total{outcome="not_found"} 1"#);
    endpoint.assert_line(r#"bowline_metrics_requests_total{outcome="not_allowed"} 1"#);
    endpoint.assert_line(r#"bowline_metrics_requests_total{outcome="ok"} 0"#);
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_its_own_connection_alone() {
    let endpoint = Endpoint::start();
    let mut waiting = endpoint.connect().await;
    let refused = endpoint
        .asked(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        .await;
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    drop(endpoint.connect().await);
    let mut cut = endpoint.connect().await;
    cut.write_all(b"GET /metr").await.unwrap();
    drop(cut);
    waiting.write_all(GET).await.unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    endpoint.assert_line(r#"bowline_metrics_failures_total{reason="bad_request"} 1"#);
    endpoint.assert_line(r#"bowline_metrics_failures_total{reason="aborted"} 1"#);
}

#[tokio::test(start_paused = true)]
async fn a_head_without_an_end_is_cut_at_its_limit() {
    let endpoint = Endpoint::start();
    let mut endless = b"GET /metrics HTTP/1.1\r\nx: ".to_vec();
    endless.resize(2 * HEAD_BYTES_MAX, b'x');
    let mut stream = endpoint.connect().await;
    // It may be closed before all of it was written.
    stream.write_all(&endless).await.ok();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    endpoint.assert_line(r#"bowline_metrics_failures_total{reason="bad_request"} 1"#);
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_keeps_a_scraper_waiting_no_longer_than_the_header_timeout() {
    let endpoint = Endpoint::start();
    let began = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX - 1 {
        silent.push(endpoint.connect().await);
    }
    endpoint.asked(GET).await;
    assert_eq!(Instant::now() - began, Duration::ZERO, "one place was free");
    silent.push(endpoint.connect().await);
    let answer = endpoint.asked(GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let waited = Instant::now() - began;
    assert!(
        waited >= HEADER_TIMEOUT,
        "{waited:?}: more places than told"
    );
    assert!(
        waited < HEADER_TIMEOUT + Duration::from_millis(10),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut() {
    let endpoint = Endpoint::start();
    // The page does not fit the stream's buffer of 256 bytes.
    let mut stream = endpoint.connect().await;
    stream.write_all(GET).await.unwrap();
    sleep(CONNECTION_TIMEOUT + Duration::from_millis(10)).await;
    endpoint.assert_line(r#"bowline_metrics_failures_total{reason="timeout"} 1"#);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer.len(), 256);
}

#[tokio::test(start_paused = true)]
async fn a_failed_accept_is_counted_and_the_next_one_made() {
    let endpoint = Endpoint::start();
    let error = io::Error::from(io::ErrorKind::OutOfMemory);
    endpoint.streams.send(Err(error)).await.unwrap();
    let answer = endpoint.asked(GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    endpoint.assert_line(r#"bowline_metrics_failures_total{reason="accept"} 1"#);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_nobody() {
    let mut endpoint = Endpoint::start();
    let mut silent = endpoint.connect().await;
    endpoint.asked(GET).await;
    let began = Instant::now();
    endpoint.shutdown.send(()).unwrap();
    endpoint.tasks.join_next().await.unwrap().unwrap();
    assert_eq!(Instant::now() - began, Duration::ZERO);
    assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_real_socket_answers_beside_a_silent_and_a_rude_client() {
    let listener = tcp::Listener::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener, Registry::new(CATALOGUE), pending()));
    let connect = || tcp::Dialer::new().oneshot(address.into());

    let _silent = connect().await.unwrap();
    let mut rude = connect().await.unwrap();
    rude.write_all(&[0xff; 64]).await.unwrap();
    drop(rude);
    let mut scraper = connect().await.unwrap();
    scraper.write_all(GET).await.unwrap();
    let mut answer = String::new();
    scraper.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let counted = "bowline_metrics_requests_total{outcome=\"ok\"} 1\n";
    assert!(answer.ends_with(counted), "{answer}");
}
