//! Tests that no single crate can hold: the repository checked against itself, and the
//! real binary over real sockets.
//!
//! Nothing here is for use by another package.

#[cfg(test)]
mod loopback;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod services;
#[cfg(test)]
mod tls;
