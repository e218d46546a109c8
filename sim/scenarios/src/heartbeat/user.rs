//! What a client does with its connection, whatever heartbeat it has.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::codec::Frame;
use bytes::Bytes;
use futures_util::{Sink, SinkExt};
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::time::{Instant, Sleep, sleep};

use super::words::{ASK, DATA, HELLO, bare, frame};

/// How large the frames are with which a link is flooded.
const DATA_BYTES: usize = 4 * 1024;

/// How a client uses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Writes as much as the stream takes.
    Floods,
    /// Asks several times a second.
    Asks,
    /// Asks now and then, and does not read for a while.
    Pauses,
    /// Says nothing.
    Listens,
}

/// One client's doings on one connection.
pub(super) struct User {
    temper: Temper,
    chance: Pcg64,
    outbox: VecDeque<Frame>,
    next: Pin<Box<Sleep>>,
    /// All is well, and the last question is on its way.
    leaving: bool,
}

/// What a user decides when it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whim {
    /// To ask; it is in the outbox already.
    Ask,
    /// Not to read for so long.
    Pause(Duration),
}

// === impl User ===

impl User {
    /// Begins with a greeting.
    pub(super) fn new(name: &'static str, temper: Temper, chance: Pcg64) -> Self {
        let hello = frame(HELLO, Bytes::from_static(name.as_bytes()));
        Self {
            temper,
            chance,
            outbox: VecDeque::from([hello]),
            next: Box::pin(sleep(Duration::ZERO)),
            leaving: false,
        }
    }

    /// Puts a frame in front of all else that waits.
    pub(super) fn say_first(&mut self, frame: Frame) {
        self.outbox.push_front(frame);
    }

    /// Asks one last time.
    pub(super) fn leave(&mut self) {
        self.leaving = true;
        self.outbox.push_back(bare(ASK));
    }

    /// Whether `frame` is what was waited for.
    pub(super) fn is_done(&self, frame: &Frame) -> bool {
        self.leaving && self.outbox.is_empty() && frame.cmd == ASK.response()
    }

    /// Waits until it does something.
    pub(super) fn poll_whim(&mut self, cx: &mut Context<'_>) -> Poll<Whim> {
        if self.leaving || matches!(self.temper, Temper::Floods | Temper::Listens) {
            return Poll::Pending;
        }
        if self.next.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let drawn = self.chance.next_u64();
        let pauses = self.temper == Temper::Pauses;
        // Longer than silence may last as often as not.
        let pause = Duration::from_millis(150 + drawn % 5_000);
        let rest = match pauses {
            true => pause * 2,
            false => Duration::from_millis(50 + drawn % 400),
        };
        self.next.as_mut().reset(Instant::now() + rest);
        self.outbox.push_back(bare(ASK));
        Poll::Ready(match pauses {
            true => Whim::Pause(pause),
            false => Whim::Ask,
        })
    }

    /// Writes as much as `sink` takes; it is ready only when that fails.
    pub(super) fn poll_write<S, E>(&mut self, sink: &mut S, cx: &mut Context<'_>) -> Poll<E>
    where
        S: Sink<Frame, Error = E> + Unpin,
    {
        loop {
            if self.outbox.is_empty() && self.temper == Temper::Floods && !self.leaving {
                let data = Bytes::from_static(&[0; DATA_BYTES]);
                self.outbox.push_back(frame(DATA, data));
            }
            if self.outbox.is_empty() {
                return match sink.poll_flush_unpin(cx) {
                    Poll::Ready(Err(error)) => Poll::Ready(error),
                    Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                };
            }
            match sink.poll_ready_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(())) => {}
            }
            if let Some(frame) = self.outbox.pop_front()
                && let Err(error) = sink.start_send_unpin(frame)
            {
                return Poll::Ready(error);
            }
        }
    }
}
