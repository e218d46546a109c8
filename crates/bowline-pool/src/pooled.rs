//! A connection on loan. It gives the connection back; whether it is fit for
//! the next caller is decided elsewhere.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bowline_link::Endpoint;

use crate::conn::Conn;
use crate::service::{Exchanges, Left};
use crate::shared::Shared;
use crate::{CloseReason, Reuse};

/// A connection on loan from a [`Pool`](crate::Pool), which gets it back when
/// this is dropped.
///
/// One that is not settled then is closed: it was left in the middle of an
/// exchange. [`run`](Self::run) settles by itself. One that is dropped by a
/// panic is closed as well.
pub struct Pooled<C: Reuse> {
    conn: Option<Box<Conn<C>>>,
    shared: Arc<Shared<C>>,
    /// The requests that were run on it as a service, if any.
    exchanges: Option<Arc<Exchanges>>,
}

// === impl Pooled ===

impl<C: Reuse> Pooled<C> {
    pub(crate) fn new(conn: Box<Conn<C>>, shared: Arc<Shared<C>>) -> Self {
        Self {
            conn: Some(conn),
            shared,
            exchanges: None,
        }
    }

    /// Does `work`, one or more whole exchanges, and settles the connection if
    /// it succeeds.
    ///
    /// # Errors
    ///
    /// What `work` answered. The connection is then as `work` left it, which
    /// for a stream that was touched means that it will be closed.
    ///
    /// # Cancellation
    ///
    /// `work` stops where it is, and nothing is settled.
    pub async fn run<T, E, F>(&mut self, work: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut C) -> Result<T, E>,
    {
        let done = work(self).await?;
        self.settle();
        Ok(done)
    }

    /// Who is at the other end.
    pub fn endpoint(&self) -> &Endpoint {
        &self.conn().entry.origin.endpoint
    }

    /// Its number in this pool, from 1.
    pub fn id(&self) -> u64 {
        self.conn().entry.id
    }

    /// Waits until the pool calls the connection back: see
    /// [`Pool::clear`](crate::Pool::clear). Whoever holds one for long selects
    /// on this.
    ///
    /// # Cancellation
    ///
    /// Nothing remains: whoever asks again learns the same.
    pub fn called_back(&self) -> impl Future<Output = ()> + Send + use<C> {
        let entry = Arc::clone(&self.conn().entry);
        async move { entry.called_back().await }
    }

    /// Has the connection closed when it comes back, whatever it says of itself.
    pub fn poison(&mut self) {
        self.conn_mut().poisoned = true;
    }

    /// Closes the connection instead of giving it back.
    pub fn discard(mut self) {
        if let Some(conn) = self.conn.take() {
            self.shared.discard(conn, CloseReason::Discarded);
        }
    }

    /// Keeps the connection for good. It no longer counts as one of the pool's,
    /// which may open another in its place at once.
    pub fn detach(mut self) -> C {
        let conn = self.conn.take().expect("taken only on the way out");
        let conn = self.shared.dissolve(conn, CloseReason::Detached);
        let Conn { link, .. } = *conn;
        link
    }

    pub(crate) fn exchanges(&mut self) -> &Arc<Exchanges> {
        self.exchanges.get_or_insert_default()
    }

    fn conn(&self) -> &Conn<C> {
        self.conn.as_ref().expect("taken only on the way out")
    }

    fn conn_mut(&mut self) -> &mut Conn<C> {
        self.conn.as_mut().expect("taken only on the way out")
    }
}

impl<C: Reuse> Deref for Pooled<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.conn().link
    }
}

impl<C: Reuse> DerefMut for Pooled<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.conn_mut().link
    }
}

impl<C: Reuse> Drop for Pooled<C> {
    fn drop(&mut self) {
        if let Some(mut conn) = self.conn.take() {
            conn.poisoned |= std::thread::panicking();
            match self.exchanges.as_ref().map(|exchanges| exchanges.left()) {
                Some(Left::UnderWay) => return self.shared.discard(conn, CloseReason::Dirty),
                Some(Left::Whole) => conn.link.settle(),
                Some(Left::Broken) | None => {}
            }
            self.shared.give_back(conn);
        }
    }
}

impl<C: Reuse> fmt::Debug for Pooled<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled")
            .field("id", &self.id())
            .field("endpoint", self.endpoint())
            .finish_non_exhaustive()
    }
}
