//! This project's worlds: who lives in them, what they do, and what must hold.

use std::fmt;

use bowline_sim::scenario::Play;
use clap::ValueEnum;

pub mod calls;
pub mod chat;
pub mod pool;
pub mod reconnect;

/// The worlds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum World {
    /// A service behind `Reconnect`.
    Reconnect,
}

// === impl World ===

impl World {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Reconnect];

    /// The world, with nothing broken on purpose.
    pub fn scenario(self) -> Box<dyn Play> {
        match self {
            Self::Reconnect => Box::new(reconnect::scenario(None)),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Reconnect => "reconnect",
        })
    }
}
