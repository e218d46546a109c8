//! The reading half, which drives the heartbeat: whoever reads the stream reads the answers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};

use super::ended::{Ended, Writing};
use super::{Error, Probe, Probing, SORTED_PER_POLL, Sorted};

impl<T, P, E> Probing<T, P>
where
    T: Stream<Item = Result<P::Frame, E>> + Sink<P::Frame, Error = E> + Unpin,
    P: Probe,
{
    /// The next frame for the user; answers what needs an answer on the way.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<P::Frame, E>>> {
        self.unread = false;
        if self.paused {
            return Poll::Pending;
        }
        for _ in 0..SORTED_PER_POLL {
            let Some(frame) = ready!(Pin::new(&mut self.frames).poll_next(cx)?) else {
                return Poll::Ready(None);
            };
            match self.probe.sort(frame) {
                Sorted::Item(frame) => return Poll::Ready(Some(Ok(frame))),
                Sorted::Probe { answer } => self.answer = Some(answer),
                Sorted::Answer => self.answered(),
            }
        }
        self.unread = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T, P, E> Stream for Probing<T, P>
where
    T: Stream<Item = Result<P::Frame, E>> + Sink<P::Frame, Error = E> + Unpin,
    P: Probe,
{
    type Item = Result<P::Frame, Error<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match &mut this.ended {
            Ended::No => {}
            Ended::Dead { told: true, .. } | Ended::Closed => return Poll::Ready(None),
            Ended::Dead { death, told } => {
                *told = true;
                return Poll::Ready(Some(Err(Error::Dead(*death))));
            }
        }
        this.wakers.stream.register(cx.waker());
        let read = this.poll_item(cx);
        if let Poll::Ready(None | Some(Err(_))) = read {
            this.ended = Ended::Closed;
            return read.map_err(Error::Frames);
        }
        let read_all = read.is_pending() && !this.unread;
        if let Err(death) = this.beat(cx, read_all) {
            let told = read.is_pending();
            this.ended = Ended::Dead { death, told };
            this.wakers.sink.wake();
            if told {
                return Poll::Ready(Some(Err(Error::Dead(death))));
            }
        }
        this.write_own();
        if read_all && matches!(this.writing, Writing::Failed(_)) {
            this.ended = Ended::Closed;
            if let Writing::Failed(error) = std::mem::replace(&mut this.writing, Writing::Closed) {
                return Poll::Ready(Some(Err(Error::Frames(error))));
            }
        }
        read.map_err(Error::Frames)
    }
}
