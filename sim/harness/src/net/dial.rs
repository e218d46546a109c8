//! Opening simulated streams, or hanging and being refused as on Linux.

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::Endpoint;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tower_service::Service;

use super::state::Path;
use super::wire::Side;
use super::{Net, Place, Stream};
use crate::trace::What;

/// Dials on behalf of one node; a `Dial` of bowline-link.
///
/// An endpoint's host is a node's name or the address of a host.
///
/// # Errors
///
/// `NotFound` for a name nobody has, `ConnectionRefused` where nobody listens; else the
/// dial lasts as long as a fault does: it has no deadline of its own.
///
/// # Cancellation
///
/// Dropping the future of a dial gives it up. If the peer had accepted it, the peer sees
/// the stream end.
#[derive(Debug, Clone)]
pub struct Dialer {
    net: Net,
    node: Arc<str>,
}

/// From whom to whom a dial goes.
#[derive(Debug)]
struct Route {
    net: Net,
    from: Place,
    to: Place,
    port: u16,
}

/// A dial under way in the simulator.
#[derive(Debug)]
struct Attempt {
    answer: oneshot::Receiver<io::Result<Stream>>,
    task: AbortHandle,
}

// === impl Dialer ===

impl Dialer {
    pub(super) fn new(net: Net, node: &str) -> Self {
        let node = node.into();
        Self { net, node }
    }
}

impl Service<Endpoint> for Dialer {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { Route::plan(dialer, &endpoint)?.dial().await })
    }
}

// === impl Route ===

impl Route {
    fn plan(dialer: Dialer, endpoint: &Endpoint) -> io::Result<Self> {
        let Dialer { net, node } = dialer;
        let from = net.place(&node)?;
        let name = match endpoint.host().parse::<IpAddr>() {
            Ok(address) => turmoil::reverse_lookup(address),
            Err(_) => Some(endpoint.host().to_owned()),
        };
        let to = name.and_then(|name| net.place(&name).ok()).ok_or_else(|| {
            let message = format!("no host is named {:?}", endpoint.host());
            io::Error::new(io::ErrorKind::NotFound, message)
        })?;
        let port = endpoint.port();
        Ok(Self {
            net,
            from,
            to,
            port,
        })
    }

    async fn dial(self) -> io::Result<Stream> {
        loop {
            if !self.answered().await {
                return self.refused().await;
            }
            match self.attempt().await {
                Some(Ok(stream)) => {
                    // The answer of the peer's kernel may be stalled although it accepted.
                    self.answered().await;
                    if !stream.is_silent() {
                        return Ok(stream);
                    }
                }
                Some(Err(_)) => return self.refused().await,
                // The power went out under the attempt: the kernel tries again.
                None => {}
            }
        }
    }

    /// Waits until the network answers, and says whether it is for somebody who listens.
    async fn answered(&self) -> bool {
        loop {
            let mut changed = pin!(self.net.shared.changed.notified());
            changed.as_mut().enable();
            match self.path() {
                Path::Hangs | Path::Dark => changed.await,
                Path::Open => return true,
                Path::Crashed | Path::Refused => return false,
            }
        }
    }

    /// Tries once; `None` if the target lost its power first.
    async fn attempt(&self) -> Option<io::Result<Stream>> {
        let mut attempt = self.start();
        loop {
            let mut changed = pin!(self.net.shared.changed.notified());
            changed.as_mut().enable();
            match self.path() {
                // Whoever stops listening refuses what he has not accepted.
                Path::Open | Path::Hangs | Path::Refused => {}
                Path::Dark => {
                    attempt.task.abort();
                    return None;
                }
                Path::Crashed => {
                    // turmoil would keep the attempt for the next process. This one may
                    // have accepted it before it died.
                    attempt.task.abort();
                    let answer = attempt.answer.await;
                    return Some(answer.unwrap_or_else(|_| Err(refusal())));
                }
            }
            tokio::select! {
                biased;
                answer = &mut attempt.answer => {
                    return Some(answer.unwrap_or_else(|_| Err(refusal())));
                }
                () = changed => {}
            }
        }
    }

    /// Connects in a task that outlives this dial, as the kernel does: turmoil loses the
    /// port of a connect that is dropped, and its peer would wait for ever.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where simulated streams are opened, in a task that stands for the kernel"
    )]
    fn start(&self) -> Attempt {
        let (tell, answer) = oneshot::channel();
        let target = (self.to.host().to_string(), self.port);
        let (net, from) = (self.net.clone(), self.from.clone());
        let task = tokio::spawn(async move {
            let connected = turmoil::net::TcpStream::connect(target).await;
            let stream = connected.and_then(|inner| claim(net, from, inner));
            // Nobody is there to tell when the dial was given up; then the stream closes.
            drop(tell.send(stream));
        });
        Attempt {
            answer,
            task: task.abort_handle(),
        }
    }

    fn path(&self) -> Path {
        let (from, to) = (&self.from, &self.to);
        self.net.change(|state, _| state.path(from, to, self.port))
    }

    // Not at once: who dials again without a pause would stop the clock for everybody.
    async fn refused(&self) -> io::Result<Stream> {
        tokio::time::sleep(self.net.shared.round_trip).await;
        self.net.record(&self.from, &self.to, What::Refused, 0);
        Err(refusal())
    }
}

fn claim(net: Net, from: Place, inner: turmoil::net::TcpStream) -> io::Result<Stream> {
    let addresses = (inner.local_addr()?, inner.peer_addr()?);
    let (wire, to) = net.change(|state, _| {
        let wire = state.claim(addresses, &from);
        (wire, state.wire(wire).end(Side::Accepting).place.clone())
    });
    net.record(&from, &to, What::Connected, 0);
    Ok(Stream::new(inner, net, wire, Side::Dialing, from))
}

fn refusal() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}
