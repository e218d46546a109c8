//! Whether the dials of many would come together, as the peer sees it.

use std::time::Duration;

use tokio::task::JoinSet;

use super::PACE;
use crate::drive::{insist_until, judge};
use crate::law::Trial;
use crate::{Law, Peer, Subject, Verdict};

/// The dials of two sessions that are compared, after the first.
const COMPARED: usize = 30;

/// The pauses that are taken to lead up to the cap.
pub(super) const CLIMB: usize = 20;

/// The pauses at the cap that are looked at.
pub(super) const AT_THE_CAP: usize = 40;

/// How long those dials may take: at the cap all the time, and some.
const LIMIT: Duration = Duration::from_secs(3600);

/// Judges [`Law::JitterIndependence`] by what peers see: two sessions that begin together, each
/// with a peer that refuses. After the first, at most a fifth of their dials may come at once.
pub fn jitter_independence<S: Subject>(subject: &S) -> Verdict {
    let law = Law::JitterIndependence;
    judge(law, subject.exempt(law), async |trial| {
        let peers = [Peer::refusing(), Peer::refusing()];
        let mut sessions = JoinSet::new();
        for peer in &peers {
            let (peer, mut service) = (peer.clone(), subject.service(peer, PACE));
            sessions.spawn(async move {
                insist_until(&mut service, &peer, PACE.base, COMPARED + 1, LIMIT).await;
            });
        }
        sessions.join_all().await;
        let [one, other] = peers.map(|peer| peer.dialed_at(1));
        let compared = one.len().min(other.len()).min(COMPARED);
        if compared < COMPARED {
            return trial.breach(format!("only {compared} further dials in an hour"));
        }
        let pairs = one.iter().zip(&other).take(COMPARED);
        let at_once = pairs.filter(|(one, other)| one == other).count();
        trial.expect(
            at_once * 5 <= compared,
            format!("{at_once} of {compared} dials of two sessions at the same moment"),
        );
    })
}

/// Judges [`Law::JitterAtTheCap`] by what a peer sees: the pauses between dials, long after
/// they reached their cap. Half of them must differ, over at least a hundredth of the cap.
pub fn jitter_at_the_cap<S: Subject>(subject: &S) -> Verdict {
    let law = Law::JitterAtTheCap;
    judge(law, subject.exempt(law), async |trial| {
        let peer = Peer::refusing();
        let mut service = subject.service(&peer, PACE);
        let dials = CLIMB + AT_THE_CAP + 1;
        insist_until(&mut service, &peer, PACE.base, dials, LIMIT).await;
        let gaps = peer.gaps();
        match gaps.get(CLIMB..CLIMB + AT_THE_CAP) {
            Some(at_the_cap) => varies(at_the_cap, PACE.cap, trial),
            None => trial.breach(format!("only {} pauses in an hour", gaps.len())),
        }
    })
}

/// Whether `delays` vary by more than a rounding.
pub(super) fn varies(delays: &[Duration], cap: Duration, trial: &mut Trial) {
    let mut distinct = delays.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let (least, most) = match distinct.as_slice() {
        [] => return trial.breach("no delays at all"),
        [first, .., last] => (*first, *last),
        [only] => (*only, *only),
    };
    trial.expect(
        distinct.len() * 2 >= delays.len() && most - least >= cap / 100,
        format!(
            "at a cap of {} s, {} values in {} delays, from {:.3} to {:.3} s",
            cap.as_secs(),
            distinct.len(),
            delays.len(),
            least.as_secs_f64(),
            most.as_secs_f64()
        ),
    );
}
