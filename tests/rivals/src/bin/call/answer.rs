//! The service that all are measured with: it says what it was told, and does nothing else.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::Service;

/// Answers at once, or when its future is polled for the second time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) when: When,
}

/// When an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    AtOnce,
    /// Others run first, as if a peer had been asked.
    NextTurn,
}

/// The answer of an [`Echo`].
#[derive(Debug)]
pub(crate) struct Answer {
    said: u64,
    when: When,
}

// === impl Echo ===

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, said: u64) -> Answer {
        let when = self.when;
        Answer { said, when }
    }
}

// === impl Answer ===

impl Future for Answer {
    type Output = Result<u64, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.when {
            When::AtOnce => Poll::Ready(Ok(self.said)),
            When::NextTurn => {
                self.when = When::AtOnce;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
