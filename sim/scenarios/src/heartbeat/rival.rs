//! Heartbeats as they are written in a hurry: each has one mistake that somebody shipped, but
//! for one that has none. Their numbers are as near to ours as one coarse tick comes, which is
//! sooner than ours gives up: that a rival does so too soon says nothing of its mistake.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bowline_link::Io;
use bowline_link::codec::{Error, Frame, HeaderCodec, Limits};
use bowline_link::probing::Probe;
use bowline_sim::scenario::Node;
use futures_util::StreamExt;
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::codec::Framed;

use super::user::User;
use super::words::{PING, Words};
use super::{Beat, End, TIMEOUT};

/// A mistake, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rival {
    /// None: what the others would be without theirs.
    Sound,
    /// It sends PING, and what comes back is nobody's business: only a failed write is death.
    NeverReads,
    /// Its own sends count as life (`nats.rs#1593`, `firezone#12312`).
    CountsSends,
    /// What it counted on one connection it brings along to the next (`firezone#4361`).
    KeepsItsCount,
    /// Whatever comes counts as the answer to some probe (`firezone#4296`), so that answers to
    /// other questions are credit against probes that are never answered.
    CountsAnyReply,
}

/// The heartbeat with that mistake.
#[derive(Debug)]
pub(super) struct Naive {
    rival: Rival,
    /// Probes less answers.
    outstanding: i64,
}

/// How many probes may be without an answer.
const MISSES: i64 = 3;

/// What happened next.
enum Happened {
    Read(Option<Result<Frame, Error>>),
    Failed(Error),
    Tick,
    Acted,
    Healed,
}

// === impl Naive ===

impl Naive {
    pub(super) fn new(rival: Rival) -> Self {
        let outstanding = 0;
        Self { rival, outstanding }
    }

    /// Uses a connection until its end.
    pub(super) async fn keep(&mut self, node: &Node, stream: impl Io, mut user: User) -> End {
        let mut frames = Framed::new(stream, HeaderCodec::new(Limits::default()));
        let mut healed = Box::pin(node.healed());
        let mut is_healed = false;
        let mut tick = Box::pin(sleep(TICK));
        let mut active_at = Instant::now();
        let mut heard_at = active_at;
        if self.rival != Rival::KeepsItsCount {
            self.outstanding = 0;
        }
        loop {
            let happened = poll_fn(|cx| {
                if let Poll::Ready(read) = frames.poll_next_unpin(cx) {
                    return Poll::Ready(Happened::Read(read));
                }
                if let Poll::Ready(error) = user.poll_write(&mut frames, cx) {
                    return Poll::Ready(Happened::Failed(error));
                }
                if !is_healed && healed.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Happened::Healed);
                }
                if tick.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Happened::Tick);
                }
                user.poll_whim(cx).map(|_| Happened::Acted)
            })
            .await;
            let now = Instant::now();
            match happened {
                Happened::Read(Some(Ok(frame))) => {
                    (active_at, heard_at) = (now, now);
                    if user.is_done(&frame) {
                        return End::Done;
                    }
                    self.heard(&frame);
                }
                Happened::Read(None) => return End::Broke("hung up".into()),
                Happened::Read(Some(Err(error))) | Happened::Failed(error) => {
                    return End::Broke(error.into());
                }
                Happened::Acted => active_at = now,
                Happened::Tick => {
                    reset(&mut tick, now);
                    if self.is_dead(now - active_at) {
                        return End::GaveUp(now - heard_at);
                    }
                    self.outstanding += 1;
                    active_at = now;
                    user.say_first(Words.ping(TICK));
                }
                Happened::Healed => {
                    is_healed = true;
                    user.leave();
                }
            }
        }
    }

    fn heard(&mut self, frame: &Frame) {
        match self.rival {
            Rival::CountsAnyReply => self.outstanding -= 1,
            _ if frame.cmd == PING.response() => self.outstanding = 0,
            _ => {}
        }
    }

    fn is_dead(&self, inactive: Duration) -> bool {
        match self.rival {
            Rival::NeverReads => false,
            Rival::CountsSends => inactive >= Beat::Fixed.least(),
            Rival::Sound | Rival::KeepsItsCount | Rival::CountsAnyReply => {
                self.outstanding > MISSES
            }
        }
    }
}

/// From probe to probe: as soon as ours probes a silent peer again.
const TICK: Duration = TIMEOUT;

fn reset(tick: &mut std::pin::Pin<Box<Sleep>>, now: Instant) {
    tick.as_mut().reset(now + TICK);
}
