//! Calling through a SOCKS5 proxy (RFC 1928, RFC 1929), over any dialer. CONNECT only: no
//! BIND, no UDP, no GSSAPI.

mod handshake;
mod login;
mod reply;

use std::io;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::dialing::connect;
use crate::{BoxError, Dial, DialStep, Dialing, Endpoint};
use handshake::{Fault, Handshake, Target};
use login::Login;

pub use login::{InvalidLogin, LOGIN_MAX};
pub use reply::Reply;

/// Opens streams through a SOCKS5 proxy, which it reaches over an inner dialer.
///
/// The proxy resolves names; ours are never looked up here. What the proxy said is read
/// to its last byte and not beyond, so the inner dialer's stream is handed out as it is.
///
/// It has no limit of its own: put a [`ConnectTimeout`](crate::ConnectTimeout) round it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bowline_link::{Endpoint, socks5, tcp};
/// use tower::ServiceExt;
///
/// let proxy = Endpoint::new("127.0.0.1", 9050);
/// let dialer = socks5::Dialer::new(tcp::Dialer::new(), proxy).login("ann", "secret")?;
/// let stream = dialer.oneshot(Endpoint::new("chat.example", 7400)).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Dialer<D> {
    inner: D,
    proxy: Endpoint,
    login: Option<Login>,
}

/// Why the proxy opened no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The proxy itself could not be reached.
    #[error("could not reach the SOCKS5 proxy {proxy}")]
    Proxy {
        /// The proxy.
        proxy: Endpoint,
        /// What the inner dialer answered.
        source: BoxError,
    },
    /// No SOCKS5 request can carry this endpoint; the proxy was not called.
    #[error("{:?} cannot be asked of a SOCKS5 proxy: {why}", endpoint.to_string())]
    Target {
        /// Who was called.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The stream to the proxy failed during the handshake.
    #[error("the stream to the SOCKS5 proxy {proxy} broke during the handshake")]
    Io {
        /// The proxy.
        proxy: Endpoint,
        /// What the stream answered.
        source: io::Error,
    },
    /// The proxy hung up before it had answered.
    #[error("the SOCKS5 proxy {proxy} hung up in the middle of the handshake")]
    HungUp {
        /// The proxy.
        proxy: Endpoint,
    },
    /// A byte that SOCKS5 does not have there: most likely the port of something else.
    #[error("{proxy} sent {byte:#04x} as its {what}: this is not SOCKS5")]
    Garbled {
        /// The proxy.
        proxy: Endpoint,
        /// What the byte should have been.
        what: &'static str,
        /// The byte.
        byte: u8,
    },
    /// The proxy accepts none of the ways to log in that were offered.
    #[error("the SOCKS5 proxy {proxy} {}", no_way(*login))]
    NoLogin {
        /// The proxy.
        proxy: Endpoint,
        /// Whether user and password were among the offers.
        login: bool,
    },
    /// The proxy does not know this user and password.
    #[error("the SOCKS5 proxy {proxy} refused user and password (status {status})")]
    LoginRefused {
        /// The proxy.
        proxy: Endpoint,
        /// What it said; anything but zero is a refusal.
        status: u8,
    },
    /// The proxy works and did not reach the endpoint.
    #[error("the SOCKS5 proxy {proxy} opened no connection to {endpoint}: {reply}")]
    Refused {
        /// The proxy.
        proxy: Endpoint,
        /// Who was called.
        endpoint: Endpoint,
        /// Why, as the proxy sees it.
        reply: Reply,
    },
}

fn no_way(login: bool) -> &'static str {
    if login {
        "accepts neither user and password nor callers without"
    } else {
        "wants its callers to log in, and no user and password were given"
    }
}

// === impl Dialer ===

impl<D: Dial> Dialer<D> {
    /// Calls through `proxy`, which `inner` reaches.
    pub fn new(inner: D, proxy: Endpoint) -> Self {
        Self {
            inner,
            proxy,
            login: None,
        }
    }

    /// Offers `user` and `password` (RFC 1929). They go to the proxy in the clear if the
    /// inner stream is; they never appear in `Debug` or in an error.
    ///
    /// # Errors
    ///
    /// When either is empty or longer than [`LOGIN_MAX`] bytes.
    pub fn login(mut self, user: &str, password: &str) -> Result<Self, InvalidLogin> {
        self.login = Some(Login::new(user, password)?);
        Ok(self)
    }

    async fn dial(self, endpoint: Endpoint) -> Result<D::Io, Error> {
        let Self {
            inner,
            proxy,
            login,
        } = self;
        let target = match Target::new(&endpoint) {
            Ok(target) => target,
            Err(why) => return Err(Error::Target { endpoint, why }),
        };
        let mut stream = match connect(inner, proxy.clone()).await {
            Ok(stream) => stream,
            Err(error) => {
                let source = error.into();
                return Err(Error::Proxy { proxy, source });
            }
        };
        let mut handshake = Handshake::new(&mut stream, login.as_ref());
        let shaken = DialStep::Handshake("SOCKS5")
            .during(handshake.run(&target))
            .await;
        shaken.map_err(|fault| Error::new(fault, proxy, endpoint))?;
        Ok(stream)
    }
}

impl<D: Dial> Service<Endpoint> for Dialer<D> {
    type Response = D::Io;
    type Error = Error;
    type Future = Dialing<D::Io, Error>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Dialing::new(self.clone().dial(endpoint))
    }
}

// === impl Error ===

impl Error {
    fn new(fault: Fault, proxy: Endpoint, endpoint: Endpoint) -> Self {
        match fault {
            Fault::Io(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                Self::HungUp { proxy }
            }
            Fault::Io(source) => Self::Io { proxy, source },
            Fault::Garbled { what, byte } => Self::Garbled { proxy, what, byte },
            Fault::NoLogin { login } => Self::NoLogin { proxy, login },
            Fault::LoginRefused { status } => Self::LoginRefused { proxy, status },
            Fault::Refused(reply) => Self::Refused {
                proxy,
                endpoint,
                reply,
            },
        }
    }
}

#[cfg(test)]
mod tests;
