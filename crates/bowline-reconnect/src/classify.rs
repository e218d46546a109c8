//! What to do about a failure. It waits for nothing and calls nobody.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use bowline_link::{
    ConnectTimeoutError, Endpoint, ResolvingError, breaker, causes, is_unproven, tcp,
};
use bowline_policy::heartbeat::Death;

use crate::{ConnectTimeout, Hint, LostReason, Step, TurnedAway, Unauthorized};

/// Judges why there is no connection.
///
/// [`ByCause`] is what a link does unless told; a classifier of one's own may
/// ask it for what it does not know itself.
pub trait Classify: Send + Sync + 'static {
    /// What to do about `failure`; must not block.
    fn classify(&self, failure: &Failure<'_>) -> Verdict;
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// What the connector, the session hook, the `closed` future, the check or
    /// the service's `poll_ready` said.
    pub error: &'a (dyn StdError + 'static),
    /// How far the connection had come.
    pub phase: Phase,
    /// The peer.
    pub endpoint: &'a Endpoint,
    /// Which try it was, counted as in [`State::Connecting`](crate::State::Connecting).
    pub attempt: u32,
}

/// How far a connection had come when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It was being made.
    Attempt(Step),
    /// It had been up.
    Up(LostReason),
}

/// What to do about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Try again when the backoff says so.
    Retry,
    /// The same, but the first time since the link was last stable at once,
    /// though splayed: [`next_delay_soon`](bowline_policy::backoff::Session::next_delay_soon).
    Soon,
    /// Try another endpoint soon: nobody can be reached at this one. Where all
    /// were tried since the last wait, this is [`Retry`](Self::Retry).
    Failover,
    /// Do as the server asks, within the link's limits; what it does not ask
    /// for, the backoff says.
    Obey(Hint),
    /// The same as [`Failover`](Self::Failover), and tell
    /// [`Event::Unproven`](crate::Event::Unproven): whoever answered here did not
    /// prove to be who we called.
    Unproven,
    /// Trying again would not help (an unknown protocol version): park the link
    /// until somebody asks or the list of endpoints changes.
    Fatal,
    /// The same, and tell [`Event::Unauthorized`](crate::Event::Unauthorized).
    Unauthorized,
}

/// Judges by the causes of the error, the outermost that says anything first.
///
/// | cause | verdict |
/// |---|---|
/// | [`Unauthorized`] | unauthorized: parked, and a security event |
/// | [`TurnedAway`] | the hint is obeyed, or the backoff if there is none |
/// | silence ([`Death`]), any time-out | soon, then ever later |
/// | no route, nobody listens, no such name, an open breaker | the next endpoint |
/// | a [certificate](is_unproven) that is not good for the name we called | the next endpoint, and a security event |
/// | anything else, also a reset or an orderly end | the backoff |
///
/// A peer that cannot prove its name is not fatal, as one that does not accept
/// ours is: it was told no secret, so that asking again locks nobody out, and it
/// is mended where it went wrong, by a certificate renewed or a name that leads
/// to the right host again. Links that had given up would have to be revived one
/// by one. No request reaches that peer meanwhile, and the backoff bounds how
/// often it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByCause;

/// A classifier of a closure that looks at the error alone.
pub(crate) struct ByError<F>(pub(crate) F);

// === impl Verdict ===

impl Verdict {
    /// Whether no further try follows by itself.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Fatal | Self::Unauthorized => true,
            Self::Retry | Self::Soon | Self::Failover | Self::Obey(_) | Self::Unproven => false,
        }
    }
}

// === impl ByCause ===

impl Classify for ByCause {
    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        causes(failure.error)
            .find_map(judged)
            .unwrap_or(Verdict::Retry)
    }
}

/// What one cause alone says, if anything.
fn judged(cause: &(dyn StdError + 'static)) -> Option<Verdict> {
    if cause.is::<Unauthorized>() {
        return Some(Verdict::Unauthorized);
    }
    if let Some(TurnedAway { hint, .. }) = cause.downcast_ref() {
        return Some(Verdict::Obey(hint.clone()));
    }
    if is_unproven(cause) {
        return Some(Verdict::Unproven);
    }
    let timed_out = cause.is::<Death>()
        || cause.is::<ConnectTimeout>()
        || cause.is::<tokio::time::error::Elapsed>()
        || matches!(
            cause.downcast_ref(),
            Some(ConnectTimeoutError::Elapsed { .. })
        )
        || matches!(cause.downcast_ref(), Some(tcp::DialError::Timeout { .. }));
    if timed_out {
        return Some(Verdict::Soon);
    }
    let unreachable = cause.is::<breaker::Refused>()
        || matches!(
            cause.downcast_ref(),
            Some(tcp::DialError::Resolve { .. } | tcp::DialError::NoAddress { .. })
        )
        || matches!(
            cause.downcast_ref(),
            Some(ResolvingError::Resolve { .. } | ResolvingError::NoAddress { .. })
        );
    if unreachable {
        return Some(Verdict::Failover);
    }
    match cause.downcast_ref().map(io::Error::kind)? {
        ErrorKind::TimedOut => Some(Verdict::Soon),
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable
        // A Unix socket that is not there.
        | ErrorKind::NotFound => Some(Verdict::Failover),
        _ => None,
    }
}

// === impl ByError ===

impl<F> Classify for ByError<F>
where
    F: Fn(&(dyn StdError + 'static)) -> Verdict + Send + Sync + 'static,
{
    fn classify(&self, failure: &Failure<'_>) -> Verdict {
        (self.0)(failure.error)
    }
}

#[cfg(test)]
mod tests;
