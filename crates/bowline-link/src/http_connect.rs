//! Calling through an HTTP proxy by CONNECT (RFC 9110, section 9.3.6), over any dialer.
//! HTTP/1.1 to the proxy; of its ways to log in, Basic.

mod head;
mod login;
mod tunnel;

use std::io;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::dialing::connect;
use crate::{BoxError, Dial, DialStep, Dialing, Endpoint};
use head::{Fault, authority, request, response};
use login::Login;

pub use head::{HEAD_MAX, HEADERS_MAX, INTERIM_MAX, REASON_MAX};
pub use login::InvalidLogin;
pub use tunnel::Tunnel;

/// Opens streams through an HTTP proxy, which it reaches over an inner dialer.
///
/// The proxy resolves names; ours are never looked up here. For a proxy that is spoken to
/// over TLS, the inner dialer is one that does TLS.
///
/// It has no limit of its own: put a [`ConnectTimeout`](crate::ConnectTimeout) round it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use bowline_link::{Endpoint, http_connect, tcp};
/// use tower::ServiceExt;
///
/// let proxy = Endpoint::new("proxy.example", 3128);
/// let dialer = http_connect::Dialer::new(tcp::Dialer::new(), proxy).login("ann", "secret")?;
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
    #[error("could not reach the HTTP proxy {proxy}")]
    Proxy {
        /// The proxy.
        proxy: Endpoint,
        /// What the inner dialer answered.
        source: BoxError,
    },
    /// No CONNECT can carry this endpoint; the proxy was not called.
    #[error("{:?} cannot be asked of an HTTP proxy: {why}", endpoint.to_string())]
    Target {
        /// Who was called.
        endpoint: Endpoint,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The stream to the proxy failed before it had answered.
    #[error("the stream to the HTTP proxy {proxy} broke before it had answered")]
    Io {
        /// The proxy.
        proxy: Endpoint,
        /// What the stream answered.
        source: io::Error,
    },
    /// The proxy hung up before it had answered.
    #[error("the HTTP proxy {proxy} hung up after {heard} bytes of its answer")]
    HungUp {
        /// The proxy.
        proxy: Endpoint,
        /// How much of an answer there was.
        heard: usize,
    },
    /// The answer is longer than [`HEAD_MAX`].
    #[error("the answer of the HTTP proxy {proxy} is longer than {HEAD_MAX} bytes")]
    TooLong {
        /// The proxy.
        proxy: Endpoint,
    },
    /// What came is no answer: most likely the port of something else.
    #[error("{proxy} does not answer as an HTTP/1.1 proxy: {why}")]
    Garbled {
        /// The proxy.
        proxy: Endpoint,
        /// What is wrong with it.
        why: &'static str,
    },
    /// 407: the proxy wants its callers to log in, or does not know this one.
    #[error("the HTTP proxy {proxy} {} (407)", login_said(*login))]
    LoginRequired {
        /// The proxy.
        proxy: Endpoint,
        /// Whether user and password were given.
        login: bool,
    },
    /// The proxy works and did not reach the endpoint.
    #[error("the HTTP proxy {proxy} opened no connection to {endpoint}: {status} {reason}")]
    Refused {
        /// The proxy.
        proxy: Endpoint,
        /// Who was called.
        endpoint: Endpoint,
        /// The status: 4xx is ours to change, 5xx may pass.
        status: u16,
        /// The proxy's words, at most [`REASON_MAX`] characters of them.
        reason: String,
    },
}

fn login_said(login: bool) -> &'static str {
    if login {
        "refused user and password"
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

    /// Sends `user` and `password` with every call (Basic, RFC 7617). They go to the proxy
    /// in the clear if the inner stream is; they never appear in `Debug` or in an error.
    ///
    /// # Errors
    ///
    /// When the user has a colon, or either has control characters.
    pub fn login(mut self, user: &str, password: &str) -> Result<Self, InvalidLogin> {
        self.login = Some(Login::new(user, password)?);
        Ok(self)
    }

    async fn dial(self, endpoint: Endpoint) -> Result<Tunnel<D::Io>, Error> {
        let Self {
            inner,
            proxy,
            login,
        } = self;
        let request = match authority(&endpoint) {
            Ok(authority) => request(&authority, login.as_ref()),
            Err(why) => return Err(Error::Target { endpoint, why }),
        };
        let mut stream = match connect(inner, proxy.clone()).await {
            Ok(stream) => stream,
            Err(error) => {
                let source = error.into();
                return Err(Error::Proxy { proxy, source });
            }
        };
        let asked = DialStep::Handshake("HTTP CONNECT").during(response(&mut stream, &request));
        match asked.await {
            Err(fault) => Err(Error::new(fault, proxy)),
            Ok(answer) if (200..300).contains(&answer.status) => {
                Ok(Tunnel::new(stream, answer.early))
            }
            Ok(answer) if answer.status == 407 => Err(Error::LoginRequired {
                proxy,
                login: login.is_some(),
            }),
            Ok(answer) => Err(Error::Refused {
                proxy,
                endpoint,
                status: answer.status,
                reason: answer.reason,
            }),
        }
    }
}

impl<D: Dial> Service<Endpoint> for Dialer<D> {
    type Response = Tunnel<D::Io>;
    type Error = Error;
    type Future = Dialing<Tunnel<D::Io>, Error>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Dialing::new(self.clone().dial(endpoint))
    }
}

// === impl Error ===

impl Error {
    fn new(fault: Fault, proxy: Endpoint) -> Self {
        match fault {
            Fault::Io(source) => Self::Io { proxy, source },
            Fault::HungUp { heard } => Self::HungUp { proxy, heard },
            Fault::TooLong => Self::TooLong { proxy },
            Fault::Garbled(why) => Self::Garbled { proxy, why },
        }
    }
}

#[cfg(test)]
mod tests;
