//! The writing half: the user's frames, one at a time, behind the heartbeat's own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};

use super::ended::{Ended, Writing};
use super::{Error, Probe, Probing};

impl<T, P, E> Probing<T, P>
where
    T: Stream<Item = Result<P::Frame, E>> + Sink<P::Frame, Error = E> + Unpin,
    P: Probe,
{
    /// Moves what waits here into the sink below, the most urgent first.
    pub(super) fn poll_push(&mut self) -> Poll<Result<(), E>> {
        let writer = self.writer.clone();
        let mut cx = Context::from_waker(&writer);
        while self.answer.is_some() || self.ping.is_some() || self.item.is_some() {
            ready!(Pin::new(&mut self.frames).poll_ready(&mut cx))?;
            let own = self.answer.take().or_else(|| self.ping.take());
            self.unflushed |= own.is_some();
            if let Some(frame) = own.or_else(|| self.item.take()) {
                Pin::new(&mut self.frames).start_send(frame)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_flush_below(&mut self) -> Poll<Result<(), E>> {
        let writer = self.writer.clone();
        let mut cx = Context::from_waker(&writer);
        ready!(Pin::new(&mut self.frames).poll_flush(&mut cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Writes what the heartbeat wants written, as far as that goes.
    pub(super) fn write_own(&mut self) {
        if !matches!(self.writing, Writing::Yes) {
            return;
        }
        let mut written = self.poll_push();
        if self.unflushed && !matches!(written, Poll::Ready(Err(_))) {
            written = self.poll_flush_below();
        }
        if let Poll::Ready(Err(error)) = written {
            self.writing = Writing::Failed(error);
        }
    }

    /// For the sink: nothing more is taken for a peer that is dead.
    pub(super) fn writable(&self) -> Result<(), Error<E>> {
        match self.ended {
            Ended::Dead { death, .. } => Err(Error::Dead(death)),
            Ended::No | Ended::Closed => Ok(()),
        }
    }
}

impl<T, P, E> Sink<P::Frame> for Probing<T, P>
where
    T: Stream<Item = Result<P::Frame, E>> + Sink<P::Frame, Error = E> + Unpin,
    P: Probe,
{
    type Error = Error<E>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        this.writable()?;
        this.wakers.sink.register(cx.waker());
        let pushed = this.poll_push().map_err(Error::Frames);
        if this.item.is_none() && pushed.is_pending() {
            // Only our own frames wait below, and leave the user's place free.
            return Poll::Ready(Ok(()));
        }
        pushed
    }

    fn start_send(self: Pin<&mut Self>, frame: P::Frame) -> Result<(), Self::Error> {
        let this = self.get_mut();
        assert!(this.item.is_none(), "start_send without poll_ready");
        this.item = Some(frame);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        this.writable()?;
        this.wakers.sink.register(cx.waker());
        ready!(this.poll_push()).map_err(Error::Frames)?;
        this.poll_flush_below().map_err(Error::Frames)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let this = self.get_mut();
        this.writable()?;
        this.wakers.sink.register(cx.waker());
        ready!(this.poll_push()).map_err(Error::Frames)?;
        let writer = this.writer.clone();
        Pin::new(&mut this.frames)
            .poll_close(&mut Context::from_waker(&writer))
            .map_err(Error::Frames)
    }
}
