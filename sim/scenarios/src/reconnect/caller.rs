//! The service that a connector hands to a link: calls over one connection, in the words of
//! [`Reconnect`](bowline_reconnect::Reconnect).

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bowline_link::{BoxError, Io};
use bowline_reconnect::{NotSent, Resumption};
use bowline_sim::history::Id;
use tower_service::Service;

use super::mutant::{Hushed, Mutation};
use crate::calls::{self, Appended, Call, Calls, Connection, Kept, Met};

/// What a service says of itself when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It fails all its calls, and says of each whether it was sent.
    Tells,
    /// It says nothing and wakes nobody, as a service may: `closed` says enough, and all else
    /// is for the link.
    Silent,
}

/// Calls over one connection.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    calls: Calls,
    manner: Manner,
    /// What a silent one keeps when its connection is over, as long as anybody calls it.
    kept: Arc<OnceLock<Kept>>,
    mutation: Option<Mutation>,
    hushed: Hushed,
}

// === impl Caller ===

impl Caller {
    pub(super) fn new(calls: Calls, manner: Manner, mutation: Option<Mutation>) -> Self {
        let hushed = Hushed::default();
        Self {
            calls,
            manner,
            kept: Arc::default(),
            mutation,
            hushed,
        }
    }

    /// The work and the end of the connection below.
    pub(super) fn closed<I: Io>(
        &self,
        connection: Connection<I>,
    ) -> impl Future<Output = BoxError> + Send + use<I> {
        let (manner, mutation) = (self.manner, self.mutation);
        let (kept, hushed) = (Arc::clone(&self.kept), self.hushed.clone());
        async move {
            let (end, calls) = connection.run_and_keep().await;
            match manner {
                Manner::Tells => drop(calls),
                Manner::Silent => kept.set(calls).expect("a connection ends once"),
            }
            hushed.tell(end, mutation).await
        }
    }

    /// Says who we are, and learns whether the server remembers.
    pub(super) async fn greet(self, session: Id) -> Result<Resumption, BoxError> {
        Ok(match self.calls.greet(session).await? {
            Met::Before => Resumption::Resumed,
            Met::Never => Resumption::Fresh,
        })
    }
}

impl Service<Call> for Caller {
    type Response = Appended;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Appended, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.calls.poll_ready(cx) {
            Poll::Ready(Err(_)) if self.manner == Manner::Silent => Poll::Pending,
            Poll::Ready(Err(_)) if self.hushed.is_set() => Poll::Pending,
            ready => ready.map_err(Into::into),
        }
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (answer, manner) = (self.calls.call(call), self.manner);
        let (hushed, mutation) = (self.hushed.clone(), self.mutation);
        let kept = Arc::clone(&self.kept);
        Box::pin(async move {
            let answer = answer.await;
            drop(kept);
            let error = match answer {
                Ok(appended) => return Ok(appended),
                Err(error) => error,
            };
            let denies = mutation == Some(Mutation::DenySending);
            match error {
                _ if manner == Manner::Silent || hushed.is_set() => std::future::pending().await,
                calls::Error::Unsent => Err(NotSent(error.into()).into()),
                _ if denies => Err(NotSent(error.into()).into()),
                _ => Err(error.into()),
            }
        })
    }
}
