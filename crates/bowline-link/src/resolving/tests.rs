//! Names, races and the deadline round both, on a paused clock over a scripted network.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::*;
use crate::{ConnectTimeout, ConnectTimeoutError};

const NAME: &str = "chat.example";

/// A resolver that answers after a while, and counts how often it is asked.
#[derive(Clone, Default)]
struct Scripted {
    answer: Option<Vec<SocketAddr>>,
    after: Duration,
    asked: Arc<AtomicUsize>,
}

impl Resolve for Scripted {
    type Error = io::Error;

    fn resolve(
        &self,
        _endpoint: Endpoint,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (answer, after) = (self.answer.clone(), self.after);
        async move {
            sleep(after).await;
            answer.ok_or_else(|| io::Error::other("no such name"))
        }
    }
}

/// What an address does: take or refuse after so many milliseconds, or neither.
type Does = Option<(bool, u64)>;

/// A network of scripted addresses, which keeps the far ends.
#[derive(Clone, Default)]
struct Network {
    does: Arc<BTreeMap<SocketAddr, Does>>,
    far: Arc<Mutex<Vec<DuplexStream>>>,
}

impl Network {
    fn new(does: &[Does]) -> Self {
        let does = does.iter().copied().enumerate();
        Self {
            does: Arc::new(does.map(|(n, does)| (address(n), does)).collect()),
            far: Arc::default(),
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.does.keys().copied().collect()
    }

    fn dialer(&self) -> impl Dial<Io = DuplexStream> {
        let network = self.clone();
        tower::service_fn(move |endpoint: Endpoint| {
            let network = network.clone();
            async move {
                let address = endpoint.address().expect("only addresses are dialed");
                match network.does[&address] {
                    None => pending().await,
                    Some((takes, ms)) => {
                        sleep(Duration::from_millis(ms)).await;
                        if !takes {
                            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                        }
                    }
                }
                let (near, far) = tokio::io::duplex(64);
                network.far.lock().unwrap().push(far);
                Ok(near)
            }
        })
    }
}

fn address(n: usize) -> SocketAddr {
    format!("10.0.0.{n}:80").parse().unwrap()
}

fn resolver(answer: Vec<SocketAddr>, after_ms: u64) -> Scripted {
    Scripted {
        answer: Some(answer),
        after: Duration::from_millis(after_ms),
        ..Scripted::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_dialed_without_asking_the_resolver() {
    let network = Network::new(&[Some((true, 0))]);
    let resolver = resolver(vec![], 0);
    let dialer = Resolving::new(resolver.clone(), network.dialer());
    dialer.clone().oneshot(address(0).into()).await.unwrap();
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 0);

    let error = dialer.oneshot(Endpoint::new(NAME, 80)).await.unwrap_err();
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 1);
    assert_eq!(error.to_string(), "chat.example:80 has no address");
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_said_of_each_address() {
    let network = Network::new(&[Some((false, 5)), Some((false, 0))]);
    let dialer = Resolving::new(resolver(network.addresses(), 0), network.dialer());
    let error = dialer.oneshot(Endpoint::new(NAME, 80)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not connect to chat.example:80 at 10.0.0.1:80, nor at 10.0.0.0:80 (connection refused)"
    );
    assert_eq!(error.source().unwrap().to_string(), "connection refused");

    let dialer = Resolving::new(Scripted::default(), network.dialer());
    let error = dialer.oneshot(Endpoint::new(NAME, 80)).await.unwrap_err();
    assert_eq!(error.to_string(), "could not resolve chat.example:80");
    assert_eq!(error.source().unwrap().to_string(), "no such name");
}

#[tokio::test(start_paused = true)]
async fn a_unix_socket_is_passed_on_unresolved() {
    let inner = tower::service_fn(|endpoint: Endpoint| async move {
        Err::<DuplexStream, _>(io::Error::other(format!("called {endpoint}")))
    });
    let resolver = resolver(vec![address(0)], 0);
    let dialer = Resolving::new(resolver.clone(), inner);
    let error = dialer.oneshot(Endpoint::unix("/run/x")).await.unwrap_err();
    assert_eq!(error.to_string(), "called unix:/run/x");
    assert_eq!(resolver.asked.load(Ordering::Relaxed), 0);
}

// contract: link-2
#[tokio::test(start_paused = true)]
async fn the_deadline_names_the_step_it_cut_short() {
    let network = Network::new(&[None, None]);
    let limit = Duration::from_millis(700);
    for (resolving_ms, step) in [
        (1_000, DialStep::Resolving),
        (600, DialStep::Connecting(address(0))),
        (100, DialStep::Connecting(address(1))),
    ] {
        let inner = Resolving::new(
            resolver(network.addresses(), resolving_ms),
            network.dialer(),
        );
        let began = Instant::now();
        let dialer = ConnectTimeout::new(inner, limit);
        let error = dialer.oneshot(Endpoint::new(NAME, 80)).await.unwrap_err();
        assert_eq!(Instant::now() - began, limit);
        let ConnectTimeoutError::Elapsed { step: named, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*named, Some(step));
        let words = format!("no connection to chat.example:80 within 700ms: still {step}");
        assert_eq!(error.to_string(), words);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_connector_to_be_ready_counts_against_the_deadline() {
    let network = Network::new(&[Some((true, 0))]);
    let busy = tower::limit::ConcurrencyLimit::new(network.dialer(), 1);
    let mut first = busy.clone();
    assert!(first.ready().await.is_ok());
    let dialer = ConnectTimeout::new(busy, Duration::from_secs(1));
    let error = dialer.oneshot(address(0).into()).await.unwrap_err();
    assert!(
        matches!(error, ConnectTimeoutError::Elapsed { step: None, .. }),
        "{error:?}"
    );
    drop(first);
}

fn does() -> impl Strategy<Value = Does> {
    proptest::option::weighted(0.7, (any::<bool>(), 0..4_000_u64))
}

proptest! {
    // contract: link-2
    #[test]
    fn the_sum_never_passes_the_deadline(
        script in proptest::collection::vec(does(), 0..20),
        resolving_ms in 0..4_000_u64,
        handshake_ms in 0..2_000_u64,
        limit_ms in 0..5_000_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let limit = Duration::from_millis(limit_ms);
        let network = Network::new(&script);
        let (done, spent) = runtime.block_on(async {
            let resolver = resolver(network.addresses(), resolving_ms);
            let inner = Resolving::new(resolver, network.dialer());
            // A session on top: its handshake shares the deadline as well.
            let session = tower::service_fn(move |endpoint| {
                let inner = inner.clone();
                async move {
                    let stream = inner.oneshot(endpoint).await?;
                    let answered = sleep(Duration::from_millis(handshake_ms));
                    DialStep::Handshake("session").during(answered).await;
                    Ok::<_, ResolvingError>(stream)
                }
            });
            let dialer = ConnectTimeout::new(session, limit);
            let began = Instant::now();
            let done = dialer.oneshot(Endpoint::new(NAME, 80)).await;
            (done, Instant::now() - began)
        });
        // A timer of tokio's rounds up to the next millisecond.
        prop_assert!(spent <= limit + Duration::from_millis(1), "{spent:?} of {limit:?}");
        match &done {
            Ok(_) => prop_assert!(script.iter().any(|does| matches!(does, Some((true, _))))),
            Err(ConnectTimeoutError::Elapsed { after, step, .. }) => {
                prop_assert_eq!(*after, limit);
                prop_assert!(step.is_some());
                prop_assert!(spent >= limit);
            }
            Err(ConnectTimeoutError::Connect(_)) => {}
        }
        // Whatever else was opened is closed: the far ends of all but the winner see the end.
        let mut far = std::mem::take(&mut *network.far.lock().unwrap());
        let open = runtime.block_on(async {
            let mut open = 0;
            for far in &mut far {
                let read = tokio::io::AsyncReadExt::read_u8(far);
                open += usize::from(tokio::time::timeout(Duration::ZERO, read).await.is_err());
            }
            open
        });
        prop_assert_eq!(open, usize::from(done.is_ok()));
    }
}
