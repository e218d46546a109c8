//! Which packets of a peer are new: sessions, sequence numbers, and the probes
//! that wait for an answer. It knows neither addresses nor liveness.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::event::Refusal;
use super::super::packet::Packet;
use super::super::settings::Session;
use super::super::window::Window;

/// How many probes may wait for their answers, more than any policy allows to
/// be missed in a row. An answer to an older one is not waited for.
pub const WAITING_MAX: usize = 128;

/// Our probes with their answers, and the peer's probes.
///
/// A session of the peer is believed only once it has answered a probe of ours
/// that waited for it, and its probes are new only if they name both sessions.
/// So nothing recorded before either side started is ever taken for new.
#[derive(Debug)]
pub(super) struct Exchange {
    session: Session,
    sequence: u32,
    waiting: VecDeque<Waiting>,
    answered: Window,
    /// 0 until the peer has answered.
    their_session: u64,
    probed: Window,
}

/// A probe that waits for its answer.
#[derive(Debug)]
struct Waiting {
    sequence: u32,
    timestamp: u64,
    sent_at: Instant,
}

/// What an answer proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) rtt: Duration,
    /// Whether no later probe was answered before.
    pub(super) newest: bool,
    /// Whether the peer had another session before.
    pub(super) restarted: bool,
}

/// What a probe of the peer proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    /// The peer sent it, after both of us started, and it came for the first
    /// time.
    New {
        /// Whether no later one came before.
        newest: bool,
    },
    /// Nothing: it does not name the sessions we know.
    Stranger,
}

// === impl Exchange ===

impl Exchange {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            sequence: 0,
            waiting: VecDeque::new(),
            answered: Window::new(),
            their_session: 0,
            probed: Window::new(),
        }
    }

    pub(super) fn session(&self) -> u64 {
        self.session.0.get()
    }

    pub(super) fn their_session(&self) -> u64 {
        self.their_session
    }

    /// Notes a probe that is sent now; returns its sequence number.
    pub(super) fn probe(&mut self, now: Instant, timestamp: u64) -> u32 {
        // Numbers never wrap within a session (RFC 4303 section 3.3.3): the
        // peer takes the next one for a restart.
        if self.sequence == u32::MAX {
            self.session = self.session.next();
            self.sequence = 0;
            self.waiting.clear();
            self.answered = Window::new();
        }
        self.sequence += 1;
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting {
            sequence: self.sequence,
            timestamp,
            sent_at: now,
        });
        self.sequence
    }

    /// Sorts an authentic probe.
    pub(super) fn probed(&mut self, packet: &Packet) -> Result<Probed, Refusal> {
        if packet.session != self.their_session || packet.their_session != self.session() {
            return Ok(Probed::Stranger);
        }
        let sequence = packet.beat.sequence;
        let newest = sequence > self.probed.newest();
        if self.probed.accept(sequence) {
            Ok(Probed::New { newest })
        } else {
            Err(Refusal::Replayed)
        }
    }

    /// Sorts an authentic answer.
    pub(super) fn answered(&mut self, now: Instant, packet: &Packet) -> Result<Answered, Refusal> {
        let (sequence, timestamp) = (packet.beat.sequence, packet.beat.timestamp);
        if packet.their_session != self.session() {
            return Err(Refusal::Unasked);
        }
        if !self.answered.is_new(sequence) {
            return Err(Refusal::Replayed);
        }
        let newest = sequence > self.answered.newest();
        let unknown = packet.session != self.their_session;
        // An answer from before a restart would bring the old session back, and
        // with it all that was recorded in it.
        if unknown && !newest {
            return Err(Refusal::Unasked);
        }
        let asked = |probe: &Waiting| (probe.sequence, probe.timestamp) == (sequence, timestamp);
        let index = self.waiting.iter().position(asked);
        let Some(probe) = index.and_then(|index| self.waiting.remove(index)) else {
            return Err(Refusal::Unasked);
        };
        self.answered.accept(sequence);
        let restarted = unknown && self.their_session != 0;
        if unknown {
            self.their_session = packet.session;
            self.probed = Window::new();
        }
        Ok(Answered {
            rtt: now.saturating_duration_since(probe.sent_at),
            newest,
            restarted,
        })
    }
}

#[cfg(test)]
mod tests;
