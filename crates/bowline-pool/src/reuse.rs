//! What the pool must know of a connection to hand it to a second caller. It
//! asks; it never reads or writes for itself.

use std::fmt;
use std::future::{Future, Ready};
use std::task::{Context, Poll};

use bowline_link::BoxError;

/// A connection that can serve one caller after another.
///
/// Sessions of a protocol implement it themselves; byte streams get it from
/// [`Raw`](crate::Raw).
///
/// ```
/// use std::task::{Context, Poll};
/// use bowline_pool::{Death, Reuse};
///
/// /// A session whose reader task knows what is in flight.
/// struct Session {
///     unanswered: usize,
///     ended: bool,
/// }
///
/// impl Reuse for Session {
///     fn poll_closed(&mut self, _context: &mut Context<'_>) -> Poll<Death> {
///         if self.ended { Poll::Ready(Death::Ended) } else { Poll::Pending }
///     }
///
///     fn is_settled(&self) -> bool {
///         self.unanswered == 0
///     }
/// }
/// ```
pub trait Reuse: Send + 'static {
    /// Looks, without waiting, whether the connection can still be used;
    /// `Pending` means that nothing speaks against it.
    ///
    /// It is called between two callers only, when nothing is in flight, so
    /// whatever arrives then is unasked for. After `Ready` the connection is
    /// closed. It must not block, and what it does must be cheap: every
    /// checkout does it.
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death>;

    /// Whether the last caller left the connection between two exchanges. One
    /// that is not settled is closed when it comes back.
    fn is_settled(&self) -> bool;

    /// Takes note that the caller's work ended between two exchanges, as
    /// [`Pool::run`](crate::Pool::run) says when the work succeeded.
    ///
    /// For connections that cannot tell by themselves; the default does
    /// nothing.
    fn settle(&mut self) {}

    /// Asks the peer for a sign of life, in a whole exchange that leaves the
    /// connection settled; `None` if the type has none to ask for, which must
    /// not change. Calling it alone must do nothing.
    ///
    /// The pool pings what is parked, in the background and each time under a
    /// limit. An error, a limit that is over, and a connection that is unsettled
    /// or has something to say afterwards, all close it. The default is `None`:
    /// then only what reaches us by itself tells of an end.
    ///
    /// # Cancellation
    ///
    /// A ping that is dropped half-way has to leave the connection unsettled.
    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        None::<Ready<_>>
    }
}

/// How a parked connection was found unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Death {
    /// The peer closed it.
    Ended,
    /// It was reset, or failed in another way.
    Failed,
    /// Bytes arrived that nobody asked for: the next caller would take them
    /// for its answer.
    Unread,
    /// It did not answer a ping, or not as it should.
    Silent,
}

// === impl Death ===

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Unread => "unread",
            Self::Silent => "silent",
        })
    }
}
