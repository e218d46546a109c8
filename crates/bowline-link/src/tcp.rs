//! Real TCP: the one place that opens such sockets. It keeps nothing open by itself and never
//! calls again; that is for the layers above.

mod dialer;
mod error;
mod listener;
mod options;
mod silence;

pub use crate::DialStep;
pub use dialer::{CONNECT_TIMEOUT, Dialer, Dialing};
pub use error::DialError;
pub use listener::{BACKLOG, BindError, Listener};
pub use options::{NOT_SENT_MAX, NOT_SENT_MIN};
pub use silence::{SILENCE_MAX, SILENCE_MIN, SilenceMax};

#[cfg(test)]
mod tests;
