//! What a server asks of those who come back to it: when, and where. How far it
//! is obeyed is for the settings of the link to say.

use std::time::Duration;

use bowline_link::{BoxError, Endpoint};

/// What a server asks of us: a wait, another endpoint, or both; and, of a
/// connection that it is about to close, by when.
///
/// A wait is held within the link's [`hints`](crate::Builder::hints) and never
/// the same for everybody. A redirect is followed at most
/// [`redirects_max`](crate::Builder::redirects_max) times in a row, where it
/// [may be](crate::Builder::redirects_to), and only for the next attempt: if that fails,
/// the list counts again.
///
/// ```
/// use std::time::Duration;
/// use bowline_reconnect::Hint;
///
/// let hint = Hint::default()
///     .window(Duration::from_secs(1), Duration::from_secs(20))
///     .redirect("chat-2.example:7400".parse()?);
/// # Ok::<_, bowline_link::InvalidEndpoint>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hint {
    pub(crate) window: Option<(Duration, Duration)>,
    pub(crate) redirect: Option<Endpoint>,
    pub(crate) deadline: Option<Duration>,
}

/// A connector's or a session hook's way to say that the peer answered and does
/// not want us now: it is busy, it restarts, another one should be asked.
///
/// Wherever it stands among the causes of an error, [`ByCause`](crate::ByCause)
/// finds it and obeys the hint.
#[derive(Debug, thiserror::Error)]
#[error("the peer turned us away")]
pub struct TurnedAway {
    /// What it asks for instead; nothing, if it did not say.
    pub hint: Hint,
    /// What it said.
    #[source]
    pub source: BoxError,
}

/// A connector's or a session hook's way to say that the peer does not accept
/// who we say we are.
///
/// [`ByCause`](crate::ByCause) parks the link for it: asking again with the same
/// credentials looks like an attack, and locks accounts.
#[derive(Debug, thiserror::Error)]
#[error("the peer does not accept our credentials")]
pub struct Unauthorized(#[source] pub BoxError);

// === impl Hint ===

impl Hint {
    /// Not before this time has passed.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.window(wait, wait)
    }

    /// At some time from `from` to `to`: the server spreads its clients itself.
    #[must_use]
    pub fn window(mut self, from: Duration, to: Duration) -> Self {
        self.window = Some((from, to.max(from)));
        self
    }

    /// There instead of here.
    #[must_use]
    pub fn redirect(mut self, to: Endpoint) -> Self {
        self.redirect = Some(to);
        self
    }

    /// The connection will be closed this long from now, so the window ends there.
    #[must_use]
    pub fn deadline(mut self, closes_in: Duration) -> Self {
        self.deadline = Some(closes_in);
        self
    }

    /// The time to leave a connection in, its deadline considered; up to `splay`,
    /// if the server did not say.
    pub(crate) fn leave_within(&self, splay: Duration) -> (Duration, Duration) {
        let last = self.deadline.unwrap_or(Duration::MAX);
        // What begins at the deadline comes too late.
        let (from, to) = self.window.unwrap_or((Duration::ZERO, splay.min(last / 2)));
        (from.min(last), to.min(last))
    }
}
