//! Accepting TCP connections. It reports what the network answers and never decides to stop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::options::Options;
use super::silence::{Silence, SilenceMax};
use crate::Listen;

/// How many finished handshakes may wait to be accepted.
///
/// What Linux grants at most by default (`net.core.somaxconn`): after a restart
/// everybody comes back at once, and whoever does not fit in is told nothing and
/// waits a second or more for the next SYN.
pub const BACKLOG: u32 = 4096;

/// Accepts TCP connections, with Nagle's algorithm off.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bowline_link::Listen;
/// use bowline_link::tcp::Listener;
///
/// let listener = Listener::bind("127.0.0.1:0".parse()?)?;
/// assert_ne!(listener.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    options: Options,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "{address} is in use: stop what listens there, or choose another port (0 takes a free one)"
    )]
    InUse {
        /// What was asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// The system keeps the port for the privileged.
    #[error("not allowed to listen on {address}: ports below 1024 often need a privilege")]
    Denied {
        /// What was asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// No interface of this machine has the address.
    #[error("{address} is not an address of this machine: 0.0.0.0 or [::] listens on all it has")]
    NotLocal {
        /// What was asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// The system refused for a reason of its own.
    #[error("could not listen on {address}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
}

// === impl Listener ===

impl Listener {
    /// Listens on `address`; port 0 takes a free one, which
    /// [`local_addr`](Listen::local_addr) tells.
    ///
    /// Up to [`BACKLOG`] connections wait to be accepted. A port whose last
    /// connections still linger can be bound at once, so that a restart need not wait.
    ///
    /// # Errors
    ///
    /// Names the address and, where there is something to do about it, what.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O enabled.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        match listen(address) {
            Ok(inner) => Ok(Self {
                inner,
                options: Options::default(),
            }),
            Err(source) => Err(BindError::new(address, source)),
        }
    }

    /// Has the kernel end accepted connections on which nothing was acknowledged for
    /// `limit`, with the bounds of [`Dialer::silence`](super::Dialer::silence).
    pub fn silence(mut self, limit: Duration) -> Self {
        self.options.silence(Silence::new(limit));
        self
    }

    /// Sets on accepted connections what follows from `heartbeat`, as
    /// [`Dialer::heartbeat`](super::Dialer::heartbeat) does.
    pub fn heartbeat(mut self, heartbeat: &impl SilenceMax) -> Self {
        self.options.heartbeat(heartbeat);
        self
    }

    /// Limits what the kernel holds unsent for an accepted connection, as
    /// [`Dialer::not_sent_max`](super::Dialer::not_sent_max) does.
    pub fn not_sent_max(mut self, bytes: u32) -> Self {
        self.options.not_sent_max(bytes);
        self
    }
}

impl Listen for Listener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.inner.accept().await?;
        // Some systems refuse options on a connection that is already dead. That
        // is no failure to accept: the first read says what became of it.
        self.options.apply(&stream).ok();
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // On Windows the option would let two processes share the port.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

// === impl BindError ===

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, source },
            io::ErrorKind::PermissionDenied => Self::Denied { address, source },
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { address, source },
            _ => Self::Listen { address, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_error_names_the_address_and_what_to_do() {
        let address = "127.0.0.1:80".parse().unwrap();
        for (kind, words) in [
            (io::ErrorKind::AddrInUse, "another port"),
            (io::ErrorKind::PermissionDenied, "privilege"),
            (io::ErrorKind::AddrNotAvailable, "0.0.0.0"),
            (io::ErrorKind::OutOfMemory, "could not listen"),
        ] {
            let text = BindError::new(address, kind.into()).to_string();
            assert!(text.contains("127.0.0.1:80"), "{text}");
            assert!(text.contains(words), "{text}");
        }
    }
}
