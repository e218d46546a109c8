//! Byte streams made fit for a pool. It adds two bits of memory to a stream and
//! buffers nothing.

use std::future::Future;
use std::io;
use std::pin::Pin;
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
#[derive(Debug)]
pub struct Raw<I> {
    io: I,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Settled,
    Touched,
    /// Our side was shut down: no exchange can follow.
    Shut,
}

/// Connects byte streams for a pool: a dialer whose streams come as [`Raw`].
#[derive(Debug, Clone)]
pub struct Streams<D> {
    dial: D,
}

// === impl Raw ===

impl<I> Raw<I> {
    /// Takes a fresh stream, which counts as settled.
    pub fn new(io: I) -> Self {
        Self {
            io,
            state: State::Settled,
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
        if self.state == State::Settled {
            self.state = State::Touched;
        }
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
        if self.state == State::Touched {
            self.state = State::Settled;
        }
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
        Self { dial }
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
        Box::pin(async move { dialing.await.map(Raw::new).map_err(Into::into) })
    }
}
