//! The seam between a connection and the network it runs on.
//!
//! Everything above is generic over [`Dial`] and [`Listen`]; only this crate
//! opens a real socket. What is simulated is the same code with another type.
//!
//! A byte stream that reconnects by itself is deliberately not offered: when it
//! breaks, nobody can know which bytes arrived, so it could only lose or repeat
//! some in silence. Reconnecting belongs where requests have names.

mod clock;
mod dial;
mod endpoint;
mod io;
mod listen;

pub use clock::{SystemClock, WallClock};
pub use dial::{Connect, Dial};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use io::{BoxError, Io};
pub use listen::Listen;
