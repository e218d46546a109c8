//! What is pooled: a stream to the server, past its handshake. It decides nothing: whether
//! it is fit for another caller is [`Raw`]'s to say, unless that is broken on purpose.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_pool::{Death, Raw, Reuse};
use bowline_sim::history::Id;
use bowline_sim::net::Stream;
use bowline_sim::scenario::Node;
use tokio::time::Instant;
use tower_service::Service;

use super::books::{Books, Counted, Gauge};
use super::{Mutation, Shared};
use crate::calls::{self, Appended, Call};

/// Opens lines for one application.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    node: Node<Shared>,
    books: Arc<Books>,
    session: Id,
    mutation: Option<Mutation>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Line {
    // Closed before it is counted off.
    raw: Raw<Stream>,
    _open: Counted,
    /// When its caller gave it back.
    returned_at: Option<Instant>,
    /// A call failed on it.
    broken: bool,
    mutation: Option<Mutation>,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(
        node: Node<Shared>,
        books: Arc<Books>,
        session: Id,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            node,
            books,
            session,
            mutation,
        }
    }

    async fn open(self, endpoint: Endpoint) -> Result<Line, BoxError> {
        let open = self.books.count(Gauge::Open);
        let _dialing = self.books.count(Gauge::Dialing);
        let mut io = self.node.dialer().call(endpoint).await?;
        calls::greet(&mut io, self.session).await?;
        Ok(Line {
            raw: Raw::new(io),
            _open: open,
            returned_at: None,
            broken: false,
            mutation: self.mutation,
        })
    }
}

impl Service<Endpoint> for Lines {
    type Response = Line;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Line, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Box::pin(self.clone().open(endpoint))
    }
}

// === impl Line ===

impl Line {
    /// Asks, and takes the next answer for its own.
    pub(super) async fn call(&mut self, call: Call) -> io::Result<Appended> {
        let answer = async {
            calls::ask(&mut self.raw, call).await?;
            calls::answer(&mut self.raw).await
        };
        let answer = answer.await;
        self.broken |= answer.is_err();
        answer
    }

    /// Asks and leaves the answer to whom it may concern.
    pub(super) async fn ask(&mut self, call: Call) -> io::Result<()> {
        calls::ask(&mut self.raw, call).await
    }

    /// It goes back to the pool now.
    pub(super) fn returns(&mut self) {
        self.returned_at = Some(Instant::now());
    }

    /// It was lent now: how long it had been parked, unless it is new.
    pub(super) fn lent(&mut self) -> Option<Duration> {
        let returned_at = self.returned_at.take()?;
        Some(Instant::now() - returned_at)
    }

    /// Whether it has ended, in fact and whatever it says.
    pub(super) fn has_ended(&mut self) -> bool {
        let look = std::future::poll_fn(|context| self.raw.poll_closed(context));
        let look = pin!(tokio::task::coop::unconstrained(look));
        look.poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }
}

impl Reuse for Line {
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death> {
        match self.mutation {
            Some(Mutation::PlayHealthy) => Poll::Pending,
            // What is unread stays so, for the next caller to read.
            Some(Mutation::MixUpAnswers) if self.broken => Poll::Ready(Death::Failed),
            Some(Mutation::MixUpAnswers) => Poll::Pending,
            Some(Mutation::KeepOne) | None => self.raw.poll_closed(context),
        }
    }

    fn is_settled(&self) -> bool {
        self.mutation == Some(Mutation::MixUpAnswers) || self.raw.is_settled()
    }

    fn settle(&mut self) {
        self.raw.settle();
    }
}
