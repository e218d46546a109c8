//! What a resolver asks of a network, and the real one.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpStream, UdpSocket};

use crate::Io;

/// Opens what a resolver talks through.
pub trait Sockets: Clone + Send + Sync + 'static {
    /// A socket for datagrams.
    type Udp: Datagrams;
    /// A byte stream.
    type Tcp: Io;

    /// Opens a socket at `local`: an unspecified address and a port, 0 for any.
    ///
    /// # Errors
    ///
    /// `AddrInUse` where the port is taken; others as the network says.
    fn bind(&self, local: SocketAddr) -> impl Future<Output = io::Result<Self::Udp>> + Send;

    /// Opens a stream to `server`. It needs no limit of its own: the resolver has one.
    ///
    /// # Errors
    ///
    /// As the network says.
    fn connect(&self, server: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;
}

/// A socket for datagrams. Both operations lose nothing when dropped before they end, except
/// that a datagram may or may not have been sent.
pub trait Datagrams: Send + Sync + 'static {
    /// Sends one.
    ///
    /// # Errors
    ///
    /// As the network says. That it succeeds does not mean that it arrives.
    fn send_to(&self, bytes: &[u8], to: SocketAddr) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits for the next one; of a longer one than `bytes` the rest is lost.
    ///
    /// # Errors
    ///
    /// As the network says.
    fn receive(
        &self,
        bytes: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;
}

/// Real sockets of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemSockets;

// === impl SystemSockets ===

impl Sockets for SystemSockets {
    type Udp = UdpSocket;
    type Tcp = TcpStream;

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that opens a real socket for questions to name servers"
    )]
    async fn bind(&self, local: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind(local).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that opens a real stream to a name server"
    )]
    async fn connect(&self, server: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Datagrams for UdpSocket {
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        Self::send_to(self, bytes, to).await.map(drop)
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(bytes).await
    }
}
