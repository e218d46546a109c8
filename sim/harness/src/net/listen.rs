//! Accepting simulated streams: the software's part, and the kernel's that answers dials.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use bowline_link::Listen;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::state::{Arrival, Port};
use super::wire::Side;
use super::{Net, Place, Stream};
use crate::trace::What;

/// Accepts the streams that are dialed to a port of one host.
///
/// Up to [`BACKLOG`](super::BACKLOG) streams wait to be accepted; while that many do, dials
/// hang. Dropping the listener resets them, and the port is free at once.
#[derive(Debug)]
pub struct Listener {
    net: Net,
    at: Place,
    port: Port,
    address: SocketAddr,
    /// Lives as long as the listener.
    _kernel: JoinSet<()>,
}

/// Answers dials whether or not the software accepts.
struct Kernel {
    // Dropped in this order: the port is free when the simulator says so.
    inner: turmoil::net::TcpListener,
    desk: Desk,
}

/// What of a kernel is ours.
struct Desk {
    net: Net,
    port: Port,
    /// Told when there are sockets to close.
    forgotten: Arc<Notify>,
}

// === impl Listener ===

impl Listener {
    pub(super) async fn bind(net: Net, node: String, port: u16) -> io::Result<Self> {
        let at = net.place(&node)?;
        let inner = open(&net, &at, port).await?;
        let port = inner.local_addr()?.port();
        let address = SocketAddr::new(turmoil::lookup(&**at.host()), port);
        let port = (Arc::clone(at.host()), port);
        let forgotten = Arc::<Notify>::default();
        let listens = (at.clone(), port.clone(), Arc::clone(&forgotten));
        net.change(|state, _| state.listen(listens.0, listens.1, listens.2));
        let desk = Desk {
            net: net.clone(),
            port: port.clone(),
            forgotten,
        };
        let mut kernel = JoinSet::new();
        kernel.spawn(Kernel { inner, desk }.run());
        Ok(Self {
            net,
            at,
            port,
            address,
            _kernel: kernel,
        })
    }
}

/// Opens a port, which may be one whose listener was dropped just now: the task that has
/// it is gone before time passes.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where simulated listeners are opened"
)]
async fn open(net: &Net, at: &Place, port: u16) -> io::Result<turmoil::net::TcpListener> {
    loop {
        let mut changed = pin!(net.shared.changed.notified());
        changed.as_mut().enable();
        let opened = turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
        let port = (Arc::clone(at.host()), port);
        match opened {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && net.change(|state, _| state.is_closing(&port)) =>
            {
                changed.await;
            }
            opened => return opened,
        }
    }
}

impl Listen for Listener {
    type Io = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (net, port) = (&self.net, &self.port);
        let (arrival, full) = poll_fn(|cx| net.change(|state, _| state.accept(port, cx))).await;
        // From here on nothing waits, so that no accepted stream is lost with this future.
        let Arrival { wire, peer, socket } = arrival;
        if full {
            net.shared.changed.notify_waiters();
        }
        net.record_end(wire, Side::Accepting, What::Accepted, 0);
        let at = self.at.clone();
        let stream = Stream::new(socket, net.clone(), wire, Side::Accepting, at);
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let now = self.net.now();
        let sockets = self
            .net
            .change(|state, _| state.stop_listening(&self.port, now));
        drop(sockets);
        self.net.shared.changed.notify_waiters();
    }
}

// === impl Kernel ===

impl Kernel {
    async fn run(self) {
        loop {
            tokio::select! {
                biased;
                () = self.desk.forgotten.notified() => self.desk.close_forgotten(),
                accepted = self.inner.accept() => {
                    let (socket, peer) = accepted.expect("a simulated accept does not fail");
                    self.desk.answered(socket, peer);
                }
            }
        }
    }
}

// === impl Desk ===

impl Desk {
    fn answered(&self, socket: turmoil::net::TcpStream, peer: SocketAddr) {
        let from = turmoil::reverse_lookup(peer.ip())
            .and_then(|host| Some(self.net.shared.topology.names(&host)?.1))
            .expect("only hosts of the topology dial");
        let unwanted = self
            .net
            .change(|state, _| state.answered(&self.port, from, peer, socket));
        drop(unwanted);
    }

    fn close_forgotten(&self) {
        let sockets = self.net.change(|state, _| state.forgotten(&self.port));
        drop(sockets);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.net.change(|state, _| state.closed(&self.port));
        self.net.shared.changed.notify_waiters();
    }
}
