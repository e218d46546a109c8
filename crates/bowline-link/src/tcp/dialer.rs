//! Calling a peer over TCP, once, under one deadline. What fails is reported, never tried again.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpStream;
use tower_service::Service;

use super::silence::Silence;
use crate::{Endpoint, SystemResolver, resolve};

/// How long a [`Dialer`] tries, unless told otherwise.
///
/// Three retransmitted SYNs fit in; a person still waits.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens TCP connections.
///
/// Resolves the endpoint at every call with the system's resolver, then tries the
/// addresses in its order, *one after the other*: an address that swallows packets
/// can use up the whole timeout before the next one is tried. Racing them (happy
/// eyeballs) is not offered yet.
///
/// Streams come with Nagle's algorithm off: a frame that waits for an
/// acknowledgement is a frame late by a round trip.
///
/// ```no_run
/// # async fn example() -> Result<(), bowline_link::tcp::DialError> {
/// use bowline_link::tcp::Dialer;
/// use bowline_link::Endpoint;
/// use std::time::Duration;
/// use tower::ServiceExt;
///
/// let dialer = Dialer::new().silence(Duration::from_secs(30));
/// let stream = dialer.oneshot(Endpoint::new("chat.example", 7400)).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dialer {
    connect_timeout: Duration,
    silence: Option<Silence>,
}

/// A dial under way, as [`Dialer`] returns it.
///
/// # Cancellation
///
/// Dropping it closes the socket it had opened. A lookup in the system's resolver
/// cannot be called back: it ends on its own thread, and its answer goes nowhere.
#[must_use = "nothing is dialled until it is polled"]
pub struct Dialing {
    inner: Pin<Box<dyn Future<Output = Result<TcpStream, DialError>> + Send>>,
}

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name has no answer. A misspelt name stays so; a resolver that is down
    /// may come back.
    #[error("could not resolve {endpoint}")]
    Resolve {
        /// Who was called.
        endpoint: Endpoint,
        /// What the resolver answered.
        source: io::Error,
    },
    /// The name exists and has no address.
    #[error("{endpoint} has no address")]
    NoAddress {
        /// Who was called.
        endpoint: Endpoint,
    },
    /// No address took the connection. Trying again may help.
    #[error("could not connect to {endpoint}{}", which(address, *tried))]
    Connect {
        /// Who was called.
        endpoint: Endpoint,
        /// The address that was tried last.
        address: SocketAddr,
        /// How many addresses were tried, all of them in vain.
        tried: usize,
        /// What the network answered there.
        source: io::Error,
    },
    /// The time was up, wherever it went: resolving and every address share it.
    #[error("no connection to {endpoint} within {after:?}: still {step}")]
    Timeout {
        /// Who was called.
        endpoint: Endpoint,
        /// The dialer's whole allowance.
        after: Duration,
        /// What it was waiting for.
        step: DialStep,
    },
}

/// What a dial was waiting for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialStep {
    /// The resolver.
    Resolving,
    /// This address.
    Connecting(SocketAddr),
}

/// Names the address that was tried last, where there were several.
fn which(address: &SocketAddr, tried: usize) -> String {
    match tried {
        0 | 1 => String::new(),
        _ => format!(", neither at {address} nor at {} others", tried - 1),
    }
}

// === impl Dialer ===

impl Dialer {
    /// Dials with [`CONNECT_TIMEOUT`] and the kernel's own idea of a dead peer.
    pub fn new() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            silence: None,
        }
    }

    /// Limits a whole dial, resolving and every address together, to `limit`.
    ///
    /// Whoever asks may put a shorter deadline round the call; the shorter one wins.
    /// Zero refuses every dial that is not done at once.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
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
        self.silence = Some(Silence::new(limit));
        self
    }

    async fn dial(self, endpoint: Endpoint) -> Result<TcpStream, DialError> {
        let mut step = DialStep::Resolving;
        let whole = async {
            let addresses = resolve::addresses(&SystemResolver, &endpoint)
                .await
                .map_err(|source| DialError::Resolve {
                    endpoint: endpoint.clone(),
                    source,
                })?;
            self.connect_any(&endpoint, &addresses, &mut step).await
        };
        match tokio::time::timeout(self.connect_timeout, whole).await {
            Ok(done) => done,
            Err(_) => Err(DialError::Timeout {
                endpoint,
                after: self.connect_timeout,
                step,
            }),
        }
    }

    pub(super) async fn connect_any(
        &self,
        endpoint: &Endpoint,
        addresses: &[SocketAddr],
        step: &mut DialStep,
    ) -> Result<TcpStream, DialError> {
        let mut last = None;
        for &address in addresses {
            *step = DialStep::Connecting(address);
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(source) => last = Some((address, source)),
            }
        }
        Err(match last {
            None => DialError::NoAddress {
                endpoint: endpoint.clone(),
            },
            Some((address, source)) => DialError::Connect {
                endpoint: endpoint.clone(),
                address,
                tried: addresses.len(),
                source,
            },
        })
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that opens a real connection"
    )]
    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // Only now: set before, the user timeout would also cut the connect short.
        if let Some(silence) = self.silence {
            silence.apply(&stream)?;
        }
        Ok(stream)
    }
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Endpoint> for Dialer {
    type Response = TcpStream;
    type Error = DialError;
    type Future = Dialing;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Dialing {
        Dialing {
            inner: Box::pin(self.clone().dial(endpoint)),
        }
    }
}

// === impl Dialing ===

impl Future for Dialing {
    type Output = Result<TcpStream, DialError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for Dialing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialing").finish_non_exhaustive()
    }
}

// === impl DialStep ===

impl fmt::Display for DialStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolving => f.write_str("resolving the name"),
            Self::Connecting(address) => write!(f, "connecting to {address}"),
        }
    }
}
