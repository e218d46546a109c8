//! What is pooled: a stream to the server, past its handshake. It decides nothing: whether
//! it is fit for another caller is [`Raw`]'s to say, unless that is broken on purpose.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bowline_link::{BoxError, Endpoint};
use bowline_pool::{Death, Raw, Reuse};
use bowline_sim::history::Id;
use bowline_sim::net::Stream;
use bowline_sim::scenario::Node;
use tokio::time::Instant;
use tower_service::Service;

use super::books::{Books, Counted};
use super::gauge::{Gauge, millis};
use super::pulse::Pulse;
use super::{Mutation, SILENCE, Shared};
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
    books: Arc<Books>,
    /// Which of the pool's connections it is.
    number: u64,
    pulse: Arc<Pulse>,
    /// How often the pool had been cleared when its dial began.
    born_in: u64,
    opened_at: Instant,
    proved_at: Instant,
    /// When it last came to the pool, or was pinged there.
    idle_since: Instant,
    /// How it was found to have ended on its way back.
    seen: Option<Death>,
    /// It came back, and the hook on return has not run since.
    unreset: bool,
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
        self.books.dials();
        let born_in = self.books.clears();
        let open = self.books.count(Gauge::Open);
        let _dialing = self.books.count(Gauge::Dialing);
        let mut io = self.node.dialer().call(endpoint).await?;
        calls::greet(&mut io, self.session).await?;
        let pulse = Pulse::new(self.books.watch.clone());
        let now = Instant::now();
        Ok(Line {
            raw: Raw::new(io),
            _open: open,
            number: self.books.enter(Arc::clone(&pulse)),
            pulse,
            books: self.books,
            born_in,
            opened_at: now,
            proved_at: now,
            idle_since: now,
            seen: None,
            unreset: false,
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
        let now = Instant::now();
        self.idle_since = now;
        self.unreset = true;
        if self.raw.is_settled() {
            self.proved_at = now;
            self.pulse.parks();
            // From here on its end is noted, whoever looks.
            if !self.keeps_quiet() {
                self.seen = self.look(Waker::noop());
            }
        }
    }

    /// It was lent now. What that says against the pool goes into the books.
    pub(super) fn lent(&self) {
        let now = Instant::now();
        self.pulse.leaves();
        let books = &self.books;
        books.read(Gauge::IdleWhenLent, millis(now - self.idle_since));
        books.read(Gauge::AgeWhenLent, millis(now - self.opened_at));
        books.read(Gauge::ProofWhenLent, millis(now - self.proved_at));
        let cleared = self.born_in < books.clears();
        books.read(Gauge::ClearedWhenLent, cleared.into());
        let unreset = self.unreset && books.terms.resets;
        books.read(Gauge::UnresetWhenLent, unreset.into());
    }

    /// The hook on return: an exchange that puts the session back to its beginning.
    pub(super) async fn reset(&mut self) -> Result<(), BoxError> {
        calls::ping(&mut self.raw, SILENCE / 3).await?;
        self.unreset = false;
        Ok(())
    }

    async fn prove(&mut self) -> Result<(), BoxError> {
        if self.mutation != Some(Mutation::PlayAnswering) {
            calls::ping(&mut self.raw, SILENCE / 3).await?;
        }
        self.raw.settle();
        let now = Instant::now();
        (self.proved_at, self.idle_since) = (now, now);
        self.pulse.parks();
        Ok(())
    }

    /// How it died, if it did; what wakes it wakes `waker`.
    fn look(&mut self, waker: &Waker) -> Option<Death> {
        if self.seen.is_some() {
            return self.seen;
        }
        let waker = self.pulse.listens(waker);
        let look = std::future::poll_fn(|context| self.raw.poll_closed(context));
        let look = pin!(tokio::task::coop::unconstrained(look));
        let death = match look.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(death) => Some(death),
            Poll::Pending => None,
        };
        self.pulse.looked(death.is_some());
        death
    }

    /// Whether it says nothing of its end, and so must not look: looking takes away what
    /// it finds.
    fn keeps_quiet(&self) -> bool {
        let quiet = [Mutation::PlayHealthy, Mutation::MixUpAnswers];
        self.mutation
            .is_some_and(|mutation| quiet.contains(&mutation))
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
        if self.keeps_quiet() {
            // What is unread stays so, for the next caller to read.
            let told = self.broken && self.mutation == Some(Mutation::MixUpAnswers);
            return match told {
                true => Poll::Ready(Death::Failed),
                false => Poll::Pending,
            };
        }
        let death = self.look(context.waker());
        let is_caller = context.waker().will_wake(Waker::noop());
        match death {
            Some(_) if self.mutation == Some(Mutation::SleepThroughEnds) && !is_caller => {
                Poll::Pending
            }
            Some(death) => Poll::Ready(death),
            None => Poll::Pending,
        }
    }

    fn is_settled(&self) -> bool {
        self.mutation == Some(Mutation::MixUpAnswers) || self.raw.is_settled()
    }

    fn settle(&mut self) {
        self.raw.settle();
    }

    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        (self.mutation != Some(Mutation::NeverPing)).then(|| self.prove())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.books.strike(self.number);
    }
}
