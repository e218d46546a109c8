//! When to probe a quiet peer, and when to give it up. It advises; whoever owns
//! the connection reads, writes and closes.
//!
//! One side probes ([`Prober`]), the other answers and times out by silence
//! ([`Listener`]). Both go by the same numbers: an interval that stays
//! ([`Fixed`]), or one that grows while all is well ([`Adaptive`]). For both only
//! received bytes prove life: what we write may vanish for minutes before anybody
//! notices.
//!
//! The owner tells what happened, asks [`Prober::poll`] what to do, and asks
//! again at the instant it was told, or whenever it likes. Before it asks it
//! reads what has arrived, or a peer could die of our own slowness.
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::heartbeat::{Fixed, Next, Prober};
//!
//! # let joined_at = std::time::Instant::now();
//! let policy = Fixed::new(Duration::from_secs(25), Duration::from_secs(5), 2)?;
//! assert_eq!(policy.silence_max(), Duration::from_secs(35));
//!
//! let mut heartbeat = Prober::new(policy, joined_at);
//! match heartbeat.poll(joined_at + Duration::from_secs(25)) {
//!     Next::Probe { next_interval } => assert_eq!(next_interval, policy.interval()),
//!     Next::Wait(_) | Next::Dead(_) => unreachable!("nothing was heard for 25 s"),
//! }
//! # Ok::<_, bowline_policy::heartbeat::Invalid>(())
//! ```

mod adaptive;
mod climb;
mod clock_jump;
mod event;
mod fixed;
mod invalid;
mod listener;
mod policy;
mod prober;
mod round_trip;
mod silence;

use std::time::{Duration, Instant};

pub use adaptive::{Adaptive, CLIMB_AFTER_DEFAULT, Ladder, MISSES_DEFAULT, TIMEOUT_DEFAULT};
pub use clock_jump::{ClockJump, JUMP_DEFAULT, Jump};
pub use event::{Event, Tally};
pub use fixed::Fixed;
pub use invalid::{CLIMB_AFTER_MAX, INTERVAL_MAX, Invalid, MISSES_MAX, TIMEOUT_MIN};
pub use listener::{FOLLOW_MAX_DEFAULT, Listener};
pub use policy::Policy;
pub use prober::Prober;
pub use silence::GRACES_MAX;

/// What the owner of the connection should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a heartbeat only advises; the caller acts"]
pub enum Next {
    /// Nothing before this instant, unless something happens.
    Wait(Instant),
    /// Send a probe now, ahead of what is queued. Whether it can be written
    /// changes nothing: its timeout runs from when it was due.
    Probe {
        /// What the probe tells the other side: the longest it will then hear
        /// nothing, if all is well.
        next_interval: Duration,
    },
    /// Close the connection. Every later answer is the same.
    Dead(Death),
}

/// Why a connection was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Death {
    /// The peer was not heard from. Another connection may find it.
    #[error("heard nothing for {silent:?}, allowed are {allowed:?}")]
    Silence {
        /// How long nothing was received, our own pauses left out.
        silent: Duration,
        /// What ran out: the limit of all silence, or the single timeout that
        /// follows a late timer or a clock jump.
        allowed: Duration,
    },
    /// We ourselves stopped reading, for too long to know anything of the peer.
    #[error("paused reading for {paused:?}, allowed are {allowed:?}")]
    Pause {
        /// How long reading was paused.
        paused: Duration,
        /// The limit of a pause.
        allowed: Duration,
    },
}

#[cfg(test)]
mod tests;
