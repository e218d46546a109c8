//! What follows from a failure: whom it is charged to, how long to wait, or that
//! there is nothing to wait for.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;
use tokio::time::Instant;

use super::Driver;
use super::connecting::{Made, Outcome};
use crate::classify::{Failure, Phase};
use crate::{Event, Hint, SharedError, Verdict};

/// Why there is no connection.
pub(super) struct Failed {
    pub(super) endpoint: Endpoint,
    pub(super) attempt: u32,
    pub(super) error: SharedError,
    pub(super) phase: Phase,
    /// It had been up for long enough to be above suspicion.
    pub(super) stable: bool,
}

/// What to do about it.
pub(super) enum Pause {
    /// Wait before the next try.
    For {
        wait: Duration,
        /// The server asked for it.
        asked: bool,
    },
    /// Do not try again by ourselves.
    Park {
        /// But for a slow probe.
        probe: bool,
    },
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// Takes note of what came of a try.
    pub(super) fn settle(&mut self, outcome: Outcome<S>) -> Result<Made<S>, Failed> {
        let Outcome {
            to,
            attempt,
            took,
            result,
            ..
        } = outcome;
        match result {
            Ok(made) => {
                let now = Instant::now().into_std();
                let set = &mut self.closing.link.listing().set;
                set.succeeded(&to.endpoint, took, now);
                self.tried.clear();
                Ok(made)
            }
            Err(broken) => Err(Failed {
                endpoint: to.endpoint,
                attempt,
                error: broken.error,
                phase: Phase::Attempt(broken.step),
                stable: false,
            }),
        }
    }

    /// Asks the classifier, and charges the endpoint where that is due.
    pub(super) fn judge(&self, failed: &Failed) -> Verdict {
        self.link().latest().error = Some(Arc::clone(&failed.error));
        let verdict = self.classify.classify(&Failure {
            error: &*failed.error,
            phase: failed.phase,
            endpoint: &failed.endpoint,
            attempt: failed.attempt,
        });
        let charged = match &verdict {
            // A peer that served for long and hung up has most likely restarted.
            Verdict::Retry => !failed.stable,
            Verdict::Soon | Verdict::Failover | Verdict::Unproven => true,
            Verdict::Obey(_) | Verdict::Fatal | Verdict::Unauthorized => false,
        };
        if charged {
            self.charge(&failed.endpoint);
        }
        let (endpoint, attempt) = (failed.endpoint.clone(), failed.attempt);
        let error = failed.error.clone();
        match &verdict {
            Verdict::Unauthorized => self.link().tell(Event::Unauthorized {
                endpoint,
                attempt,
                error,
            }),
            Verdict::Unproven => self.link().tell(Event::Unproven {
                endpoint,
                attempt,
                error,
            }),
            Verdict::Retry
            | Verdict::Soon
            | Verdict::Failover
            | Verdict::Obey(_)
            | Verdict::Fatal => {}
        }
        verdict
    }

    /// How long to wait after a failure on which there is this verdict.
    pub(super) fn pause(&mut self, verdict: Verdict, from: &Endpoint) -> Pause {
        let now = Instant::now().into_std();
        let mut round_over = true;
        // Of a loss it is not, so far.
        self.tried.insert(from.clone());
        let asked = matches!(&verdict, Verdict::Obey(hint) if hint.window.is_some());
        let delay = match verdict {
            Verdict::Retry => self.backoff.next_delay(now),
            Verdict::Soon => self.backoff.next_delay_soon(now),
            Verdict::Failover | Verdict::Unproven if self.fail_over() => {
                round_over = false;
                match self.backoff.attempts() {
                    // The herd forms at the disconnect.
                    0 => self.backoff.next_delay_soon(now),
                    _ => {
                        let floor = self.backoff.schedule().floor();
                        Some(self.backoff.spread(Duration::ZERO, floor))
                    }
                }
            }
            Verdict::Failover | Verdict::Unproven => self.backoff.next_delay(now),
            Verdict::Obey(hint) => {
                // One that does not want us is not well, whatever it says: there may be another.
                self.charge(from);
                self.obey(&hint, from)
            }
            Verdict::Fatal | Verdict::Unauthorized => return Pause::Park { probe: false },
        };
        if round_over {
            self.tried.clear();
        }
        match delay {
            Some(wait) => Pause::For { wait, asked },
            None => Pause::Park { probe: true },
        }
    }

    /// Whether somebody else is to be called at once, where that is all there will be.
    pub(super) fn try_another(&mut self, verdict: &Verdict, from: &Endpoint) -> bool {
        match verdict {
            Verdict::Obey(hint) => {
                self.hinted(hint, from);
                self.follow(hint.redirect.clone()) || self.fail_over()
            }
            Verdict::Retry | Verdict::Soon | Verdict::Failover | Verdict::Unproven => {
                self.fail_over()
            }
            Verdict::Fatal | Verdict::Unauthorized => false,
        }
    }

    /// Tells what a server asks for.
    pub(super) fn hinted(&self, hint: &Hint, from: &Endpoint) {
        self.link().tell(Event::Hinted {
            endpoint: from.clone(),
            hint: hint.clone(),
        });
    }

    fn obey(&mut self, hint: &Hint, from: &Endpoint) -> Option<Duration> {
        let now = Instant::now().into_std();
        if *hint != Hint::default() {
            self.hinted(hint, from);
        }
        let redirected = self.follow(hint.redirect.clone());
        match hint.window {
            Some((least, most)) => {
                let limits = self.tuning.hints;
                self.backoff.next_delay_hinted(least, most, limits, now)
            }
            None if redirected => self.backoff.next_delay_soon(now),
            None => self.backoff.next_delay(now),
        }
    }
}
