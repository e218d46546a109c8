//! Tests that no single crate can hold: the repository checked against itself.
//!
//! Nothing here is for use by another package.

#[cfg(test)]
mod repository;
