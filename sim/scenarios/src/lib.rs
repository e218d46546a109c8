//! This project's worlds: who lives in them, what they do, and what must hold.

use std::fmt;

use bowline_sim::scenario::Play;
use clap::ValueEnum;

pub mod calls;
pub mod chat;
pub mod heartbeat;
pub mod pool;
pub mod reconnect;

/// The worlds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum World {
    /// A chat server, its store, and people who talk.
    Chat,
    /// A service behind `Reconnect`.
    Reconnect,
    /// A small peer behind the pool.
    Pool,
    /// Clients that probe a server.
    Heartbeat,
}

// === impl World ===

impl World {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Chat, Self::Reconnect, Self::Pool, Self::Heartbeat];

    /// The world, with nothing broken on purpose.
    pub fn scenario(self) -> Box<dyn Play> {
        match self {
            Self::Chat => Box::new(chat::scenario(None)),
            Self::Reconnect => Box::new(reconnect::scenario(None)),
            Self::Pool => Box::new(pool::scenario(None)),
            Self::Heartbeat => Box::new(heartbeat::scenario(None)),
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Chat => "chat",
            Self::Reconnect => "reconnect",
            Self::Pool => "pool",
            Self::Heartbeat => "heartbeat",
        })
    }
}
