//! Times and bounds of a link, and what they are unless told.

use std::time::Duration;

use bowline_policy::backoff::HintLimits;

use crate::events::EVENTS_MAX_DEFAULT;

/// How long an attempt may take unless told: three retransmissions of a lost
/// SYN (1 + 2 + 4 s) and some time for the handshakes after it.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long a caller waits for a connection unless told: long enough for a peer
/// that restarts, short enough for a person who waits.
pub const FAILFAST_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// How long the calls on a connection that was replaced have unless told: what
/// servers grant that drain.
pub const RETIRE_WITHIN_DEFAULT: Duration = Duration::from_secs(30);

/// How often a link that used up its schedule tries once more unless told: so
/// rarely that a fleet of parked links is no load, so often that none is dead
/// until somebody restarts its process.
pub const PROBE_PARKED_DEFAULT: Duration = Duration::from_secs(15 * 60);

/// Over how long links spread that move because a list changed or a server goes
/// that names no window, unless told.
pub const MOVE_SPLAY_DEFAULT: Duration = Duration::from_secs(5);

/// How many redirects in a row are followed unless told: two servers that send
/// us to each other end it soon.
pub const REDIRECTS_MAX_DEFAULT: u32 = 3;

/// What is done about the first connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum InitialConnect {
    /// Begin at once, and go on as after a loss. A program starts although its
    /// peer is down.
    #[default]
    Background,
    /// Begin at once, and close the link for good if that fails: a wrong address
    /// is noticed at the start. Each endpoint is tried once, and where a server sends us,
    /// without a pause.
    /// [`start`](super::Builder::start) waits for it.
    Eager,
    /// Begin when somebody first waits for a connection.
    Lazy,
}

/// The times and bounds of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tuning {
    pub(crate) connect_timeout: Duration,
    pub(crate) failfast_after: Option<Duration>,
    pub(crate) initial: InitialConnect,
    pub(crate) retire_within: Duration,
    pub(crate) probe_parked_every: Option<Duration>,
    pub(crate) move_splay: Duration,
    pub(crate) redirects_max: u32,
    pub(crate) hints: HintLimits,
    pub(crate) events_max: usize,
}

// === impl Tuning ===

impl Tuning {
    pub(crate) fn new(hints: HintLimits) -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            failfast_after: Some(FAILFAST_AFTER_DEFAULT),
            initial: InitialConnect::default(),
            retire_within: RETIRE_WITHIN_DEFAULT,
            probe_parked_every: Some(PROBE_PARKED_DEFAULT),
            move_splay: MOVE_SPLAY_DEFAULT,
            redirects_max: REDIRECTS_MAX_DEFAULT,
            hints,
            events_max: EVENTS_MAX_DEFAULT,
        }
    }
}
