//! Whether everybody who waits is woken.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower_service::Service;

use super::PACE;
use crate::drive::{Miss, PATIENCE, call, judge, ready};
use crate::law::Trial;
use crate::{Answer, Lacks, Law, Peer, Subject, Verdict};

/// How many wait beside each other.
const WAITING: usize = 4;

/// How soon after the connection is made the last of them must get through. Later than that,
/// something else woke it: a limit of its own, say.
const LATE_MAX: Duration = Duration::from_secs(1);

/// How many calls are in flight when the connection breaks.
const IN_FLIGHT: usize = 5;

/// How long a dial takes here: long enough for all to wait for the same one.
const DIAL_TAKES: Duration = Duration::from_millis(100);

/// Judges [`Law::LostWakeUps`]: handles in tasks of their own that wait for one connection, at
/// once and after an outage, and calls in flight on a connection that breaks.
pub fn lost_wake_ups<S: Subject>(subject: &S) -> Verdict {
    let law = Law::LostWakeUps;
    judge(law, subject.exempt(law), async |trial| {
        for refusals in [0, 3] {
            if let Err(lacks) = waiting(subject, refusals, trial).await {
                trial.note(format!("{lacks}: nobody waits beside another"));
                break;
            }
        }
        in_flight(subject, trial).await;
    })
}

/// Several handles, each in a task, wait for a connection that comes after so many refusals.
async fn waiting<S: Subject>(subject: &S, refusals: usize, trial: &mut Trial) -> Result<(), Lacks> {
    let peer = Peer::new();
    peer.dial_takes(DIAL_TAKES);
    if refusals > 0 {
        peer.refuse();
    }
    let service = subject.service(&peer, PACE);
    let mut calls = JoinSet::new();
    for _ in 0..WAITING {
        let mut handle = subject.handle(&service)?;
        let peer = peer.clone();
        calls.spawn(async move {
            // A handle that fails fast is asked again, as a caller would.
            loop {
                match call(&mut handle, peer.request()).await {
                    Err(Miss::Failed(_)) => sleep(PACE.base).await,
                    done => return done.ok().map(|_| Instant::now()),
                }
            }
        });
    }
    let refused = peer.has_seen(refusals + 1);
    if refusals > 0 && timeout(PATIENCE, refused).await.is_err() {
        let dials = peer.dials();
        trial.breach(format!("{dials} dials in 60 s, with {WAITING} waiting"));
        return Ok(());
    }
    peer.accept();
    let done = finished(&mut calls).await;
    let answered: Vec<Instant> = done.into_iter().flatten().collect();
    let late = answered.iter().max().zip(peer.connected_at());
    let late = late.map_or(Duration::ZERO, |(last, up)| {
        last.saturating_duration_since(up)
    });
    trial.expect(
        answered.len() == WAITING && late <= LATE_MAX,
        format!(
            "{} of {WAITING} handles got through after {refusals} refusals, the last {} ms after the connection was made",
            answered.len(),
            late.as_millis()
        ),
    );
    Ok(())
}

/// Calls without an answer when the connection breaks.
async fn in_flight<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    peer.silent(true);
    let mut service = subject.service(&peer, PACE);
    let mut calls: JoinSet<Result<Answer, _>> = JoinSet::new();
    for sent in 0..IN_FLIGHT {
        match timeout(PATIENCE, ready(&mut service)).await {
            Ok(Ok(())) => {}
            Ok(Err(miss)) => return trial.breach(format!("with the peer up, {miss}")),
            Err(_) if sent > 0 => break,
            Err(_) => return trial.breach("with the peer up it grants nothing in 60 s"),
        }
        calls.spawn(service.call(peer.request()));
        sleep(PACE.base).await;
    }
    let sent = calls.len();
    peer.silent(false);
    peer.hang_up();
    let done = finished(&mut calls).await.len();
    trial.expect(
        done == sent,
        format!("{done} of {sent} calls in flight ended within 60 s of the break"),
    );
}

/// What the tasks that end within the law's patience return.
async fn finished<T: Send + 'static>(tasks: &mut JoinSet<T>) -> Vec<T> {
    let mut done = Vec::new();
    let all = async {
        while let Some(task) = tasks.join_next().await {
            done.extend(task);
        }
    };
    // How many are done is asked next, whichever came first.
    timeout(PATIENCE, all).await.ok();
    done
}
