//! Accepting connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::Io;

/// Accepts byte streams from peers.
pub trait Listen: Send + 'static {
    /// The stream an accept yields.
    type Io: Io;

    /// Waits for the next peer.
    ///
    /// # Errors
    ///
    /// Whatever the network answered. An error does not end the listener: whoever
    /// accepts decides whether to wait (out of file descriptors) or to go on at
    /// once (the peer gave up before it was accepted).
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no connection: one not yet returned stays in the
    /// backlog.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;

    /// The address peers can reach, with the port that was really bound.
    ///
    /// # Errors
    ///
    /// Whatever the network answered.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}
