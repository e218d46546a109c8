//! Real TCP on loopback, for what is measured on the machine's own clock.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::contender::{Dial, Link};

/// Dials one address.
#[derive(Clone, Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
}

// === impl Loopback ===

impl Loopback {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }
}

impl Dial for Loopback {
    type Link = TcpStream;

    #[expect(
        clippy::disallowed_methods,
        reason = "the same dial for everybody, without our layers"
    )]
    async fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Link for TcpStream {
    fn is_dead(&mut self) -> bool {
        match self.try_read(&mut [0]) {
            // Ended, or bytes that nobody asked for.
            Ok(_) => true,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
