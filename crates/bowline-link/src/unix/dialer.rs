//! Calling a Unix socket. It answers at once or not at all, so there is no limit to set.

use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use tokio::net::UnixStream;
use tower_service::Service;

use crate::{Dialing, Endpoint};

/// Opens connections to Unix sockets, which [`Endpoint::unix`] names.
///
/// A server whose backlog is full refuses at once; trying again may help.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dialer(());

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The endpoint names a host, which is reached over TCP.
    #[error("{endpoint} is no unix socket: those are written unix:/path")]
    NotUnix {
        /// Who was called.
        endpoint: Endpoint,
    },
    /// Nobody answers there, or we may not call. Trying again may help.
    #[error("could not connect to {endpoint}")]
    Connect {
        /// Who was called.
        endpoint: Endpoint,
        /// What the system answered.
        source: io::Error,
    },
}

// === impl Dialer ===

impl Dialer {
    /// There is nothing to set.
    pub fn new() -> Self {
        Self(())
    }
}

impl Service<Endpoint> for Dialer {
    type Response = UnixStream;
    type Error = DialError;
    type Future = Dialing<UnixStream, DialError>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Dialing::new(async move {
            let Some(path) = endpoint.path() else {
                return Err(DialError::NotUnix { endpoint });
            };
            match connect(path).await {
                Ok(stream) => Ok(stream),
                Err(source) => Err(DialError::Connect { endpoint, source }),
            }
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that opens such a connection"
)]
async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}
