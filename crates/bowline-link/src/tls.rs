//! TLS 1.2 and 1.3 over any stream, client and server, with one's own roots. It opens no socket,
//! reads no file it was not given, and never connects to a peer that it could not verify.
//!
//! [`Client`] and [`Server`] are settings; built, they become a [`Connector`] and an [`Acceptor`]:
//! cheap handles, shared by all clones, whose certificates, roots and revocation lists can be
//! replaced while connections run ([`Connector::replace`], [`Acceptor::replace`]). A [`Dialer`]
//! puts the first over any [`Dial`](crate::Dial), a [`Listener`] the second over any
//! [`Listen`](crate::Listen). Both yield [`MaybeTls`], which has a name for users' structs and
//! can be a plain stream as well.
//!
//! ```
//! use bowline_link::tls::{Acceptor, Client, Dialer, Identity, Listener, Roots, Server};
//! use bowline_link::{BoxError, tcp};
//!
//! fn call(ca: &[u8]) -> Result<Dialer<tcp::Dialer>, BoxError> {
//!     let connector = Client::new(Roots::from_pem(ca)?).alpn(["chat/1"]).build()?;
//!     Ok(Dialer::new(tcp::Dialer::new(), connector))
//! }
//!
//! fn serve(tcp: tcp::Listener, chain: &[u8], key: &[u8]) -> Result<Listener<tcp::Listener>, BoxError> {
//!     let identity = Identity::from_pem(chain, key)?;
//!     let acceptor: Acceptor = Server::new(identity).alpn(["chat/1"]).build()?;
//!     Ok(Listener::new(tcp, acceptor))
//! }
//! ```
//!
//! # What is decided here
//!
//! * The cryptography is `ring`'s with rustls's own choice of cipher suites and groups; nothing
//!   process-wide is installed or read.
//! * Whether a certificate is still valid is a question to a [`WallClock`](crate::WallClock),
//!   the machine's unless told otherwise. Keys and nonces come from the machine's randomness
//!   always: the bytes of two runs differ even where everything else is simulated.
//! * Revocation fails closed: see [`RevocationLists`].
//! * Sessions are resumed as rustls does by default. Each replacement starts with no session to
//!   resume, so that nobody slips past a new revocation list on an old ticket.
//! * Early data (0-RTT) is not offered: it can be replayed.

mod acceptor;
mod alert;
mod client;
mod connector;
mod date;
mod dialer;
mod error;
mod event;
mod farewell;
mod flight;
mod identity;
mod listener;
mod name;
mod pem;
mod replaceable;
mod server;
mod stream;
mod time;
mod trust;
mod version;

pub use acceptor::Acceptor;
pub use alert::Alert;
pub use client::Client;
pub use connector::Connector;
pub use dialer::{DialError, DialLayer, Dialer};
pub use error::{Error, Side};
pub use event::Event;
pub use farewell::{FAREWELL_BYTES_MAX, FAREWELL_MAX};
pub use flight::FLIGHT_MAX;
pub use identity::Identity;
pub use listener::{
    HANDSHAKE_DEADLINE, HANDSHAKE_DEADLINE_MAX, HANDSHAKES, HANDSHAKES_MAX, Handshakes,
    InvalidHandshakes, Listener,
};
pub use pem::{PEM_MAX, PemKind, PemProblem};
pub use rustls_pki_types::CertificateDer;
pub use server::Server;
pub use stream::{BUFFER_MAX, MaybeTls};
pub use trust::{RevocationLists, Roots};
pub use version::Version;

#[cfg(test)]
mod tests;
