//! The three states, the permits of each cycle, and the switch by hand.

use std::time::Instant;

use rand_pcg::Pcg64;

use super::Settings;
use super::window::Window;
use crate::random::{Purpose, Streams, draw_up_to};

/// Hands out breakers, each with a jitter of its own.
///
/// Clones share the count, so breakers from any of them differ. The same seed
/// gives the same breakers in the same order.
#[derive(Debug, Clone)]
pub struct Maker {
    settings: Settings,
    streams: Streams,
}

/// Guards one peer, or one kind of call.
///
/// It is not `Clone`: two copies would let twice the probes through.
#[derive(Debug)]
pub struct Breaker {
    settings: Settings,
    random: Pcg64,
    state: State,
    cycle: u64,
    /// Probes not yet reported, of whatever cycle: one that hangs still
    /// burdens the peer when the next cycle begins.
    probing: u32,
    proved: u32,
    failures: u32,
    window: Option<Window>,
    openings: u32,
    closed_at: Option<Instant>,
}

/// What a breaker does at present.
///
/// An open one becomes half-open when it is next asked, not by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Calls go through and are judged.
    Closed,
    /// No call goes through before `until`.
    Open {
        /// When probes may go.
        until: Instant,
    },
    /// A few calls go through, as probes.
    HalfOpen,
    /// No call goes through until somebody says otherwise.
    ForcedOpen,
    /// All calls go through, unjudged, until somebody says otherwise.
    ForcedClosed,
}

/// The right to one call, to be given back with its result.
///
/// Whoever holds one calls [`Breaker::succeeded`], [`Breaker::failed`] or
/// [`Breaker::cancelled`] of the breaker that gave it, the last from the `Drop`
/// of a guard: a probe that is never reported keeps its place for good.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an unreported permit may keep a probe's place for good"]
pub struct Permit {
    cycle: u64,
    probe: bool,
}

/// Why a call was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The peer failed too often.
    #[error("open after too many failures")]
    Open {
        /// When to ask again; nothing goes through earlier.
        until: Instant,
    },
    /// The probes that may go are under way. Their results decide.
    #[error("half-open, and {probing} of {probes_max} probes are in flight")]
    Probing {
        /// Probes in flight.
        probing: u32,
        /// How many may be.
        probes_max: u32,
    },
    /// Somebody switched it off.
    #[error("forced open")]
    Forced,
}

// === impl Maker ===

impl Maker {
    /// Makes breakers of `settings`, their jitter drawn from `seed`.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            streams: Streams::new(Purpose::Breaker, seed),
        }
    }

    /// Begins to guard another peer; closed.
    pub fn breaker(&self) -> Breaker {
        Breaker {
            settings: self.settings.clone(),
            random: self.streams.next(),
            state: State::Closed,
            cycle: 0,
            probing: 0,
            proved: 0,
            failures: 0,
            window: None,
            openings: 0,
            closed_at: None,
        }
    }

    /// What the breakers follow.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

// === impl Breaker ===

impl Breaker {
    /// Asks to make a call now.
    ///
    /// # Errors
    ///
    /// Why not, and where it is known, until when.
    pub fn ask(&mut self, now: Instant) -> Result<Permit, Refused> {
        match self.state {
            State::Closed | State::ForcedClosed => Ok(self.permit(false)),
            State::Open { until } if now < until => Err(Refused::Open { until }),
            State::Open { .. } => {
                self.proved = 0;
                self.enter(State::HalfOpen);
                self.probe()
            }
            State::HalfOpen => self.probe(),
            State::ForcedOpen => Err(Refused::Forced),
        }
    }

    /// Notes that a call came out well.
    pub fn succeeded(&mut self, permit: Permit, now: Instant) {
        if !self.settle(&permit) {
            return;
        }
        match self.state {
            State::Closed => {
                self.failures = 0;
                self.note(false, now);
            }
            State::HalfOpen => {
                self.proved += 1;
                if self.proved >= self.settings.proofs {
                    self.close();
                    self.closed_at = Some(now);
                }
            }
            State::Open { .. } | State::ForcedOpen | State::ForcedClosed => {}
        }
    }

    /// Notes that a call failed in a way that speaks against the peer.
    pub fn failed(&mut self, permit: Permit, now: Instant) {
        if !self.settle(&permit) {
            return;
        }
        match self.state {
            State::Closed => {
                self.failures = self.failures.saturating_add(1);
                self.note(true, now);
                if self.has_tripped() {
                    self.open(now);
                }
            }
            State::HalfOpen => self.open(now),
            State::Open { .. } | State::ForcedOpen | State::ForcedClosed => {}
        }
    }

    /// Notes that a call was given up, or failed in a way that says nothing
    /// about the peer.
    pub fn cancelled(&mut self, permit: Permit) {
        self.settle(&permit);
    }

    /// Lets nothing through until [`Breaker::reset`] or
    /// [`Breaker::force_closed`].
    pub fn force_open(&mut self) {
        self.enter(State::ForcedOpen);
    }

    /// Lets everything through, unjudged, until [`Breaker::reset`] or
    /// [`Breaker::force_open`].
    pub fn force_closed(&mut self) {
        self.enter(State::ForcedClosed);
    }

    /// Starts over, closed, at somebody's command, and forgets every failure.
    ///
    /// Probes still in flight keep their places. The jitter goes on where it
    /// was, so no sequence is seen twice.
    pub fn reset(&mut self) {
        self.openings = 0;
        self.closed_at = None;
        self.close();
    }

    /// What it does at present.
    pub fn state(&self) -> State {
        self.state
    }

    /// Counts the changes of state; a higher one is later.
    pub fn cycle(&self) -> u64 {
        self.cycle
    }

    /// Probes in flight, those of earlier cycles included.
    pub fn probing(&self) -> u32 {
        self.probing
    }

    fn probe(&mut self) -> Result<Permit, Refused> {
        let probes_max = self.settings.probes;
        if self.probing >= probes_max {
            return Err(Refused::Probing {
                probing: self.probing,
                probes_max,
            });
        }
        self.probing += 1;
        Ok(self.permit(true))
    }

    fn permit(&self, probe: bool) -> Permit {
        Permit {
            cycle: self.cycle,
            probe,
        }
    }

    /// Takes a permit back, and says whether its result is still of interest.
    fn settle(&mut self, permit: &Permit) -> bool {
        if permit.probe {
            debug_assert!(self.probing > 0, "a probe of this breaker is in flight");
            self.probing = self.probing.saturating_sub(1);
        }
        permit.cycle == self.cycle
    }

    fn note(&mut self, failed: bool, now: Instant) {
        if let Some(rate) = self.settings.rate {
            self.window
                .get_or_insert_with(|| Window::new(rate.window, now))
                .note(failed, now);
        }
    }

    fn has_tripped(&self) -> bool {
        if self.failures >= self.settings.consecutive {
            return true;
        }
        let (Some(rate), Some(window)) = (self.settings.rate, &self.window) else {
            return false;
        };
        let (failures, calls) = window.failures_of_calls();
        calls >= rate.calls.into() && rate.share.is_reached(failures, calls)
    }

    fn open(&mut self, now: Instant) {
        let closed_for = self.closed_at.map(|at| now.saturating_duration_since(at));
        // Closing alone proves little: a peer that takes the probe and then
        // breaks under the load is asked ever less often.
        let healthy = matches!(self.state, State::Closed)
            && closed_for.is_some_and(|closed| closed >= self.settings.healthy_after);
        if healthy {
            self.openings = 0;
        }
        let longest = self.settings.open_max;
        let doubled = 1_u32.checked_shl(self.openings).unwrap_or(u32::MAX);
        let bound = self.settings.open.saturating_mul(doubled).min(longest);
        self.openings = self.openings.saturating_add(1);
        let spread = self.settings.spread.of_time(bound);
        let until = now + bound - draw_up_to(&mut self.random, spread);
        self.enter(State::Open { until });
    }

    fn close(&mut self) {
        self.failures = 0;
        self.window = None;
        self.enter(State::Closed);
    }

    fn enter(&mut self, state: State) {
        self.cycle += 1;
        self.state = state;
    }
}
