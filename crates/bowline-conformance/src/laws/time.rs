//! Whether a service waits on tokio's clock, and on no other.

use std::time::Duration;

use tokio::time::Instant;

use super::PACE;
use crate::drive::{insist_for, insist_until, judge, median};
use crate::law::Trial;
use crate::{Law, Pace, Peer, Subject, Verdict};

/// Short delays: who sleeps through them on the machine's clock keeps nobody long.
const SHORT: Pace = Pace {
    base: Duration::from_millis(20),
    cap: Duration::from_millis(200),
};

/// How many dials are watched.
const DIALS: usize = 20;

/// How long they may take on the paused clock: many times their longest delays.
const LIMIT: Duration = Duration::from_secs(60);

/// Delays that grow long enough to be told from a first one.
const LONG: Pace = Pace {
    base: PACE.base,
    cap: Duration::from_secs(60),
};

/// How long the peer is down, so that delays grow.
const DOWN: Duration = Duration::from_secs(900);

/// How long the connection then holds.
const UP: Duration = Duration::from_secs(3600);

/// How often the caller calls meanwhile.
const PAUSE: Duration = Duration::from_secs(1);

/// How soon after that hour the first dial comes, if the hour counted.
const FIRST_MAX: Duration = Duration::from_secs(2);

/// Judges [`Law::SimulatedTime`]: on a paused clock the pauses between dials show, in its own
/// time; and an hour of it, up, counts as an hour.
///
/// It cannot see time that is spent beside those pauses, blocked or busy.
pub fn simulated_time<S: Subject>(subject: &S) -> Verdict {
    let law = Law::SimulatedTime;
    judge(law, subject.exempt(law), async |trial| {
        pauses(subject, trial).await;
        if !trial.is_broken() {
            an_hour(subject, trial).await;
        }
    })
}

/// Dials are apart on the paused clock: who sleeps on another one dials at once, or never.
async fn pauses<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let mut service = subject.service(&peer, SHORT);
    insist_until(&mut service, &peer, SHORT.base, DIALS, LIMIT).await;
    let (dials, pause) = (peer.dials(), median(&peer.gaps()));
    if dials < DIALS {
        return trial.breach(format!("{dials} dials in 60 s of the paused clock"));
    }
    trial.expect(
        pause >= SHORT.base / 4,
        format!(
            "{dials} dials, {} ms of the paused clock apart (delays of 20 to 200 ms)",
            pause.as_millis()
        ),
    );
}

/// After an hour up, what is lost is looked for at once.
async fn an_hour<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let mut service = subject.service(&peer, LONG);
    insist_for(&mut service, &peer, PAUSE, DOWN).await;
    peer.accept();
    let early = insist_for(&mut service, &peer, PAUSE, UP).await;
    if let Some(end) = early {
        return trial.breach(format!("with the peer back, {end}"));
    }
    let dials = peer.dials();
    peer.refuse();
    peer.hang_up();
    let lost = Instant::now();
    insist_until(&mut service, &peer, PAUSE, dials + 1, LONG.cap * 2).await;
    match peer.dialed_at(dials).first() {
        Some(first) => {
            let first = *first - lost;
            trial.expect(
                first <= FIRST_MAX,
                format!(
                    "after a simulated hour up the first dial came {:.1} s after the loss",
                    first.as_secs_f64()
                ),
            );
        }
        None => trial.breach("after a simulated hour up nobody dialled again"),
    }
}
