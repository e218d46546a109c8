//! The /metrics endpoint: one page on a listener of its own. It knows no TLS and
//! no passwords, so that listener belongs on loopback or behind something that does.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{AcceptNext, Io, Listen};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::{Counter, Recorder};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::{Family, Label, Metric, Registry, Word, Words};

/// How long a client may take to ask. A scraper asks with its first packet.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last in all, the answer's way to a slow reader
/// included: as long as Prometheus by default waits for a scrape.
pub const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How many connections are served at once. Further ones wait in the backlog for a
/// place, which nobody keeps for longer than [`CONNECTION_TIMEOUT`]. Far more than
/// scrapers need, who ask once per connection.
pub const CONNECTIONS_MAX: usize = 64;

/// How many bytes the head of a request may have; the least that hyper allows.
pub const HEAD_BYTES_MAX: usize = 8192;

/// How often what histograms observed is summed up, whether anybody scrapes or not.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What the page is: Prometheus's text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

const OUTCOMES: Words = Words::new(&["ok", "not_found", "not_allowed"]);
const FAILURES: Words = Words::new(&["accept", "bad_request", "timeout", "aborted"]);

const REQUESTS: Metric = Metric::counter(
    "bowline_metrics_requests_total",
    &[Label::one_of("outcome", OUTCOMES)],
    "Requests to the metrics endpoint, by how they were answered.",
);
const FAILED: Metric = Metric::counter(
    "bowline_metrics_failures_total",
    &[Label::one_of("reason", FAILURES)],
    "Connections to the metrics endpoint that failed, by how.",
);

pub(crate) const CATALOGUE: &[Metric] = &[REQUESTS, FAILED];

/// The endpoint's own metrics.
#[derive(Debug)]
struct Meters {
    requests: Family<Counter>,
    failed: Family<Counter>,
}

/// Answers `GET /metrics` with what `registry` holds until `shutdown` resolves.
///
/// One request per connection. What a client does wrong or leaves undone ends
/// its own connection, within [`CONNECTION_TIMEOUT`], and shows in the endpoint's
/// own metrics. The registry's [`upkeep`](Registry::upkeep) is done here too.
///
/// On shutdown, answers under way are cut: half a page is never taken for a whole
/// one, since its length was told before.
///
/// # Cancellation
///
/// Dropping the future is the same as a shutdown.
pub async fn serve<L: Listen>(
    mut listener: L,
    registry: Registry,
    shutdown: impl Future<Output = ()>,
) {
    let meters = Arc::new(Meters::new(registry.recorder()));
    let mut connections = JoinSet::new();
    let mut upkeep = interval(UPKEEP_INTERVAL);
    upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            _ = upkeep.tick() => registry.upkeep(),
            Some(ended) = connections.join_next() => ended.unwrap_or_else(resume),
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((io, _peer)) => {
                    connections.spawn(connection(io, registry.clone(), meters.clone()));
                }
                Err(error) => {
                    meters.failed.of(const { FAILURES.word("accept") }).increment(1);
                    if let AcceptNext::After(pause) = AcceptNext::after_error(&error) {
                        sleep(pause).await;
                    }
                }
            },
        }
    }
    connections.shutdown().await;
}

async fn connection<I: Io>(io: I, registry: Registry, meters: Arc<Meters>) {
    let service = service_fn(|request| ready(meters.answer(&request, &registry)));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        // The time of day is not ours to read here, and no scraper asks for it.
        .auto_date_header(false)
        .serve_connection(TokioIo::new(io), service);
    let failure = match timeout(CONNECTION_TIMEOUT, served).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => failure(&error),
        Err(_) => const { FAILURES.word("timeout") },
    };
    meters.failed.of(failure).increment(1);
}

fn failure(error: &hyper::Error) -> Word {
    if error.is_parse() {
        const { FAILURES.word("bad_request") }
    } else if error.is_timeout() {
        const { FAILURES.word("timeout") }
    } else {
        const { FAILURES.word("aborted") }
    }
}

/// A panic of a connection's task is ours, not its client's.
fn resume(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        resume_unwind(panic);
    }
}

// === impl Meters ===

impl Meters {
    fn new(recorder: &dyn Recorder) -> Self {
        Self {
            requests: REQUESTS.each(recorder, &[]),
            failed: FAILED.each(recorder, &[]),
        }
    }

    fn answer<B>(
        &self,
        request: &Request<B>,
        registry: &Registry,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (status, outcome) = if request.uri().path() != "/metrics" {
            (StatusCode::NOT_FOUND, const { OUTCOMES.word("not_found") })
        } else if request.method() != Method::GET {
            let not_allowed = const { OUTCOMES.word("not_allowed") };
            (StatusCode::METHOD_NOT_ALLOWED, not_allowed)
        } else {
            (StatusCode::OK, const { OUTCOMES.word("ok") })
        };
        // Before the page is written, which therefore counts itself.
        self.requests.of(outcome).increment(1);
        let page = match status {
            StatusCode::OK => registry.render().into(),
            StatusCode::METHOD_NOT_ALLOWED => Bytes::from_static(b"only GET is answered here\n"),
            _ => Bytes::from_static(b"nothing is here; the metrics are at /metrics\n"),
        };
        let mut response = Response::new(Full::new(page));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
