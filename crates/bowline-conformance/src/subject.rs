//! What a service must offer to be judged. It says nothing of how the service works.

use std::error::Error as StdError;
use std::time::Duration;

use tower_service::Service;

use crate::{Answer, DialError, Law, Peer, Request, WireError};

/// Any error, boxed.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A reconnecting service under judgement.
///
/// Give it its best settings: the laws ask what a careful user can get, not
/// what the defaults are. Where a law would judge the adapter instead of the
/// service, say so in [`exempt`](Self::exempt).
pub trait Subject {
    /// The service. Each failed call must hand out the error as a user gets it.
    type Service: Service<
            Request,
            Response = Answer,
            Error: Into<BoxError> + Send + 'static,
            Future: Send + 'static,
        > + Send
        + 'static;

    /// Builds the service over `peer`, with delays that start at about
    /// `pace.base` and never exceed `pace.cap`, without any limit on attempts.
    ///
    /// Called inside a tokio runtime with the clock paused. Each call is
    /// another session of the same maker.
    fn service(&self, peer: &Peer, pace: Pace) -> Self::Service;

    /// The same, but it gives up after about `attempts` failed attempts in a row.
    ///
    /// # Errors
    ///
    /// [`Lacks`], where it knows no such limit.
    fn limited(&self, peer: &Peer, pace: Pace, attempts: u32) -> Result<Self::Service, Lacks> {
        let _ = (peer, pace, attempts);
        Err(Lacks("it knows no limit on attempts and never gives up"))
    }

    /// Another handle of the same connection, for a task of its own.
    ///
    /// # Errors
    ///
    /// [`Lacks`], where it has only one.
    fn handle(&self, service: &Self::Service) -> Result<Self::Service, Lacks> {
        let _ = service;
        Err(Lacks("it is not `Clone`"))
    }

    /// What a user can read off `error` about whether the request was sent.
    ///
    /// By default what the scripted connection itself said, for services that
    /// pass errors through.
    fn sent(&self, error: &(dyn StdError + 'static)) -> Option<Sent> {
        Sent::of(error)
    }

    /// What the service shows of its state without being called, if anything.
    fn standing(&self, service: &Self::Service) -> Option<Standing> {
        let _ = service;
        None
    }

    /// Makes it try again after it gave up; `false` where there is nothing to do that with.
    fn revive(&self, service: &Self::Service) -> bool {
        let _ = service;
        false
    }

    /// Closes it for good; `false` where there is nothing to do that with.
    fn close(&self, service: &Self::Service) -> bool {
        let _ = service;
        false
    }

    /// Why `law` cannot be judged on this service, if that is so.
    fn exempt(&self, law: Law) -> Option<&'static str> {
        let _ = law;
        None
    }
}

/// How fast a subject is to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// About the first delay.
    pub base: Duration,
    /// The longest delay.
    pub cap: Duration,
}

/// Why a subject has not what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Lacks(pub &'static str);

/// Whether a request may have reached the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It has not.
    No,
    /// It may have.
    Maybe,
}

/// What a service shows of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Connected.
    Up,
    /// Connecting, or waiting to.
    Trying,
    /// Given up until somebody asks.
    Parked,
    /// Closed for good.
    Closed,
}

// === impl Sent ===

impl Sent {
    /// What an error of the scripted peer says: a failed dial sends nothing.
    ///
    /// `error` itself is looked at, not its causes, which may speak of another request.
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Self> {
        if error.is::<DialError>() {
            return Some(Self::No);
        }
        match error.downcast_ref::<WireError>()? {
            WireError::NotSent => Some(Self::No),
            WireError::Lost => Some(Self::Maybe),
        }
    }
}
