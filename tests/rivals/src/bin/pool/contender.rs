//! What a pool must offer to be measured, and who is. Nothing here favours anybody: whatever one
//! contender needs that others do not is in its own file.

mod bb8;
mod deadpool;
mod mobc;
mod ours;

use std::future::Future;
use std::io;
use std::time::Duration;

use bowline_link::{BoxError, Io};
use tokio::time::timeout;

use self::bb8::Bb8;
use self::deadpool::{Bare, Waiting};
use self::mobc::Mobc;
use self::ours::Ours;

/// Opens what is pooled.
pub(crate) trait Dial: Clone + Send + Sync + 'static {
    /// What it opens.
    type Link: Link;

    /// Opens one.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Link>> + Send;
}

/// What is pooled.
pub(crate) trait Link: Io {
    /// Looks, without waiting, whether the peer has ended it: what a rival does before it lends.
    fn is_dead(&mut self) -> bool;
}

/// What a pool is asked to keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections to keep, where a contender can.
    pub(crate) min: usize,
    /// The most connections.
    pub(crate) max: usize,
    /// How long a caller waits, where a contender has a limit.
    pub(crate) wait: Duration,
    /// How long one dial may take.
    pub(crate) connect: Duration,
    /// Where chance comes from, where a contender has it handed in.
    pub(crate) seed: u64,
}

/// A way to make a pool.
pub(crate) trait Contender {
    /// As it is called in the tables.
    const NAME: &'static str;

    /// What it makes.
    type Pool<D: Dial>: Lend;

    /// Makes a pool that reaches the peer by `dial`.
    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError>;
}

/// A pool.
pub(crate) trait Lend: Clone + Send + Sync + 'static {
    /// A connection on loan, which goes back when dropped.
    type Lent<'a>: Send
    where
        Self: 'a;

    /// Borrows a connection.
    fn checkout(&self) -> impl Future<Output = Result<Self::Lent<'_>, BoxError>> + Send;
}

/// What every contender goes through.
pub(crate) trait Trial {
    /// What is known of a contender afterwards.
    type Outcome;

    /// Puts one contender through it.
    fn run<C: Contender>(&self) -> Result<Self::Outcome, BoxError>;
}

/// How many contenders there are.
pub(crate) const CONTENDERS: usize = 5;

/// Where each stands in what [`all`] returns.
pub(crate) const BARE: usize = 1;
pub(crate) const WAITING: usize = 2;

/// One for each contender, by its name.
pub(crate) type Each<T> = [(&'static str, T); CONTENDERS];

/// Puts all of them through `trial`, ours first.
pub(crate) fn all<T: Trial>(trial: &T) -> Result<Each<T::Outcome>, BoxError> {
    Ok([
        one::<T, Ours>(trial)?,
        one::<T, Bare>(trial)?,
        one::<T, Waiting>(trial)?,
        one::<T, Bb8>(trial)?,
        one::<T, Mobc>(trial)?,
    ])
}

fn one<T: Trial, C: Contender>(trial: &T) -> Result<(&'static str, T::Outcome), BoxError> {
    let outcome = trial.run::<C>();
    let outcome = outcome.map_err(|error| format!("{}: {error}", C::NAME))?;
    Ok((C::NAME, outcome))
}

/// Fills `pool` to so many connections, all of them parked when it returns.
pub(crate) async fn fill(pool: &impl Lend, connections: usize) -> Result<(), BoxError> {
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(pool.checkout().await?);
    }
    drop(held);
    // One contender gives back in a task of its own.
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(())
}

/// A dial of a rival, under the limit that ours sets by itself.
async fn dial_within<D: Dial>(dial: &D, limit: Duration) -> io::Result<D::Link> {
    timeout(limit, dial.dial())
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The look of a rival, as a result.
fn alive(link: &mut impl Link) -> io::Result<()> {
    if link.is_dead() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok(())
}
