//! What a byte stream must be able to do to be carried by this house.

use std::error::Error;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// An error whose type the layers between must not care about.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A byte stream its holder may own, move to another task and drop.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// The first error of one type among `error` and what caused it.
pub(crate) fn find<E: Error + Copy + 'static>(error: &(dyn Error + 'static)) -> Option<E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(*found);
        }
        // An `io::Error` shows the source of what it holds, and not that itself.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = held.map(|held| held as _).or_else(|| error.source());
    }
    None
}
