//! Real TCP: the one place that opens such sockets. It keeps nothing open by itself and never
//! calls again; that is for the layers above.

mod dialer;
mod listener;
mod silence;

pub use dialer::{CONNECT_TIMEOUT, DialError, DialStep, Dialer, Dialing};
pub use listener::{BACKLOG, BindError, Listener};
pub use silence::{SILENCE_MAX, SILENCE_MIN};

#[cfg(test)]
mod tests;
