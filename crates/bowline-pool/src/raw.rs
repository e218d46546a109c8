//! Byte streams made fit for a pool. It adds two bits of memory to a stream and
//! buffers nothing.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::{BoxError, Connect, Dial, Endpoint, Io};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::{Death, Reuse};

/// A byte stream that remembers whether it was touched.
///
/// From the first read or write on it is unsettled, for nobody can see in bytes
/// where an exchange ends; [`settle`](Reuse::settle) says that one did. Do not
/// leave bytes in a buffer above it: the next caller gets the stream, not the
/// buffer.
pub struct Raw<I> {
    io: I,
    state: State,
    ping: Option<Ping<I>>,
}

/// One exchange that proves the peer alive, on a stream that is nobody else's
/// meanwhile.
pub type Ping<I> = Arc<
    dyn for<'a> Fn(&'a mut I) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>
        + Send
        + Sync,
>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Settled,
    Touched,
    /// Our side was shut down: no exchange can follow.
    Shut,
}

/// Connects byte streams for a pool: a dialer whose streams come as [`Raw`].
pub struct Streams<D: Dial> {
    dial: D,
    ping: Option<Ping<<D as Connect>::Connection>>,
}

// === impl Raw ===

impl<I> Raw<I> {
    /// Takes a fresh stream, which counts as settled.
    pub fn new(io: I) -> Self {
        Self {
            io,
            state: State::Settled,
            ping: None,
        }
    }

    /// The stream, to look at.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    fn touch(&mut self) -> Pin<&mut I>
    where
        I: Unpin,
    {
        touch(&mut self.state);
        Pin::new(&mut self.io)
    }
}

impl<I: Io> Reuse for Raw<I> {
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        Pin::new(&mut self.io)
            .poll_read(context, &mut buffer)
            .map(|read| match read {
                Err(_) => Death::Failed,
                Ok(()) if buffer.filled().is_empty() => Death::Ended,
                Ok(()) => Death::Unread,
            })
    }

    fn is_settled(&self) -> bool {
        self.state == State::Settled
    }

    fn settle(&mut self) {
        settle(&mut self.state);
    }

    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        let ping = Arc::clone(self.ping.as_ref()?);
        let (io, state) = (&mut self.io, &mut self.state);
        Some(async move {
            touch(state);
            ping(io).await?;
            settle(state);
            Ok(())
        })
    }
}

impl<I: fmt::Debug> fmt::Debug for Raw<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw")
            .field("io", &self.io)
            .field("state", &self.state)
            .field("pings", &self.ping.is_some())
            .finish()
    }
}

fn touch(state: &mut State) {
    if *state == State::Settled {
        *state = State::Touched;
    }
}

fn settle(state: &mut State) {
    if *state == State::Touched {
        *state = State::Settled;
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Raw<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.get_mut().touch().poll_read(context, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Raw<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().touch().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().touch().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().touch().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.state = State::Shut;
        Pin::new(&mut this.io).poll_shutdown(context)
    }
}

// === impl Streams ===

impl<D: Dial> Streams<D> {
    /// Pools what `dial` opens.
    pub fn new(dial: D) -> Self {
        Self { dial, ping: None }
    }

    /// Has what is parked proved alive by `ping`, in the background.
    ///
    /// ```
    /// use bowline_link::tcp;
    /// use bowline_pool::Streams;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// let echoing = Streams::new(tcp::Dialer::new()).pinged_by(|stream| {
    ///     Box::pin(async move {
    ///         stream.write_all(b"?").await?;
    ///         match stream.read_u8().await? {
    ///             b'?' => Ok(()),
    ///             other => Err(format!("{other:#x} is no echo").into()),
    ///         }
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn pinged_by<F>(mut self, ping: F) -> Self
    where
        F: for<'a> Fn(
                &'a mut <D as Connect>::Connection,
            )
                -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>
            + Send
            + Sync
            + 'static,
    {
        self.ping = Some(Arc::new(ping));
        self
    }
}

impl<D: Dial> Service<Endpoint> for Streams<D> {
    type Response = Raw<<D as Connect>::Connection>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dial.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialing = self.dial.call(endpoint);
        let ping = self.ping.clone();
        Box::pin(async move {
            let io = dialing.await.map_err(Into::into)?;
            let state = State::Settled;
            Ok(Raw { io, state, ping })
        })
    }
}

impl<D: Dial> Clone for Streams<D> {
    fn clone(&self) -> Self {
        Self {
            dial: self.dial.clone(),
            ping: self.ping.clone(),
        }
    }
}

impl<D: Dial + fmt::Debug> fmt::Debug for Streams<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("dial", &self.dial)
            .field("pings", &self.ping.is_some())
            .finish()
    }
}
