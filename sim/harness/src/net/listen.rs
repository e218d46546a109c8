//! Accepting simulated streams.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bowline_link::Listen;

use super::wire::Side;
use super::{Net, Place, Stream};
use crate::trace::What;

/// Accepts the streams that are dialed to a port of one host.
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    net: Net,
    at: Place,
    address: SocketAddr,
}

/// turmoil's listener has no `Debug`.
struct Inner(turmoil::net::TcpListener);

impl Listener {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where simulated listeners are opened"
    )]
    pub(super) async fn bind(net: Net, node: String, port: u16) -> io::Result<Self> {
        let at = net.place(&node)?;
        let inner = turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
        let port = inner.local_addr()?.port();
        let address = SocketAddr::new(turmoil::lookup(&**at.host()), port);
        net.change(|state, _| state.listen(at.host().clone(), port));
        Ok(Self {
            inner: Inner(inner),
            net,
            at,
            address,
        })
    }
}

impl Listen for Listener {
    type Io = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (inner, peer) = self.inner.0.accept().await?;
        // From here on nothing waits, so that no accepted stream is lost with this future.
        let host = turmoil::reverse_lookup(peer.ip())
            .and_then(|host| Some(self.net.shared.topology.names(&host)?.1))
            .expect("only hosts of the topology dial");
        let addresses = (peer, inner.local_addr()?);
        let from = Place::somewhere_on(host);
        let wire = self
            .net
            .change(|state, _| state.accepted(addresses, from.clone(), self.at.clone()));
        self.net.record(&self.at, &from, What::Accepted, 0);
        let at = self.at.clone();
        let stream = Stream::new(inner, self.net.clone(), wire, Side::Accepting, at);
        Ok((stream, peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let (host, port) = (self.at.host().clone(), self.address.port());
        self.net.change(|state, _| state.stop_listening(host, port));
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TcpListener")
    }
}
