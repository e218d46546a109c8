//! Calling a peer over TCP, once, under one deadline. What fails is reported, never tried again.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tower_service::Service;

use super::DialError;
use super::options::Options;
use super::silence::{Silence, SilenceMax};
use crate::race::Race;
use crate::resolving::reach;
use crate::{DialStep, Endpoint, Resolve, SystemResolver, step};

/// How long a [`Dialer`] tries, unless told otherwise.
///
/// Three retransmitted SYNs fit in; a person still waits.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A dial under way, as [`Dialer`] returns it.
///
/// # Cancellation
///
/// Dropping it closes the sockets it had opened. A lookup in the system's resolver
/// cannot be called back: it ends on its own thread, and its answer goes nowhere.
pub type Dialing = crate::Dialing<TcpStream, DialError>;

/// Opens TCP connections.
///
/// Resolves the endpoint at every call, then [races](Race) its addresses: one that
/// swallows packets costs a quarter of a second, one that refuses costs nothing. All of
/// it shares one limit, [`CONNECT_TIMEOUT`] unless told otherwise.
///
/// Streams come with Nagle's algorithm off: a frame that waits for an
/// acknowledgement is a frame late by a round trip.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bowline_link::Endpoint;
/// use bowline_link::tcp::Dialer;
/// use bowline_policy::heartbeat::Fixed;
/// use std::time::Duration;
/// use tower::ServiceExt;
///
/// let heartbeat = Fixed::new(Duration::from_secs(25), Duration::from_secs(5), 2)?;
/// let dialer = Dialer::new().heartbeat(&heartbeat);
/// let stream = dialer.oneshot(Endpoint::new("chat.example", 7400)).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dialer<R = SystemResolver> {
    resolver: R,
    race: Race,
    connect_timeout: Duration,
    source: Option<IpAddr>,
    options: Options,
}

// === impl Dialer ===

impl Dialer {
    /// Dials with [`CONNECT_TIMEOUT`], the system's resolver and the kernel's own idea of
    /// a dead peer.
    pub fn new() -> Self {
        Self {
            resolver: SystemResolver,
            race: Race::new(),
            connect_timeout: CONNECT_TIMEOUT,
            source: None,
            options: Options::default(),
        }
    }
}

impl<R> Dialer<R> {
    /// Asks `resolver` instead.
    pub fn resolver<S: Resolve>(self, resolver: S) -> Dialer<S> {
        Dialer {
            resolver,
            race: self.race,
            connect_timeout: self.connect_timeout,
            source: self.source,
            options: self.options,
        }
    }

    /// Races addresses as `race` says.
    pub fn race(mut self, race: Race) -> Self {
        self.race = race;
        self
    }

    /// Limits a whole dial, resolving and every address together, to `limit`.
    ///
    /// Whoever asks may put a shorter deadline round the call; the shorter one wins.
    /// Zero refuses every dial that is not done at once.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Calls from this address of the machine, on a port the system chooses.
    ///
    /// Addresses of the other family fail at once and say so.
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// Sets everything on the socket that follows from a heartbeat:
    /// [`silence`](Self::silence) from what it tolerates, and
    /// [`not_sent_max`](Self::not_sent_max), so that its probes wait behind little.
    pub fn heartbeat(mut self, heartbeat: &impl SilenceMax) -> Self {
        self.options.heartbeat(heartbeat);
        self
    }

    /// Has the kernel end connections on which nothing was acknowledged for `limit`,
    /// which is what the heartbeat tolerates.
    ///
    /// On Linux it becomes `TCP_USER_TIMEOUT` and keepalive, within
    /// [`SILENCE_MIN`](super::SILENCE_MIN) and [`SILENCE_MAX`](super::SILENCE_MAX);
    /// elsewhere it does nothing and the heartbeat alone decides. Off unless called:
    /// without a heartbeat, silence is nobody's fault.
    pub fn silence(mut self, limit: Duration) -> Self {
        self.options.silence(Silence::new(limit));
        self
    }

    /// Limits what the kernel holds unsent to `bytes`, at least
    /// [`NOT_SENT_MIN`](super::NOT_SENT_MIN).
    ///
    /// On Linux it becomes `TCP_NOTSENT_LOWAT`; elsewhere it does nothing. Off unless
    /// called, or a [`heartbeat`](Self::heartbeat) sets
    /// [`NOT_SENT_MAX`](super::NOT_SENT_MAX).
    pub fn not_sent_max(mut self, bytes: u32) -> Self {
        self.options.not_sent_max(bytes);
        self
    }
}

impl<R: Resolve> Dialer<R> {
    async fn dial(self, endpoint: Endpoint) -> Result<TcpStream, DialError> {
        if endpoint.path().is_some() {
            return Err(DialError::NotTcp { endpoint });
        }
        let (source, options) = (self.source, self.options);
        let attempt = |address| connect(address, source, options);
        let whole = reach(&self.resolver, self.race, &endpoint, attempt);
        match step::within(self.connect_timeout, whole).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(missed)) => Err(DialError::missed(endpoint, missed)),
            Err(step) => Err(DialError::Timeout {
                endpoint,
                after: self.connect_timeout,
                step: step.unwrap_or(DialStep::Resolving),
            }),
        }
    }
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Resolve> Service<Endpoint> for Dialer<R> {
    type Response = TcpStream;
    type Error = DialError;
    type Future = Dialing;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Dialing {
        Dialing::new(self.clone().dial(endpoint))
    }
}

async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    options: Options,
) -> io::Result<TcpStream> {
    let stream = open(address, source).await?;
    // Only now: set before, the user timeout would also cut the connect short.
    options.apply(&stream)?;
    Ok(stream)
}

async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        if source.is_ipv6() != address.is_ipv6() {
            let why = format!("{source}, to call from, is of the other family");
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
        }
        socket.bind(SocketAddr::new(source, 0))?;
    }
    call(socket, address).await
}

/// Connects, unless the other end turns out to be the same socket.
///
/// Where nobody listens on a port from which the system may as well call, a call from that very
/// port meets itself (a simultaneous open, RFC 9293 section 3.5). It would answer its own words,
/// and keep the port from the server that is to come back there.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that opens a real connection"
)]
pub(super) async fn call(socket: TcpSocket, address: SocketAddr) -> io::Result<TcpStream> {
    let stream = socket.connect(address).await?;
    // An end that is gone already is for the first read to notice.
    let ends = (stream.local_addr().ok(), stream.peer_addr().ok());
    if matches!(ends, (Some(own), Some(peer)) if own == peer) {
        // Reset, or the port would stay taken for a minute more (TIME-WAIT).
        stream.set_zero_linger()?;
        let why = "the call reached itself: nobody listens there";
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why));
    }
    Ok(stream)
}
