//! Frames that are whole within a limit, however slowly their bytes trickle. It looks at how far a
//! codec has come, and never into a frame.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Encoder, Framed};

use super::{Expected, Limits, Reads, Stalled, Step, Wait};
use crate::alarm::{Alarm, Side};

mod watched;

use watched::Watched;

/// Limits each frame of a [`Framed`], both ways.
///
/// From the first byte of a frame to its last no more than the frame read limit may pass, so a peer
/// that sends a byte a second is cut off; between frames there is no limit. A frame to be sent has
/// the frame write limit from when it must first wait, with nothing before it, until the stream took
/// its last byte; what the stream does with it then is [`Limited`](super::Limited)'s to limit.
/// Either way the error is an [`io::ErrorKind::TimedOut`] inside the codec's own, with a [`Stalled`]
/// that [`stalled`](super::stalled) finds. After it the stream of frames ends, and the sink goes on
/// failing.
///
/// The first byte of a frame is the first that comes after a frame, even one that the codec takes
/// and keeps to itself; see [`skipping`](Self::skipping) for codecs that throw some away.
///
/// The two halves of `StreamExt::split` may be two tasks. Eight bytes are kept for each frame that
/// waits in the write buffer, which is bounded as that of [`Framed`] is.
///
/// ```
/// use bowline_link::codec::{self, HeaderCodec};
/// use bowline_link::stall::{Frames, Limits, Step, stalled};
/// use futures_util::StreamExt;
/// use tokio::io::AsyncWriteExt;
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (stream, mut peer) = tokio::io::duplex(64);
/// let codec = HeaderCodec::new(codec::Limits::default());
/// let mut frames = Frames::new(Framed::new(stream, codec), &Limits::default());
///
/// peer.write_all(&codec::MAGIC.to_be_bytes()).await.unwrap();
/// let error = frames.next().await.unwrap().unwrap_err();
/// let stalled = stalled(&error).unwrap();
/// assert_eq!(stalled.which, Step::FrameRead);
/// assert_eq!(stalled.to_string(), "frame read limit of 60s passed after 2 bytes");
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping a `next()` or a `send()` loses no byte, and the limit of a frame that has begun goes on
/// meanwhile; a look that is late by more than a quarter of it grants it once more.
pub struct Frames<I, C> {
    framed: Framed<I, Watched<C>>,
    reads: Option<Reads>,
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
    alarm: Alarm,
    reading: Option<Reading>,
    read_stalled: bool,
    writing: Option<Writing>,
    write_stalled: Option<Stalled>,
}

/// A frame that has begun to come.
#[derive(Debug)]
struct Reading {
    wait: Wait,
    _expected: Option<Expected>,
}

/// A frame that waits to be taken.
#[derive(Debug)]
struct Writing {
    /// Where it begins, counted in all bytes there were to send.
    begins: u64,
    wait: Wait,
}

// === impl Frames ===

impl<I, C> Frames<I, C> {
    /// Limits the frames of `framed`. What is in its buffers already counts from its next poll.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(framed: Framed<I, C>, limits: &Limits) -> Self {
        let unsent = framed.write_buffer().len();
        Self {
            framed: framed.map_codec(|codec| Watched::new(codec, unsent)),
            reads: None,
            read_limit: limits.of(Step::FrameRead),
            write_limit: limits.of(Step::FrameWrite),
            alarm: Alarm::new(),
            reading: None,
            read_stalled: false,
            writing: None,
            write_stalled: None,
        }
    }

    /// Expects a byte of the [`Limited`](super::Limited) stream below whenever part of a frame has
    /// come: so the rest must not only come, but keep coming within the read limit.
    #[must_use]
    pub fn expecting(mut self, reads: Reads) -> Self {
        self.reads = Some(reads);
        self
    }

    /// Takes it that bytes which the codec takes without yielding a frame, and leaves nothing
    /// behind, belonged to none: for codecs that skip blank lines between frames, so that those are
    /// no beginning.
    ///
    /// Not for codecs that take a header off before its payload came, as tokio-util's
    /// `LengthDelimitedCodec` does: a frame of which only the header comes would then have no limit.
    #[must_use]
    pub fn skipping(mut self) -> Self {
        self.framed.codec_mut().skips();
        self
    }

    /// The stream below.
    pub fn get_ref(&self) -> &I {
        self.framed.get_ref()
    }

    /// The codec.
    pub fn codec(&self) -> &C {
        self.framed.codec().get_ref()
    }

    /// The codec, to change what it allows.
    pub fn codec_mut(&mut self) -> &mut C {
        self.framed.codec_mut().get_mut()
    }

    /// Gives the frames back, no longer limited; nothing in their buffers is lost.
    pub fn into_inner(self) -> Framed<I, C> {
        self.framed.map_codec(Watched::into_inner)
    }

    /// Waits with a frame of which some has come.
    fn poll_read_stall(&mut self, cx: &Context<'_>) -> Poll<Stalled> {
        let bytes = self.framed.codec().received();
        if bytes == 0 {
            self.reading = None;
            return Poll::Pending;
        }
        let reads = self.reads.as_ref();
        let reading = self.reading.get_or_insert_with(|| Reading {
            wait: Wait::new(),
            _expected: reads.map(Reads::expect),
        });
        let Some(after) = self.read_limit else {
            return Poll::Pending;
        };
        ready!(reading.wait.poll(after, &mut self.alarm, Side::Read, cx));
        Poll::Ready(Stalled {
            which: Step::FrameRead,
            after,
            progressed: Some(bytes),
        })
    }

    /// Waits with the frame of which some is still to be taken.
    fn poll_write_stall(&mut self, cx: &Context<'_>) -> Poll<Stalled> {
        let unsent = self.framed.write_buffer().len();
        let Some((begins, progressed)) = self.framed.codec_mut().head(unsent) else {
            self.writing = None;
            return Poll::Pending;
        };
        let Some(after) = self.write_limit else {
            return Poll::Pending;
        };
        self.writing.take_if(|writing| writing.begins != begins);
        let writing = self.writing.get_or_insert_with(|| Writing {
            begins,
            wait: Wait::new(),
        });
        ready!(writing.wait.poll(after, &mut self.alarm, Side::Write, cx));
        Poll::Ready(Stalled {
            which: Step::FrameWrite,
            after,
            progressed: Some(progressed),
        })
    }

    /// One way of the sink to wait: `poll` does it.
    fn poll_sink<E: From<io::Error>>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut Framed<I, Watched<C>>>, &mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), E>>
    where
        I: Unpin,
    {
        if let Some(stalled) = self.write_stalled {
            return Poll::Ready(Err(io::Error::from(stalled).into()));
        }
        let polled = poll(Pin::new(&mut self.framed), cx);
        if polled.is_ready() {
            return polled;
        }
        let stalled = ready!(self.poll_write_stall(cx));
        self.write_stalled = Some(stalled);
        Poll::Ready(Err(io::Error::from(stalled).into()))
    }
}

/// The codec is never pinned.
impl<I: Unpin, C> Unpin for Frames<I, C> {}

impl<I: AsyncRead + Unpin, C: Decoder> Stream for Frames<I, C> {
    type Item = Result<C::Item, C::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.read_stalled {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.framed).poll_next(cx) {
            this.reading = None;
            return Poll::Ready(frame);
        }
        let stalled = ready!(this.poll_read_stall(cx));
        this.read_stalled = true;
        this.reading = None;
        Poll::Ready(Some(Err(io::Error::from(stalled).into())))
    }
}

impl<I: AsyncWrite + Unpin, C: Encoder<F>, F> Sink<F> for Frames<I, C> {
    type Error = C::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.get_mut()
            .poll_sink(cx, |framed, cx| framed.poll_ready(cx))
    }

    fn start_send(self: Pin<&mut Self>, frame: F) -> Result<(), C::Error> {
        let this = self.get_mut();
        let unsent = this.framed.write_buffer().len();
        this.framed.codec_mut().forget_taken(unsent);
        Pin::new(&mut this.framed).start_send(frame)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.get_mut()
            .poll_sink(cx, |framed, cx| framed.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.get_mut()
            .poll_sink(cx, |framed, cx| framed.poll_close(cx))
    }
}

impl<I: fmt::Debug, C: fmt::Debug> fmt::Debug for Frames<I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames")
            .field("io", self.get_ref())
            .field("codec", self.codec())
            .field("reading", &self.reading)
            .field("writing", &self.writing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
