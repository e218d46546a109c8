//! Where endpoints come from: lists that change while they are in use. It dials nobody and
//! chooses nobody; a bad answer never empties a list that was good.
//!
//! A source is a [`Stream`] of [`Update`]s, each either a whole new list of [`Targets`] or a
//! typed [`Problem`] during which the last list stays in force: stale is better than none,
//! and its age is said. So any stream of updates is a source; those that ship are
//!
//! * [`fixed`]: a list that never changes,
//! * [`Refreshing`]: whatever a [`Lookup`] finds, asked again and again. [`Resolved`] asks a
//!   resolver for a name's addresses, [`File`] reads a file, and with the feature `dns`
//!   `dns::Addresses` and `dns::Services` ask name servers for A, AAAA and SRV records, and
//!   learn from them how long an answer is good.
//!
//! [`InForce`] is what a consumer keeps: the list that counts now, and how old it is.
//!
//! ```
//! use bowline_link::discovery::{self, InForce, Target, Targets};
//! use futures_util::StreamExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let known = Targets::new(["chat-1.example:7400", "chat-2.example:7400"].map(|text| {
//!     Target::new(text.parse().expect("an endpoint"))
//! }))?;
//! let mut source = discovery::fixed(known);
//! let mut in_force = InForce::new();
//! while let Some(update) = source.next().await {
//!     in_force.apply(&update, tokio::time::Instant::now().into_std());
//! }
//! assert_eq!(in_force.targets().map(Targets::len), Some(2));
//! # Ok(())
//! # }
//! ```

use futures_util::Stream;

use crate::BoxError;

mod file;
mod force;
mod lookup;
mod refresh;
mod refreshing;
mod target;
mod update;

pub use file::{FILE_BYTES_MAX, File, FileError};
pub use force::InForce;
pub use lookup::{Answer, Lookup, Resolved, ResolvedError};
pub use refresh::{
    INTERVAL_DEFAULT, InvalidRefresh, MAX_STALE_DEFAULT, PATIENCE_DEFAULT, Refresh, WAIT_MAX,
    WAIT_MIN,
};
pub use refreshing::Refreshing;
pub use target::{InvalidTargets, TARGETS_MAX, Target, Targets};
pub use update::{Problem, Update};

/// A source of targets: any stream of [`Update`]s.
///
/// An alias: implement [`Stream`], ask for `Discover`. A stream that ends has nothing more
/// to say, and its last list stays in force.
pub trait Discover: Stream<Item = Update<Self::Error>> + Send {
    /// What its problems carry.
    type Error: Into<BoxError> + Send;
}

impl<S, E> Discover for S
where
    E: Into<BoxError> + Send,
    S: Stream<Item = Update<E>> + Send,
{
    type Error = E;
}

/// A source that says one list and ends.
pub fn fixed(targets: Targets) -> futures_util::stream::Iter<std::array::IntoIter<Update, 1>> {
    futures_util::stream::iter([Update::List(targets)])
}

#[cfg(test)]
mod tests;
