//! The service that a connector hands to a link: calls over one connection, in the words of
//! [`Reconnect`](bowline_reconnect::Reconnect).

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bowline_link::{BoxError, Io, Stamp};
use bowline_reconnect::{
    self as reconnect, Hint, NotSent, ResumeToken, Resumption, Subscriptions, TurnedAway,
    Unauthorized,
};
use bowline_sim::history::Id;
use tower_service::Service;

use super::ledger::{Ledger, redirect, window};
use super::mutant::{Hushed, Mutation};
use crate::calls::{self, Appended, Call, Calls, Connection, Hello, Kept, Met, Welcome, Wish};

/// What a service says of itself when its connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It fails all its calls, and says of each whether it was sent.
    Tells,
    /// It says nothing and wakes nobody, as a service may: `closed` says enough, and all else
    /// is for the link.
    Silent,
}

/// What a link has joined, by the places where it stands.
pub(super) type Joined = Subscriptions<u64, Join>;

/// A request to join what stands at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join(pub(super) u64);

/// What a call is answered with, and on which connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served {
    pub(super) appended: Appended,
    pub(super) epoch: u64,
}

/// Calls over one connection.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    calls: Calls,
    stamp: Stamp,
    manner: Manner,
    /// What a silent one keeps when its connection is over, as long as anybody calls it.
    kept: Arc<OnceLock<Kept>>,
    /// The number that the link gave its connection.
    epoch: Arc<OnceLock<u64>>,
    mutation: Option<Mutation>,
    hushed: Hushed,
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

// === impl Caller ===

impl Caller {
    pub(super) fn new(
        calls: Calls,
        stamp: Stamp,
        manner: Manner,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            calls,
            stamp,
            manner,
            kept: Arc::default(),
            epoch: Arc::default(),
            mutation,
            hushed: Hushed::default(),
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

    /// Makes one round trip.
    pub(super) fn check(&self) -> impl Future<Output = Result<(), calls::Error>> + Send + use<> {
        // A place that nobody joins otherwise.
        self.calls.join(u64::MAX)
    }

    /// Says who we are, learns whether the server remembers, and joins again what was joined.
    pub(super) async fn begin(
        self,
        session: Id,
        context: reconnect::Context,
        joined: Joined,
        ledger: Arc<Ledger>,
    ) -> Result<Resumption, BoxError> {
        let epoch = context.epoch;
        self.epoch.set(epoch).expect("a connection has one session");
        let shown = context.resume.token().map_or(0, |token| {
            let bytes = token.as_bytes().try_into();
            u64::from_be_bytes(bytes.expect("it is one of ours"))
        });
        ledger.shows(shown);
        let hello = Hello {
            session,
            token: shown,
            promised: u8::try_from(joined.len()).expect("a few"),
        };
        let Welcome { met, token } = match self.calls.resume(hello).await {
            Ok(welcome) => welcome,
            Err(calls::Error::Later(wish)) => {
                ledger.asked(wish);
                let source = calls::Error::Later(wish).into();
                let hint = hint(wish);
                return Err(TurnedAway { hint, source }.into());
            }
            Err(stranger @ calls::Error::Stranger) => {
                return Err(Unauthorized(stranger.into()).into());
            }
            Err(error) => return Err(error.into()),
        };
        let resumption = match met {
            Met::Before => Resumption::Resumed,
            Met::Never => Resumption::Fresh,
        };
        ledger.heard(epoch, resumption, token);
        self.stamp.handshake_done();
        match self.mutation {
            Some(Mutation::ForgetToken) => context.resume.forget(),
            _ => context.resume.keep(ResumeToken::new(token.to_be_bytes())?),
        }
        match self.mutation {
            Some(Mutation::SkipRestore) => {}
            Some(Mutation::RestoreBackwards) => {
                for place in (1..=hello.promised.into()).rev() {
                    self.calls.join(place).await?;
                }
            }
            _ => {
                joined.restore(self.clone()).await?;
            }
        }
        Ok(match self.mutation {
            Some(Mutation::LieOfSessions) => Resumption::Resumed,
            _ => resumption,
        })
    }

    fn ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self.calls.poll_ready(cx) {
            Poll::Ready(Err(_)) if self.manner == Manner::Silent => Poll::Pending,
            Poll::Ready(Err(_)) if self.hushed.is_set() => Poll::Pending,
            ready => ready.map_err(Into::into),
        }
    }

    /// Passes on what comes of `answer`, in this service's manner.
    fn answering<T: Send + 'static>(
        &self,
        answer: impl Future<Output = Result<T, calls::Error>> + Send + 'static,
    ) -> Answering<T> {
        let (manner, mutation) = (self.manner, self.mutation);
        let (hushed, kept) = (self.hushed.clone(), Arc::clone(&self.kept));
        Box::pin(async move {
            let answer = answer.await;
            drop(kept);
            let error = match answer {
                Ok(answer) => return Ok(answer),
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

impl Service<Call> for Caller {
    type Response = Served;
    type Error = BoxError;
    type Future = Answering<Served>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let answer = self.calls.call(call);
        let epoch = self.epoch.get().copied().unwrap_or(0);
        self.answering(async move {
            let appended = answer.await?;
            Ok(Served { appended, epoch })
        })
    }
}

impl Service<Join> for Caller {
    type Response = ();
    type Error = BoxError;
    type Future = Answering<()>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, Join(place): Join) -> Self::Future {
        self.answering(self.calls.join(place))
    }
}

/// A wish in the words of a link.
pub(super) fn hint(wish: Wish) -> Hint {
    let mut hint = Hint::default();
    if let Some((from, to)) = window(wish) {
        hint = hint.window(from, to);
    }
    if let Some(to) = redirect(wish) {
        hint = hint.redirect(to);
    }
    match wish.closes_in_ms {
        0 => hint,
        ms => hint.deadline(std::time::Duration::from_millis(ms.into())),
    }
}
