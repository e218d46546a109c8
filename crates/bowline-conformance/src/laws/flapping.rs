//! Whether a peer that accepts and hangs up is left alone, for longer and longer.

use std::time::Duration;

use super::PACE;
use crate::drive::{insist_for, judge, median};
use crate::law::Trial;
use crate::{Law, Peer, Subject, Verdict};

/// How long a connection lasts.
const UP: Duration = Duration::from_millis(10);

/// How long the peer does that.
const FOR: Duration = Duration::from_secs(600);

/// How many of the last pauses are looked at.
const LAST: usize = 20;

/// How many times the first delay their median must be: a tenth of what the cap allows.
const GROWTH_MIN: u32 = 10;

/// Fewer dials than this, and it is not reconnecting at all.
const DIALS_MIN: usize = 10;

/// Judges [`Law::Flapping`]: for ten minutes the peer accepts and hangs up 10 ms later, while a
/// caller insists. The median of the last pauses between dials must have grown.
pub fn flapping<S: Subject>(subject: &S) -> Verdict {
    let law = Law::Flapping;
    judge(law, subject.exempt(law), async |trial| {
        flaps(subject, trial).await;
    })
}

async fn flaps<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    peer.flap(UP);
    let mut service = subject.service(&peer, PACE);
    if let Some(end) = insist_for(&mut service, &peer, PACE.base, FOR).await {
        trial.breach(format!("after {} dials, {end}", peer.dials()));
        return;
    }
    let (dials, gaps) = (peer.dials(), peer.gaps());
    if dials < DIALS_MIN {
        return trial.breach(format!("only {dials} dials in ten minutes"));
    }
    let last = median(&gaps[gaps.len().saturating_sub(LAST)..]);
    trial.expect(
        last >= PACE.base * GROWTH_MIN,
        format!(
            "{dials} dials in ten minutes, the last ones {} ms apart (delays of 100 ms to 10 s)",
            last.as_millis()
        ),
    );
}
