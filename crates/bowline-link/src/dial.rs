//! Opening connections: what pool, reconnect and chat ask for, and nobody implements by hand.

use tower_service::Service;

use crate::{BoxError, Endpoint, Io};

/// Opens a connection, which need not be a byte stream: people pool and
/// reconnect *sessions*.
///
/// An alias: implement [`Service<Endpoint>`], ask for `Connect`. A `service_fn`
/// is one, and so is a connector inside any tower layer that stays `Clone`. To
/// name one in a struct without its type, erase it with
/// `tower::util::BoxCloneSyncService`.
///
/// Dropping the future of a connect gives it up; what it had opened is closed.
pub trait Connect:
    Service<
        Endpoint,
        Response = Self::Connection,
        Error: Into<BoxError> + Send,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// What a connect yields.
    type Connection: Send + 'static;
}

impl<S, C> Connect for S
where
    C: Send + 'static,
    S: Service<Endpoint, Response = C, Error: Into<BoxError> + Send, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
{
    type Connection = C;
}

/// Opens a byte stream: a [`Connect`] whose connections are [`Io`].
pub trait Dial: Connect<Connection = Self::Io> {
    /// The stream a dial yields.
    type Io: Io;
}

impl<S: Connect<Connection: Io>> Dial for S {
    type Io = S::Connection;
}
