//! A dialer whose streams lead to a server in the same process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::{BoxError, Dial, Endpoint};
use bowline_policy::backoff::{Jitter, Maker, Schedule};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tower::service_fn;

/// The server's ends of the connections, as they are made.
pub(crate) type Accepted = mpsc::UnboundedReceiver<DuplexStream>;

/// A dialer, and what it dialed.
pub(crate) fn network() -> (impl Dial, Accepted) {
    let (connected, accepted) = mpsc::unbounded_channel();
    let dialer = service_fn(move |_: Endpoint| {
        let (ours, theirs) = duplex(64 * 1024);
        let sent = connected.send(theirs);
        async move {
            sent.map_err(|_| BoxError::from("refused"))?;
            Ok::<_, BoxError>(ours)
        }
    });
    (dialer, accepted)
}

/// Tries again after 10 ms, to the letter.
pub(crate) fn maker() -> Maker {
    let schedule = Schedule::constant(ms(10)).unwrap();
    Maker::new(schedule.jitter(Jitter::None).unwrap(), 1)
}

pub(crate) fn server() -> Endpoint {
    Endpoint::new("history.example", 8080)
}

pub(crate) fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path).body(Empty::new()).unwrap()
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a server saw, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}
