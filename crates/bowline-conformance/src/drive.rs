//! How a law drives its subject: on a clock of its own, with a patience that ends.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use crate::law::Trial;
use crate::{Answer, BoxError, Lacks, Law, Peer, Request, Verdict};

/// How often one wait may poll `poll_ready` before the subject is said to spin.
/// A wait for a driver, a timer and a dial needs a handful.
pub(crate) const POLLS_MAX: usize = 10_000;

/// How long a law waits for what should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Judges `law` on a paused clock of its own. What panics breaks it.
pub(crate) fn judge<F>(law: Law, exempt: Option<&'static str>, trial: F) -> Verdict
where
    F: AsyncFnOnce(&mut Trial),
{
    let mut seen = Trial::new(law);
    if let Some(reason) = exempt {
        seen.lacks(Lacks(reason));
        return seen.verdict();
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("the system has a file descriptor left for a runtime");
    let judged = AssertUnwindSafe(|| runtime.block_on(trial(&mut seen)));
    if let Err(panic) = catch_unwind(judged) {
        seen.breach(format!("it panicked: {}", panic_text(&*panic)));
    }
    seen.verdict()
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) enum Miss {
    /// `poll_ready` failed.
    Closed(BoxError),
    /// `poll_ready` was polled over and over, and led nowhere.
    Spins,
    /// The call failed.
    Failed(BoxError),
}

/// Waits until `service` grants a call, however long that takes.
pub(crate) async fn ready<S>(service: &mut S) -> Result<(), Miss>
where
    S: Service<Request, Error: Into<BoxError>>,
{
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if polls > POLLS_MAX {
            return Poll::Ready(Err(Miss::Spins));
        }
        let ready = service.poll_ready(cx);
        ready.map_err(|error| Miss::Closed(error.into()))
    })
    .await
}

/// Makes one call, when it is granted, and waits for its answer.
pub(crate) async fn call<S>(service: &mut S, request: Request) -> Result<Answer, Miss>
where
    S: Service<Request, Response = Answer, Error: Into<BoxError>>,
{
    ready(service).await?;
    let answer = service.call(request).await;
    answer.map_err(|error| Miss::Failed(error.into()))
}

/// Calls again and again, `pause` after each answer or failed call, until the service is
/// closed: what keeps alive a service that acts only when it is asked.
pub(crate) async fn insist<S>(service: &mut S, peer: &Peer, pause: Duration) -> Miss
where
    S: Service<Request, Response = Answer, Error: Into<BoxError>>,
{
    loop {
        match call(service, peer.request()).await {
            Ok(_) | Err(Miss::Failed(_)) => sleep(pause).await,
            Err(end @ (Miss::Closed(_) | Miss::Spins)) => return end,
        }
    }
}

/// Insists for as long as `limit`; says why it ended before, if it did.
pub(crate) async fn insist_for<S>(
    service: &mut S,
    peer: &Peer,
    pause: Duration,
    limit: Duration,
) -> Option<Miss>
where
    S: Service<Request, Response = Answer, Error: Into<BoxError>>,
{
    timeout(limit, insist(service, peer, pause)).await.ok()
}

/// Insists until the peer has seen `dials`, for at most `limit`.
pub(crate) async fn insist_until<S>(
    service: &mut S,
    peer: &Peer,
    pause: Duration,
    dials: usize,
    limit: Duration,
) -> Option<Miss>
where
    S: Service<Request, Response = Answer, Error: Into<BoxError>>,
{
    let insisting = insist_for(service, peer, pause, limit);
    tokio::select! {
        biased;
        () = peer.has_seen(dials) => None,
        end = insisting => end,
    }
}

/// Polls `poll_ready` once, now.
pub(crate) async fn poll_once<S>(service: &mut S) -> Poll<Result<(), BoxError>>
where
    S: Service<Request, Error: Into<BoxError>>,
{
    poll_fn(|cx| Poll::Ready(service.poll_ready(cx).map_err(Into::into))).await
}

/// The middle one, or zero of none.
pub(crate) fn median(of: &[Duration]) -> Duration {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

// === impl Miss ===

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed(error) => write!(f, "poll_ready failed: {error}"),
            Self::Spins => write!(f, "it was polled {POLLS_MAX} times and led nowhere"),
            Self::Failed(error) => write!(f, "the call failed: {error}"),
        }
    }
}
