//! The breaker of one endpoint, if it has one, and leave to dial from it. It
//! judges nothing; the breaker does.

use std::sync::Arc;

use bowline_policy::breaker::{Breaker, Permit, State};
use tokio::time::Instant;

use crate::Settings;

/// A breaker that other settings may replace while dials it let through are
/// still under way.
pub(super) struct Guard {
    breaker: Option<Breaker>,
    term: Arc<()>,
}

/// Leave to dial, to be given back with what became of it.
pub(super) struct Pass {
    permit: Option<Permit>,
    /// Of which breaker: no other one may be told.
    term: Arc<()>,
}

// === impl Guard ===

impl Guard {
    pub(super) fn new(settings: &Settings) -> Self {
        let breaker = settings.breaker.as_ref().map(|maker| maker.breaker());
        Self {
            breaker,
            term: Arc::default(),
        }
    }

    /// Leave to dial now; if not, until when there is none, where that is known.
    pub(super) fn ask(&mut self, now: Instant) -> Result<Pass, Option<Instant>> {
        let permit = match &mut self.breaker {
            Some(breaker) => Some(breaker.ask(now.into_std()).map_err(
                |_| match breaker.state() {
                    State::Open { until } => Some(until.into()),
                    _ => None,
                },
            )?),
            None => None,
        };
        Ok(Pass {
            permit,
            term: Arc::clone(&self.term),
        })
    }

    /// Takes leave back that came to nothing, good or bad.
    pub(super) fn no_verdict(&mut self, pass: Pass) {
        if let Some((breaker, permit)) = self.settle(pass) {
            breaker.cancelled(permit);
        }
    }

    pub(super) fn failed(&mut self, pass: Pass, now: Instant) {
        if let Some((breaker, permit)) = self.settle(pass) {
            breaker.failed(permit, now.into_std());
        }
    }

    pub(super) fn served(&mut self, now: Instant) {
        if let Ok(pass) = self.ask(now)
            && let Some((breaker, permit)) = self.settle(pass)
        {
            breaker.succeeded(permit, now.into_std());
        }
    }

    /// Until when it lets nobody through, if so.
    pub(super) fn open_until(&self) -> Option<Instant> {
        match self.breaker.as_ref()?.state() {
            State::Open { until } => Some(until.into()),
            _ => None,
        }
    }

    fn settle(&mut self, pass: Pass) -> Option<(&mut Breaker, Permit)> {
        let breaker = self.breaker.as_mut()?;
        let permit = pass.permit?;
        Arc::ptr_eq(&self.term, &pass.term).then_some((breaker, permit))
    }
}
