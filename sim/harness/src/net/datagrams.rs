//! Datagrams for questions to name servers, and what faults do to them: they are lost or late,
//! and never held back, since nobody sends them again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bowline_link::{Endpoint, dns};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::{Net, Place, Stream};

/// Opens sockets on behalf of one node; a `dns::Sockets` of bowline-link.
#[derive(Debug, Clone)]
pub struct Sockets {
    net: Net,
    node: Arc<str>,
}

/// A socket for datagrams.
///
/// Faults of both ends are judged here: what is sent, and what arrives.
#[derive(Debug)]
pub struct Socket {
    net: Net,
    at: Place,
    inner: turmoil::net::UdpSocket,
    /// What has arrived and is late; here, so that who stops waiting loses nothing.
    late: Mutex<Option<Late>>,
}

#[derive(Debug)]
struct Late {
    due: Instant,
    bytes: Vec<u8>,
    from: SocketAddr,
}

// === impl Sockets ===

impl Sockets {
    pub(super) fn new(net: Net, node: &str) -> Self {
        let node = node.into();
        Self { net, node }
    }
}

impl dns::Sockets for Sockets {
    type Udp = Socket;
    type Tcp = Stream;

    async fn bind(&self, local: SocketAddr) -> io::Result<Socket> {
        let at = self.net.place(&self.node)?;
        let inner = turmoil::net::UdpSocket::bind(local).await?;
        Ok(Socket {
            net: self.net.clone(),
            at,
            inner,
            late: Mutex::new(None),
        })
    }

    async fn connect(&self, server: SocketAddr) -> io::Result<Stream> {
        let mut dialer = self.net.dialer(&self.node);
        dialer.call(Endpoint::from(server)).await
    }
}

// === impl Socket ===

impl Socket {
    /// The host at `address`, where there is one.
    fn peer(&self, address: SocketAddr) -> Option<Place> {
        let host = turmoil::reverse_lookup(address.ip())?;
        self.net.place(&host).ok()
    }

    async fn arrived(&self) -> io::Result<Late> {
        let mut bytes = vec![0; usize::from(u16::MAX)];
        loop {
            let (len, from) = self.inner.recv_from(&mut bytes).await?;
            let Some(peer) = self.peer(from) else {
                continue;
            };
            let (at, peer) = (&self.at, &peer);
            let slowdown = self.net.change(|state, _| {
                let lost = state.loses_datagram(peer, at, len);
                (!lost).then(|| state.slowdown_of_answer(at, peer))
            });
            if let Some(slowdown) = slowdown {
                bytes.truncate(len);
                let due = Instant::now() + slowdown;
                return Ok(Late { due, bytes, from });
            }
        }
    }
}

impl dns::Datagrams for Socket {
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        // Nobody answers for an address that nobody has.
        let Some(peer) = self.peer(to) else {
            return Ok(());
        };
        let len = bytes.len();
        let lost = |at, peer| {
            self.net
                .change(|state, _| state.loses_datagram(at, peer, len))
        };
        if lost(&self.at, &peer) {
            return Ok(());
        }
        self.inner.send_to(bytes, to).await.map(drop)
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut late = self.late.lock().await;
        let due = match &*late {
            Some(late) => late.due,
            None => late.insert(self.arrived().await?).due,
        };
        sleep_until(due).await;
        let Late {
            bytes: all, from, ..
        } = late.take().expect("it was put there");
        let len = all.len().min(bytes.len());
        bytes[..len].copy_from_slice(&all[..len]);
        Ok((len, from))
    }
}
