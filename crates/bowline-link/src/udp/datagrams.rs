//! A socket of datagrams, real or not. The one place that opens a real one.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Sends and receives datagrams.
pub trait Datagrams {
    /// Sends `datagram` whole, or leaves it to the caller to try again.
    ///
    /// # Errors
    ///
    /// What the socket says. It may concern an earlier datagram.
    fn poll_send_to(
        &mut self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<()>>;

    /// Appends one datagram to `buffer`, cut off where that is full, and tells
    /// where it says it came from.
    ///
    /// # Errors
    ///
    /// What the socket says. It may concern a datagram sent earlier, which the
    /// other host had no use for.
    fn poll_recv_from(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>>;
}

/// A real socket.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
}

/// Why a socket could not be had.
#[derive(Debug, thiserror::Error)]
#[error("could not bind a datagram socket to {address}")]
pub struct BindError {
    /// Where.
    address: SocketAddr,
    source: io::Error,
}

// === impl Socket ===

impl Socket {
    /// Binds to `address`; port 0 is any free one.
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let bound = || {
            let socket = std::net::UdpSocket::bind(address)?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        let socket = bound().map_err(failed)?;
        Ok(Self { socket })
    }

    /// Where it is bound.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl Datagrams for Socket {
    fn poll_send_to(
        &mut self,
        cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<()>> {
        self.socket.poll_send_to(cx, datagram, to).map_ok(drop)
    }

    fn poll_recv_from(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.socket.poll_recv_from(cx, buffer)
    }
}
