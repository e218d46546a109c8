//! What a client is told before it starts.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::WallClock;
use bowline_policy::Observe;
use bowline_policy::backoff::Maker;
use bowline_reconnect as reconnect;

/// How many publishes may wait for their answers, over all rooms.
pub const OUTBOX_MAX: usize = 1024;

/// How many events may wait for the application.
pub const EVENTS_MAX: usize = 256;

/// How many wishes of the application may wait for the client's task.
pub const COMMANDS_MAX: usize = 64;

/// How long one attempt may take by default: connecting, HELLO and the JOINs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client is told before it starts.
#[derive(Clone)]
pub struct Settings {
    pub(super) nick: Arc<str>,
    pub(super) backoff: Maker,
    pub(super) connect_timeout: Duration,
    pub(super) wall: Option<Arc<dyn WallClock>>,
    pub(super) observer: Option<Arc<dyn Observe<reconnect::Event>>>,
}

impl Settings {
    /// A guest called `nick` that reconnects after the delays of `backoff`.
    ///
    /// Clients that share a maker share no jitter, so give all of a process the same.
    pub fn new(nick: impl Into<Arc<str>>, backoff: Maker) -> Self {
        Self {
            nick: nick.into(),
            backoff,
            connect_timeout: CONNECT_TIMEOUT,
            wall: None,
            observer: None,
        }
    }

    /// How long one attempt may take, from the dial to the last JOINED; 10 s by default.
    ///
    /// # Panics
    ///
    /// When the client starts, if `limit` is zero.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Self {
        Self {
            connect_timeout: limit,
            ..self
        }
    }

    /// Notices by `clock` when the machine was suspended, which stops the clock that
    /// the heartbeat goes by: then the server has one more probe to show itself.
    #[must_use]
    pub fn wall_clock(self, clock: Arc<dyn WallClock>) -> Self {
        Self {
            wall: Some(clock),
            ..self
        }
    }

    /// Tells `observer` what happens to the connection, instead of `tracing`.
    #[must_use]
    pub fn observer(self, observer: Arc<dyn Observe<reconnect::Event>>) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("nick", &self.nick)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}
