//! Opening simulated streams, or hanging and being refused as on Linux.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::Endpoint;
use tokio::sync::oneshot;
use tower_service::Service;
use turmoil::net::TcpStream;

use super::state::{Path, Port};
use super::wire::Side;
use super::{DIAL_PATIENCE, Net, Place, Stream};
use crate::trace::What;

/// Dials on behalf of one node; a `Dial` of bowline-link.
///
/// An endpoint's host is a node's name or the address of a host.
///
/// # Errors
///
/// `NotFound` for a name nobody has, `ConnectionRefused` where nobody listens, and
/// `TimedOut` after [`DIAL_PATIENCE`] without an answer, which is all that an address gives
/// that nobody has: whoever has less brings a deadline.
///
/// # Cancellation
///
/// Dropping the future of a dial gives it up, and the peer never hears of it.
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
    port: Port,
}

/// A dial that the peer's kernel has answered, and that this one has not heard of.
#[derive(Debug)]
struct Handshake {
    net: Net,
    from: Place,
    port: Port,
    local: SocketAddr,
    remote: SocketAddr,
    /// There until it is a stream, or given up.
    socket: Option<TcpStream>,
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
        Box::pin(async move {
            if let Some(address) = endpoint.address()
                && turmoil::reverse_lookup(address.ip()).is_none()
            {
                tokio::time::sleep(DIAL_PATIENCE).await;
                return Err(io::ErrorKind::TimedOut.into());
            }
            Route::plan(dialer, &endpoint)?.dial().await
        })
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
        let port = (Arc::clone(to.host()), endpoint.port());
        Ok(Self {
            net,
            from,
            to,
            port,
        })
    }

    async fn dial(self) -> io::Result<Stream> {
        tokio::select! {
            biased;
            dialed = self.connect() => dialed,
            () = tokio::time::sleep(DIAL_PATIENCE) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn connect(&self) -> io::Result<Stream> {
        self.answered().await;
        let (from, to) = (&self.from, &self.to);
        let net = &self.net;
        let slowdown = net.change(|state, _| state.slowdown_of_dial(from, to));
        if !slowdown.is_zero() {
            tokio::time::sleep(slowdown).await;
        }
        loop {
            if !self.answered().await {
                return self.refused().await;
            }
            match self.attempt().await {
                Some(Some(handshake)) => {
                    // The peer's kernel has answered, and that may be stalled as well.
                    if !self.answered().await {
                        return self.refused().await;
                    }
                    if let Some(stream) = handshake.finish() {
                        return Ok(stream);
                    }
                }
                Some(None) => return self.refused().await,
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
                Path::Rejected | Path::Refused => return false,
            }
        }
    }

    /// Tries once, and is refused with `Some(None)`; `None` where the peer is out of reach
    /// meanwhile, so that this attempt is lost.
    async fn attempt(&self) -> Option<Option<Handshake>> {
        let mut answer = self.start();
        loop {
            let mut changed = pin!(self.net.shared.changed.notified());
            changed.as_mut().enable();
            match self.path() {
                // Whoever stops listening refuses what he has not answered.
                Path::Open | Path::Hangs | Path::Refused => {}
                // The simulator keeps an attempt for the next process; we do not.
                Path::Dark | Path::Rejected => return None,
            }
            tokio::select! {
                biased;
                answer = &mut answer => return Some(answer.ok()),
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
    fn start(&self) -> oneshot::Receiver<Handshake> {
        let (tell, answer) = oneshot::channel();
        let target = (self.to.host().to_string(), self.port.1);
        let (net, from, port) = (self.net.clone(), self.from.clone(), self.port.clone());
        tokio::spawn(async move {
            let connected = TcpStream::connect(target).await;
            let handshake = connected.and_then(|socket| Handshake::new(net, from, port, socket));
            if let Ok(handshake) = handshake {
                // Nobody is there to tell when the dial was given up.
                drop(tell.send(handshake));
            }
        });
        answer
    }

    fn path(&self) -> Path {
        let (from, to, port) = (&self.from, &self.to, &self.port);
        self.net.change(|state, _| state.path(from, to, port))
    }

    // Not at once: who dials again without a pause would stop the clock for everybody.
    async fn refused(&self) -> io::Result<Stream> {
        tokio::time::sleep(self.net.shared.round_trip).await;
        self.net.record(&self.from, &self.to, What::Refused, 0);
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

// === impl Handshake ===

impl Handshake {
    fn new(net: Net, from: Place, port: Port, socket: TcpStream) -> io::Result<Self> {
        Ok(Self {
            net,
            from,
            port,
            local: socket.local_addr()?,
            remote: socket.peer_addr()?,
            socket: Some(socket),
        })
    }

    /// The stream, unless who answered is gone.
    fn finish(mut self) -> Option<Stream> {
        let (port, local, from) = (&self.port, self.local, &self.from);
        let net = self.net.clone();
        let wire = net.change(|state, wake| state.claim(port, local, from, wake))?;
        net.record_end(wire, Side::Dialing, What::Connected, 0);
        let socket = self.socket.take().expect("it is finished once");
        let from = self.from.clone();
        Some(Stream::new(socket, net, wire, Side::Dialing, from))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        let addresses = (self.local, self.remote);
        let (port, from) = (&self.port, &self.from);
        let closed = self
            .net
            .change(|state, _| state.give_up(port, addresses, from, socket));
        drop(closed);
    }
}
