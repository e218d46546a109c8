//! What a server allows; everything that can grow has its limit here.

use std::time::Duration;

use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bowline_policy::heartbeat::{self, Fixed};

/// How many connections may be open by default: the usual soft limit of descriptors.
///
/// It bounds memory too: each may have [`INFLIGHT_MAX`] frames waiting for the store
/// and an outbox, which is 5 GiB if all of them do their worst at once.
pub const CONNECTIONS_MAX: usize = 1024;

/// How many publishes of one connection may be unanswered by default: enough to
/// keep a group commit busy from one client, too few to fill memory with.
pub const INFLIGHT_MAX: u32 = 64;

/// How many rooms one connection may be in by default.
pub const ROOMS_PER_CONNECTION_MAX: u32 = 64;

/// How many bytes may wait for one connection by default; past it the client is
/// cut and recovers. A megabyte is ten seconds of a busy room.
pub const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// How many bytes of a replay are read and queued at a time by default.
pub const REPLAY_PAGE_BYTES: usize = 128 << 10;

/// How long a client may take to say HELLO, by default.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// How long clients may take to leave when the server goes down.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The shortest probe interval a client may wish for.
pub const PING_MIN: Duration = Duration::from_secs(1);

/// The longest probe interval a client may wish for: a person with `nc` answers none.
pub const PING_MAX: Duration = Duration::from_secs(60 * 60);

/// What MESSAGE adds to the largest body PUBLISH can carry, at most.
const MESSAGE_OVERHEAD: usize = 1024;

/// What a server allows.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) limits: Limits,
    pub(super) heartbeat: Fixed,
    pub(super) ping_min: Duration,
    pub(super) ping_max: Duration,
    pub(super) hello_timeout: Duration,
    pub(super) connections_max: usize,
    pub(super) rooms_max: u32,
    pub(super) inflight_max: u32,
    pub(super) outbox_bytes_max: usize,
    pub(super) replay_page_bytes: usize,
}

/// Settings that contradict each other.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadSettings {
    /// A message could be taken that could not be delivered.
    #[error("a frame of {frame} bytes leaves no room for a MESSAGE's fields below {max}")]
    FrameTooLarge {
        /// The limit after authentication.
        frame: usize,
        /// The hard limit of any frame.
        max: usize,
    },
    /// A limit that would allow nothing at all.
    #[error("{name} is 0, which would allow nothing")]
    Zero {
        /// Which one.
        name: &'static str,
    },
    /// A message could never be queued.
    #[error("an outbox of {outbox} bytes cannot hold one message of {message}")]
    OutboxTooSmall {
        /// The outbox.
        outbox: usize,
        /// The largest MESSAGE.
        message: usize,
    },
    /// The heartbeat does not fit the bounds of a client's wish.
    #[error(transparent)]
    Heartbeat(#[from] heartbeat::Invalid),
}

impl Settings {
    /// The defaults above, with this heartbeat and these frame limits.
    ///
    /// # Errors
    ///
    /// [`BadSettings`], naming both values.
    pub fn new(limits: Limits, heartbeat: Fixed) -> Result<Self, BadSettings> {
        let frame = limits.after_authentication();
        if frame + MESSAGE_OVERHEAD > FRAME_BYTES_MAX {
            return Err(BadSettings::FrameTooLarge {
                frame,
                max: FRAME_BYTES_MAX,
            });
        }
        for interval in [PING_MIN, PING_MAX] {
            let timeout = heartbeat.timeout().min(interval);
            Fixed::new(interval, timeout, heartbeat.misses())?;
        }
        Self {
            limits,
            heartbeat,
            ping_min: PING_MIN,
            ping_max: PING_MAX,
            hello_timeout: HELLO_TIMEOUT,
            connections_max: CONNECTIONS_MAX,
            rooms_max: ROOMS_PER_CONNECTION_MAX,
            inflight_max: INFLIGHT_MAX,
            outbox_bytes_max: OUTBOX_BYTES_MAX,
            replay_page_bytes: REPLAY_PAGE_BYTES,
        }
        .outbox_bytes_max(OUTBOX_BYTES_MAX)
    }

    /// How many connections may be open.
    ///
    /// # Errors
    ///
    /// Zero.
    pub fn connections_max(self, connections_max: usize) -> Result<Self, BadSettings> {
        if connections_max == 0 {
            return Err(BadSettings::Zero {
                name: "connections_max",
            });
        }
        Ok(Self {
            connections_max,
            ..self
        })
    }

    /// How many bytes may wait for one connection.
    ///
    /// # Errors
    ///
    /// Too few for one message.
    pub fn outbox_bytes_max(self, outbox_bytes_max: usize) -> Result<Self, BadSettings> {
        // JSON may write one byte of a body as six.
        let message = 6 * self.limits.after_authentication() + MESSAGE_OVERHEAD;
        if outbox_bytes_max < message {
            return Err(BadSettings::OutboxTooSmall {
                outbox: outbox_bytes_max,
                message,
            });
        }
        Ok(Self {
            outbox_bytes_max,
            ..self
        })
    }

    /// How many bytes of a replay are read and queued at a time.
    ///
    /// # Errors
    ///
    /// Zero.
    pub fn replay_page_bytes(self, replay_page_bytes: usize) -> Result<Self, BadSettings> {
        if replay_page_bytes == 0 {
            return Err(BadSettings::Zero {
                name: "replay_page_bytes",
            });
        }
        Ok(Self {
            replay_page_bytes,
            ..self
        })
    }

    /// The heartbeat for a client with this wish.
    pub(super) fn heartbeat_for(&self, ping_ms: Option<u64>) -> Fixed {
        ping_ms.map_or(self.heartbeat, |wish| {
            let interval = Duration::from_millis(wish).clamp(self.ping_min, self.ping_max);
            let timeout = self.heartbeat.timeout().min(interval);
            Fixed::new(interval, timeout, self.heartbeat.misses())
                .expect("the bounds of the wish were checked with the settings")
        })
    }

    /// How many requests can wait for the writer: all that the limits above let
    /// connections have in flight, so that none ever finds the queue full.
    pub(super) fn requests_max(&self) -> usize {
        // Of each publishes in flight, JOINs, and at the end for each room the leaving;
        // and one page of a replay.
        let each = self.inflight_max as usize + 2 * self.rooms_max as usize + 1;
        self.connections_max * each
    }

    /// How many answers of the writer can wait for one connection: one for each
    /// publish in flight and each JOIN, and the last.
    pub(super) fn answers_max(&self) -> usize {
        self.inflight_max as usize + self.rooms_max as usize + 1
    }
}
