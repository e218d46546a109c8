//! Whether an error says what became of its request, and whether that is true.

use std::error::Error as StdError;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::PACE;
use crate::drive::{Miss, PATIENCE, call, judge, ready};
use crate::law::Trial;
use crate::{Answer, BoxError, Law, Peer, Request, Sent, Subject, Verdict};

/// Requests in flight when the connection breaks.
const IN_FLIGHT: usize = 3;

/// How long the peer is down for the request that no connection is there for.
const OUTAGE: Duration = Duration::from_secs(30);

/// Judges [`Law::InFlightHonesty`]: requests whose connection breaks before the answer, one that
/// is called on a grant whose connection has broken, one that there is no connection for. What the
/// errors say is held against what the peer received; nothing may be received twice.
pub fn in_flight_honesty<S: Subject>(subject: &S) -> Verdict {
    let law = Law::InFlightHonesty;
    judge(law, subject.exempt(law), async |trial| {
        in_flight(subject, trial).await;
        late(subject, trial).await;
        never(subject, trial).await;
    })
}

/// Calls that the peer received and never answered; a new connection would be there at once.
async fn in_flight<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    peer.silent(true);
    let mut service = subject.service(&peer, PACE);
    let mut calls = JoinSet::new();
    let mut requests = Vec::new();
    for _ in 0..IN_FLIGHT {
        if !matches!(timeout(PATIENCE, ready(&mut service)).await, Ok(Ok(()))) {
            break;
        }
        let request = peer.request();
        requests.push(request);
        let call = service.call(request);
        calls.spawn(async move { (request, call.await.map_err(Into::<BoxError>::into)) });
        sleep(PACE.base).await;
    }
    peer.silent(false);
    peer.hang_up();
    let ends = async {
        while let Some(done) = calls.join_next().await {
            if let Ok((request, end)) = done {
                judge_end(subject, &peer, "in flight", request, end, trial);
            }
        }
    };
    // Who still waits is a matter of the law of lost wake-ups.
    timeout(PATIENCE, ends).await.ok();
    once(
        &peer,
        "in flight when the connection broke",
        &requests,
        trial,
    );
}

/// A call on a grant whose connection is gone.
async fn late<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    let mut service = subject.service(&peer, PACE);
    if !matches!(timeout(PATIENCE, ready(&mut service)).await, Ok(Ok(()))) {
        return;
    }
    peer.hang_up();
    let request = peer.request();
    let end = timeout(PATIENCE, service.call(request)).await;
    if let Ok(end) = end {
        judge_end(
            subject,
            &peer,
            "called too late",
            request,
            end.map_err(Into::into),
            trial,
        );
    }
    once(&peer, "called too late", &[request], trial);
}

/// A call while there is no connection, and for a while after.
async fn never<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let mut service = subject.service(&peer, PACE);
    let request = peer.request();
    let waits = call(&mut service, request);
    tokio::pin!(waits);
    let end = match timeout(OUTAGE, &mut waits).await {
        Ok(end) => Some(end),
        Err(_) => {
            peer.accept();
            timeout(PATIENCE, waits).await.ok()
        }
    };
    match end {
        Some(Ok(answer)) => judge_end(
            subject,
            &peer,
            "with the peer down",
            request,
            Ok(answer),
            trial,
        ),
        Some(Err(Miss::Failed(error))) => {
            if subject.sent(&*error) == Some(Sent::Maybe) {
                trial.breach(format!(
                    "with the peer down: \"{error}\" says maybe of a request that no connection was there for"
                ));
            }
            judge_end(
                subject,
                &peer,
                "with the peer down",
                request,
                Err(error),
                trial,
            );
        }
        // Its caller still has the request.
        Some(Err(Miss::Closed(_) | Miss::Spins)) | None => {}
    }
    once(&peer, "made with the peer down", &[request], trial);
}

/// Holds what the end of a call says against what the peer received.
fn judge_end<S: Subject>(
    subject: &S,
    peer: &Peer,
    when: &str,
    request: Request,
    end: Result<Answer, BoxError>,
    trial: &mut Trial,
) {
    let received = peer.received(request);
    let error = match end {
        Ok(answer) => {
            let own = answer.request == request && received > 0;
            return trial.expect(own, format!("{when}: answered"));
        }
        Err(error) => error,
    };
    let error: &(dyn StdError + 'static) = &*error;
    match (subject.sent(error), received) {
        (None, _) => trial.breach(format!(
            "{when}: \"{error}\" does not say whether the request was sent"
        )),
        (Some(Sent::No), 1..) => trial.breach(format!(
            "{when}: \"{error}\" says not sent, and the peer received it"
        )),
        (Some(Sent::No), 0) => trial.note(format!("{when}: said not sent, and was not")),
        (Some(Sent::Maybe), 0) => trial.note(format!("{when}: said maybe sent, and was not")),
        (Some(Sent::Maybe), 1..) => trial.note(format!("{when}: said maybe sent, and was")),
    }
}

/// No request may be received twice.
fn once(peer: &Peer, which: &str, requests: &[Request], trial: &mut Trial) {
    let received = |request: &&Request| peer.received(**request) > 1;
    let twice = requests.iter().filter(received).count();
    if twice > 0 {
        trial.breach(format!(
            "{twice} of {} requests {which} reached the peer more than once",
            requests.len()
        ));
    }
}
