//! The writing half: the user's frames, one at a time, behind the heartbeat's own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};

use super::{Error, Probe, Probing};

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
