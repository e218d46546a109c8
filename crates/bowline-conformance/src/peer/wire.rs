//! A connection to the scripted peer, as honest as a connection can be: it says when it is
//! over, and each of its errors says whether the request was sent.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::{Answer, Peer, Request};

/// An open connection to a [`Peer`].
///
/// A clone is another handle of the same connection.
#[derive(Debug, Clone)]
pub struct Wire {
    number: u64,
    peer: Peer,
    ending: Arc<Ending>,
}

/// Why a request on a [`Wire`] failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The connection was over before: nothing was sent.
    #[error("the connection is over; nothing was sent")]
    NotSent,
    /// The connection ended before the answer: the peer may have the request.
    #[error("broken pipe: the connection ended before the answer")]
    Lost,
}

/// The end of a connection, for all who wait for it.
#[derive(Debug)]
pub(crate) struct Ending {
    over: AtomicBool,
    until: Option<Instant>,
    told: Notify,
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(number: u64, peer: Peer, ending: Arc<Ending>) -> Self {
        Self {
            number,
            peer,
            ending,
        }
    }

    /// Which connection of the peer it is, from 1.
    pub fn connection(&self) -> u64 {
        self.number
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ending.is_over()
    }

    /// Completes when the connection has ended.
    ///
    /// # Cancellation
    ///
    /// Dropping the future changes nothing.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + Sync + use<> + 'static {
        let ending = Arc::clone(&self.ending);
        async move { ending.wait().await }
    }
}

impl Service<Request> for Wire {
    type Response = Answer;
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, WireError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Poll::Ready(if self.is_over() {
            Err(WireError::NotSent)
        } else {
            Ok(())
        })
    }

    /// Sends `request`; it has reached the peer when this returns.
    fn call(&mut self, request: Request) -> Self::Future {
        if self.is_over() {
            return Box::pin(async { Err(WireError::NotSent) });
        }
        let answer = self.peer.receive(request).then_some(Answer {
            request,
            connection: self.number,
        });
        let over = self.closed();
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = given(answer) => Ok(answer),
                () = over => Err(WireError::Lost),
            }
        })
    }
}

/// The answer, or silence.
async fn given(answer: Option<Answer>) -> Answer {
    match answer {
        Some(answer) => answer,
        None => pending().await,
    }
}

// === impl Ending ===

impl Ending {
    /// An end that comes when it is told to, or at `until`.
    pub(super) fn new(until: Option<Instant>) -> Self {
        Self {
            over: AtomicBool::new(false),
            until,
            told: Notify::new(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let past = |until| until <= Instant::now();
        self.over.load(Ordering::SeqCst) || self.until.is_some_and(past)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }

    async fn wait(&self) {
        let mut told = pin!(self.told.notified());
        // From before the look, or an end between the two would be missed.
        told.as_mut().enable();
        if self.is_over() {
            return;
        }
        let mut timer = self.until.map(|until| Box::pin(sleep_until(until)));
        poll_fn(|cx| {
            if told.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match &mut timer {
                Some(timer) => timer.as_mut().poll(cx),
                None => Poll::Pending,
            }
        })
        .await;
    }
}
