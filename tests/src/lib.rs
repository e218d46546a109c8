//! Tests that no single crate can hold: the repository checked against itself, and the
//! real binary over real sockets.
//!
//! Nothing here is for use by another package.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod dns;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod linux;
#[cfg(test)]
mod loopback;
#[cfg(target_os = "linux")]
pub mod namespace;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod ride;
#[cfg(test)]
mod services;
#[cfg(test)]
mod tls;
