//! Sessions that take requests and do with each what it says.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::from_fn;
use bowline_pool::{CloseReason, Death, Event, Pool, Reuse, Settings};
use tokio::time::{Sleep, sleep};
use tower::Service;

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask {
    /// It is answered after this long.
    Answer(Duration),
    /// It fails.
    Fail,
    /// Nothing, ever.
    Silence,
}

/// When a session is ready for its first request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Readiness {
    After(Duration),
    Never,
    /// It says that it will never be.
    Fails,
}

/// A server in memory, and what happened in its pools.
#[derive(Clone)]
pub(crate) struct Server {
    opened: Arc<AtomicUsize>,
    served: Arc<AtomicUsize>,
    readiness: Readiness,
    /// Its sessions say of themselves that they are settled whatever happens.
    trusting: bool,
    closed: Arc<Mutex<Vec<CloseReason>>>,
}

pub(crate) struct Session {
    id: usize,
    touched: bool,
    server: Server,
    wait: Pin<Box<Sleep>>,
}

pub(crate) type Response = Pin<Box<dyn Future<Output = Result<usize, BoxError>> + Send>>;

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn settings(max: usize) -> Settings {
    Settings::new(max, 1).unwrap().wait(ms(1_000)).unwrap()
}

// === impl Server ===

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            opened: Arc::default(),
            served: Arc::default(),
            readiness: Readiness::After(Duration::ZERO),
            trusting: false,
            closed: Arc::default(),
        }
    }

    pub(crate) fn ready(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }

    pub(crate) fn trusting(self) -> Self {
        Self {
            trusting: true,
            ..self
        }
    }

    pub(crate) fn pool(&self, settings: Settings) -> Pool<Session> {
        let server = self.clone();
        let connect = tower::service_fn(move |_: Endpoint| {
            let session = server.open();
            async { Ok::<_, BoxError>(session) }
        });
        let closed = Arc::clone(&self.closed);
        let observer = from_fn(move |event: &Event| {
            if let Event::Closed { reason, .. } = event {
                closed.lock().unwrap().push(*reason);
            }
        });
        let endpoint = Endpoint::new("chat.example", 7400);
        Pool::observed(connect, endpoint, settings, Arc::new(observer))
    }

    fn open(&self) -> Session {
        let wait = match self.readiness {
            Readiness::After(wait) => wait,
            Readiness::Never | Readiness::Fails => Duration::MAX,
        };
        Session {
            id: self.opened.fetch_add(1, Ordering::SeqCst),
            touched: false,
            server: self.clone(),
            wait: Box::pin(sleep(wait)),
        }
    }

    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Requests that arrived.
    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    pub(crate) fn closed(&self) -> Vec<CloseReason> {
        self.closed.lock().unwrap().clone()
    }
}

// === impl Session ===

impl Reuse for Session {
    fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<Death> {
        Poll::Pending
    }

    fn is_settled(&self) -> bool {
        self.server.trusting || !self.touched
    }

    fn settle(&mut self) {
        self.touched = false;
    }
}

impl Service<Ask> for Session {
    /// The session's number.
    type Response = usize;
    type Error = BoxError;
    type Future = Response;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if let Readiness::Fails = self.server.readiness {
            return Poll::Ready(Err("the session is over".into()));
        }
        ready!(self.wait.as_mut().poll(context));
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Response {
        self.touched = true;
        self.server.served.fetch_add(1, Ordering::SeqCst);
        let id = self.id;
        Box::pin(async move {
            match ask {
                Ask::Answer(after) => {
                    if !after.is_zero() {
                        sleep(after).await;
                    }
                    Ok(id)
                }
                Ask::Fail => Err("that went wrong".into()),
                Ask::Silence => std::future::pending().await,
            }
        })
    }
}
