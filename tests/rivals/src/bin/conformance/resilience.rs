//! tower-resilience-reconnect.

use std::error::Error as StdError;
use std::time::Duration;

use bowline_conformance::{Backoff, DialError, Lacks, Pace, Peer, Sent, Subject, WireError};
use tower::Layer;
use tower_resilience_reconnect::{
    ReconnectConfig, ReconnectConfigBuilder, ReconnectError, ReconnectLayer, ReconnectPolicy,
    ReconnectService,
};

use crate::tower_own::{Make, make};

/// Its service, which sends requests again or not.
#[derive(Debug)]
pub(crate) struct Resilience {
    pub(crate) replays: bool,
}

/// Its policy, with the only jitter it has.
#[derive(Debug)]
pub(crate) struct Policy;

/// Its error, over the connections of the laws.
type Error = ReconnectError<DialError, WireError>;

// === impl Resilience ===

impl Resilience {
    fn settings(&self, pace: Pace) -> ReconnectConfigBuilder {
        ReconnectConfig::builder()
            .policy(policy(pace))
            .retry_on_reconnect(self.replays)
    }
}

impl Subject for Resilience {
    type Service = ReconnectService<Make, ()>;

    fn service(&self, peer: &Peer, pace: Pace) -> Self::Service {
        let settings = self.settings(pace).unlimited_attempts();
        over(peer, settings.build())
    }

    fn limited(&self, peer: &Peer, pace: Pace, attempts: u32) -> Result<Self::Service, Lacks> {
        let settings = self.settings(pace).max_attempts(attempts);
        Ok(over(peer, settings.build()))
    }

    fn handle(&self, service: &Self::Service) -> Result<Self::Service, Lacks> {
        Ok(service.clone())
    }

    /// What its variants and the errors in them say.
    fn sent(&self, error: &(dyn StdError + 'static)) -> Option<Sent> {
        match error.downcast_ref::<Error>()? {
            ReconnectError::FactoryError(_) => Some(Sent::No),
            ReconnectError::ConnectionFailed(inner)
            | ReconnectError::ConnectionFailedNoRetry(inner)
            | ReconnectError::ServiceError(inner) => Sent::of(inner),
            ReconnectError::MaxAttemptsExceeded { error, .. } => Sent::of(&**error),
        }
    }
}

fn over(peer: &Peer, settings: ReconnectConfig) -> ReconnectService<Make, ()> {
    ReconnectLayer::new(settings).layer(make(peer))
}

fn policy(pace: Pace) -> ReconnectPolicy {
    let policy = ReconnectPolicy::exponential_random(pace.base, pace.cap, 0.5);
    policy.expect("a half is a share")
}

// === impl Policy ===

impl Backoff for Policy {
    type Delays = Box<dyn Iterator<Item = Duration>>;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Self::Delays> {
        let sessions = (0..count).map(|_| {
            let policy = policy(pace);
            // From 1, as its service counts.
            let delays = (1..).map_while(move |attempt| policy.delay_for_attempt(attempt));
            Box::new(delays) as Self::Delays
        });
        sessions.collect()
    }
}
