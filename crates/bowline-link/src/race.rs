//! Several addresses of one peer, raced (happy eyeballs, RFC 8305). It knows neither names
//! nor sockets, and has no deadline; both are for whoever calls it.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// How long an attempt runs alone before the next joins it (RFC 8305, section 5).
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The shortest such delay: what RFC 8305 says must not be undercut.
pub const ATTEMPT_DELAY_MIN: Duration = Duration::from_millis(10);

/// The longest such delay RFC 8305 recommends.
pub const ATTEMPT_DELAY_MAX: Duration = Duration::from_secs(2);

/// How many addresses of one answer are tried, and so how many failures are kept.
///
/// All of them have begun within four seconds at [`ATTEMPT_DELAY`].
pub const ADDRESSES_MAX: usize = 16;

/// How addresses are raced.
///
/// They are tried in the order given, the families taking turns. The next one begins
/// [`ATTEMPT_DELAY`] after the one before it, or as soon as one fails. The first to
/// succeed wins; the others are dropped.
///
/// The resolver is asked once and answers with both families together, so the parts of
/// RFC 8305 about asking for them apart have no place here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    attempt_delay: Duration,
    prefer: Prefer,
}

/// Which family of addresses goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Prefer {
    /// IPv6, as RFC 8305 has it.
    #[default]
    V6,
    /// IPv4.
    V4,
    /// That of the resolver's first answer.
    First,
}

/// Every address that was tried and what became of it, in the order they failed.
#[derive(Debug)]
pub struct Failures<E> {
    failed: Vec<(SocketAddr, E)>,
    untried: usize,
}

/// Attempts under way, the better address first.
struct Racers<F>(Vec<(SocketAddr, Pin<Box<F>>)>);

// === impl Race ===

impl Race {
    /// [`ATTEMPT_DELAY`], IPv6 first.
    pub fn new() -> Self {
        Self {
            attempt_delay: ATTEMPT_DELAY,
            prefer: Prefer::V6,
        }
    }

    /// Lets each attempt run alone for `delay`, within [`ATTEMPT_DELAY_MIN`] and
    /// [`ATTEMPT_DELAY_MAX`].
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        self.attempt_delay = delay.clamp(ATTEMPT_DELAY_MIN, ATTEMPT_DELAY_MAX);
        self
    }

    /// Has this family go first.
    pub fn prefer(mut self, family: Prefer) -> Self {
        self.prefer = family;
        self
    }

    /// The order in which `addresses` are tried: each once, families in turn, at most
    /// [`ADDRESSES_MAX`].
    pub fn order(&self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        self.turns(addresses).into()
    }

    /// Calls `attempt` for one address after the other until one succeeds.
    ///
    /// Two that succeed at the same instant are decided by their order.
    ///
    /// # Errors
    ///
    /// When every address has failed, or there is none.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops every attempt under way.
    pub async fn run<F, C, E>(
        &self,
        addresses: &[SocketAddr],
        mut attempt: impl FnMut(SocketAddr) -> F,
    ) -> Result<C, Failures<E>>
    where
        F: Future<Output = Result<C, E>>,
    {
        let mut waiting = self.turns(addresses);
        let mut racers = Racers(Vec::new());
        let mut failures = Failures::new();
        loop {
            if let Some(address) = waiting.pop_front() {
                racers.0.push((address, Box::pin(attempt(address))));
            } else if racers.0.is_empty() {
                let each: BTreeSet<_> = addresses.iter().collect();
                failures.untried = each.len() - failures.failed.len();
                return Err(failures);
            }
            tokio::select! {
                biased;
                (address, outcome) = racers.next() => match outcome {
                    Ok(connection) => return Ok(connection),
                    Err(error) => failures.failed.push((address, error)),
                },
                () = tokio::time::sleep(self.attempt_delay), if !waiting.is_empty() => {}
            }
        }
    }

    fn turns(&self, addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
        let v6_first = match self.prefer {
            Prefer::V6 => true,
            Prefer::V4 => false,
            Prefer::First => addresses.first().is_some_and(SocketAddr::is_ipv6),
        };
        let mut seen = BTreeSet::new();
        let (mut first, mut second): (VecDeque<_>, VecDeque<_>) = addresses
            .iter()
            .filter(|&&address| seen.insert(address))
            .partition(|address| address.is_ipv6() == v6_first);
        let mut turns = VecDeque::new();
        while turns.len() < ADDRESSES_MAX {
            let Some(next) = first.pop_front().or_else(|| second.pop_front()) else {
                break;
            };
            turns.push_back(next);
            if !second.is_empty() {
                std::mem::swap(&mut first, &mut second);
            }
        }
        turns
    }
}

impl Default for Race {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Failures ===

impl<E> Failures<E> {
    fn new() -> Self {
        Self {
            failed: Vec::new(),
            untried: 0,
        }
    }

    /// Each address with its error; the one that failed last comes last.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, &E)> {
        self.failed.iter().map(|(address, error)| (*address, error))
    }

    /// How many addresses were tried and failed.
    pub fn tried(&self) -> usize {
        self.failed.len()
    }

    /// How many addresses were not tried, being more than [`ADDRESSES_MAX`].
    pub fn untried(&self) -> usize {
        self.untried
    }

    /// Takes out the one that failed last.
    pub(crate) fn pop(&mut self) -> Option<(SocketAddr, E)> {
        self.failed.pop()
    }
}

impl<E: fmt::Display> fmt::Display for Failures<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (address, error)) in self.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            write!(f, "{comma}{address} ({error})")?;
        }
        Ok(())
    }
}

// === impl Racers ===

impl<C, E, F: Future<Output = Result<C, E>>> Racers<F> {
    /// Waits for one to finish and takes it out. Polling all of them in order, rather than
    /// those that were woken, is what lets the order decide; there are few.
    async fn next(&mut self) -> (SocketAddr, Result<C, E>) {
        poll_fn(|cx| {
            for (nth, (address, attempt)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(outcome) = attempt.as_mut().poll(cx) {
                    let address = *address;
                    drop(self.0.remove(nth));
                    return Poll::Ready((address, outcome));
                }
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests;
