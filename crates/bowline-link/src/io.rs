//! What a byte stream must be able to do to be carried by this house.

use std::error::Error;

use tokio::io::{AsyncRead, AsyncWrite};

/// An error whose type the layers between must not care about.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A byte stream its holder may own, move to another task and drop.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}
