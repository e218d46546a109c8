//! Unix sockets: streams to peers on the same machine, by path. No abstract names, no
//! datagrams, no passing of descriptors.

mod claim;
mod dialer;
mod listener;

pub use dialer::{DialError, Dialer};
pub use listener::{BIND_WAIT, BindError, Listener, NO_ADDRESS};

#[cfg(test)]
mod tests;
