//! Parts of a client with one thing broken on purpose: what the checks must find.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::backoff::{Invalid, Jitter, Schedule};
use bowline_policy::heartbeat::Death;
use bowline_reconnect::{Error, Sent};
use tower::ServiceExt as _;
use tower_service::Service;

use crate::calls::{Appended, Call};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// The connector's session does not fail its calls when the stream ends, nor says that
    /// it did.
    ForgetCalls,
    /// The connector does not do as the heartbeat says.
    IgnoreVerdict,
    /// The client makes a call again that may have been carried out.
    ReplayMaybe,
    /// The connector says of every call that failed that it was not sent.
    DenySending,
    /// The connector opens two streams and keeps both.
    DialTwice,
    /// No client varies how long it waits before it dials.
    NoJitter,
}

/// Whether the end of a connection is kept secret, which only a mutation does.
#[derive(Debug, Clone, Default)]
pub(super) struct Hushed(Arc<AtomicBool>);

/// What a client calls: the link, or one that calls again when it must not.
#[derive(Debug, Clone)]
pub(super) struct Insistent<S> {
    link: S,
    again: bool,
}

/// A schedule that all who follow it follow in step.
pub(super) fn unvaried() -> Result<Schedule, Invalid> {
    Schedule::constant(Duration::from_millis(400))?.jitter(Jitter::None)
}

// === impl Hushed ===

impl Hushed {
    /// Passes on why a connection ended, unless `mutation` keeps it secret.
    pub(super) async fn tell(self, end: BoxError, mutation: Option<Mutation>) -> BoxError {
        let hushes = match mutation {
            Some(Mutation::ForgetCalls) => true,
            Some(Mutation::IgnoreVerdict) => end.is::<Death>(),
            Some(
                Mutation::ReplayMaybe
                | Mutation::DenySending
                | Mutation::DialTwice
                | Mutation::NoJitter,
            )
            | None => false,
        };
        if hushes {
            self.0.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        end
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Insistent ===

impl<S> Insistent<S> {
    pub(super) fn new(link: S, mutation: Option<Mutation>) -> Self {
        let again = mutation == Some(Mutation::ReplayMaybe);
        Self { link, again }
    }
}

impl<S> Service<Call> for Insistent<S>
where
    S: Service<Call, Response = Appended, Error = Error, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
{
    type Response = Appended;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Appended, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.link.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let answer = self.link.call(call);
        let again = self.again.then(|| self.link.clone());
        Box::pin(async move {
            match (answer.await, again) {
                (Err(error), Some(link)) if error.sent == Sent::Maybe => link.oneshot(call).await,
                (answer, _) => answer,
            }
        })
    }
}
