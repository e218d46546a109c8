//! The seam between a connection and the network it runs on.
//!
//! Everything above is generic over [`Dial`] and [`Listen`]; only this crate
//! opens a real socket. What is simulated is the same code with another type.
//!
//! A byte stream that reconnects by itself is deliberately not offered: when it
//! breaks, nobody can know which bytes arrived, so it could only lose or repeat
//! some in silence. Reconnecting belongs where requests have names.
//!
//! Real sockets come from [`tcp`] and `unix`, through proxies by [`socks5`] and
//! [`http_connect`]. Names become addresses at [`Resolve`], several addresses are
//! [raced](race), and one [`ConnectTimeout`] bounds the whole. Frames come from
//! [`codec`]; whoever takes them asks for the traits:
//!
//! ```
//! use bowline_link::codec::{Command, Frame, HeaderCodec, Limits};
//! use bowline_link::{BoxError, Dial, Endpoint, Listen, tcp};
//! use futures_util::{SinkExt, StreamExt};
//! use tokio_util::codec::Framed;
//! use tower::ServiceExt;
//!
//! async fn greet(dialer: impl Dial, to: Endpoint) -> Result<(), BoxError> {
//!     let stream = dialer.oneshot(to).await.map_err(Into::into)?;
//!     let mut frames = Framed::new(stream, HeaderCodec::new(Limits::default()));
//!     let ahoy = Frame { cmd: Command::new(1), payload: "ahoy".into() };
//!     Ok(frames.send(ahoy).await?)
//! }
//!
//! async fn heard(mut listener: impl Listen) -> Result<Frame, BoxError> {
//!     let (stream, _peer) = listener.accept().await?;
//!     let mut frames = Framed::new(stream, HeaderCodec::new(Limits::default()));
//!     Ok(frames.next().await.ok_or("hung up")??)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
//! greet(tcp::Dialer::new(), listener.local_addr()?.into()).await?;
//! assert_eq!(heard(listener).await?.payload, "ahoy");
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run -p bowline-link --example echo` serves and calls in one process.

mod accept;
mod alarm;
pub mod alive;
pub mod beat;
pub mod breaker;
mod causes;
mod clock;
pub mod codec;
mod deadline;
mod dial;
pub mod dial_budget;
mod dialing;
pub mod discovery;
#[cfg(feature = "dns")]
pub mod dns;
mod endpoint;
pub mod http_connect;
pub mod idle;
mod io;
mod listen;
mod log;
pub mod probing;
pub mod race;
mod resolve;
mod resolving;
pub mod socks5;
pub mod stall;
mod stamp;
mod step;
pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "udp")]
pub mod udp;
#[cfg(unix)]
pub mod unix;
mod wrap;

pub use accept::{ACCEPT_PAUSE, AcceptNext};
pub use causes::{causes, is_unproven};
pub use clock::{SystemClock, WallClock};
pub use deadline::{ConnectTimeout, ConnectTimeoutError, ConnectTimeoutLayer};
pub use dial::{Connect, Dial};
pub use dialing::Dialing;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use io::{BoxError, Io};
pub use listen::Listen;
pub use log::Log;
pub use resolve::{Resolve, SystemResolver};
pub use resolving::{Resolving, ResolvingError};
pub use stamp::{Stamp, Stamped};
pub use step::DialStep;
pub use wrap::{Wrap, WrapDialer, Wrapping};
