//! A connection under our heartbeat.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::codec::{Error, Frame, HeaderCodec, Limits};
use bowline_link::probing::{self, Probing};
use bowline_link::{Io, Stamped};
use bowline_policy::heartbeat::{Death, Policy};
use bowline_sim::scenario::Node;
use futures_util::StreamExt;
use tokio::time::{Sleep, sleep};
use tokio_util::codec::Framed;

use super::End;
use super::user::{User, Whim};
use super::words::Words;

type Link<I> = Probing<Framed<Stamped<I>, HeaderCodec>, Words>;

/// What happened next.
enum Happened {
    Read(Option<Result<Frame, probing::Error<Error>>>),
    Failed(probing::Error<Error>),
    Whim(Whim),
    Resumed,
    Healed,
}

/// Uses a connection until its end.
pub(super) async fn keep(node: &Node, stream: impl Io, policy: Policy, mut user: User) -> End {
    let stamped = Stamped::new(stream);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, HeaderCodec::new(Limits::default()));
    let mut link =
        Probing::new(frames, stamp, policy, Words).with_wall_clock(Arc::new(node.wall_clock()));
    let mut healed = Box::pin(node.healed());
    let mut is_healed = false;
    let mut paused: Option<Pin<Box<Sleep>>> = None;
    loop {
        let happened = poll_fn(|cx| {
            if let Poll::Ready(happened) = poll_link(&mut link, &mut user, cx) {
                return Poll::Ready(happened);
            }
            if let Some(pause) = &mut paused {
                return pause.as_mut().poll(cx).map(|()| Happened::Resumed);
            }
            if !is_healed && healed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Happened::Healed);
            }
            user.poll_whim(cx).map(Happened::Whim)
        })
        .await;
        match happened {
            Happened::Read(Some(Ok(frame))) if user.is_done(&frame) => return End::Done,
            Happened::Read(Some(Ok(_))) => {}
            Happened::Read(None) => return End::Broke("hung up".into()),
            Happened::Read(Some(Err(error))) | Happened::Failed(error) => return end(error),
            Happened::Whim(Whim::Ask) => {}
            Happened::Whim(Whim::Pause(pause)) => {
                link.pause_reading();
                paused = Some(Box::pin(sleep(pause)));
            }
            Happened::Resumed => {
                link.resume_reading();
                paused = None;
            }
            Happened::Healed => {
                is_healed = true;
                user.leave();
            }
        }
    }
}

fn poll_link<I: Io>(link: &mut Link<I>, user: &mut User, cx: &mut Context<'_>) -> Poll<Happened> {
    if let Poll::Ready(read) = link.poll_next_unpin(cx) {
        return Poll::Ready(Happened::Read(read));
    }
    user.poll_write(link, cx).map(Happened::Failed)
}

fn end(error: probing::Error<Error>) -> End {
    match error {
        probing::Error::Dead(Death::Silence { silent, .. }) => End::GaveUp(silent),
        error => End::Broke(error.into()),
    }
}
