//! Whether a grant stays and an error is for good, as `tower_service::Service` has it: "Until a
//! request is dispatched, repeated calls to `poll_ready` must return either
//! `Poll::Ready(Ok(()))` or `Poll::Ready(Err(_))`", and who gets the error should discard the service.

use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::PACE;
use crate::drive::{PATIENCE, judge, poll_once, ready};
use crate::law::Trial;
use crate::{BoxError, Law, Peer, Request, Subject, Verdict};

/// How often a grant, or an error, is looked at again.
const LOOKS: u32 = 10;

/// How long lies between the looks: longer than a dial, so that a grant that was exchanged for
/// another attempt shows.
const BETWEEN: Duration = Duration::from_secs(1);

/// How many attempts a limited subject has.
const ATTEMPTS: u32 = 3;

/// Judges [`Law::Readiness`]: a grant while the peer refuses, one on a live connection, one
/// whose connection breaks; and every error of `poll_ready`, after the limit or after a close.
pub fn readiness<S: Subject>(subject: &S) -> Verdict {
    let law = Law::Readiness;
    judge(law, subject.exempt(law), async |trial| {
        refused(subject, trial).await;
        granted(subject, trial).await;
        limited(subject, trial).await;
        closed(subject, trial).await;
    })
}

/// A grant while there is no connection, if there is such a thing.
async fn refused<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let mut service = subject.service(&peer, PACE);
    match timeout(PATIENCE, ready(&mut service)).await {
        Err(_) => trial.note("with the peer down it grants nothing"),
        Ok(Ok(())) => stays(&mut service, &peer, "granted with the peer down", trial).await,
        Ok(Err(miss)) => {
            trial.breach(format!("with the peer down for a moment, {miss}"));
        }
    }
}

/// A grant on a live connection, and what becomes of it when that breaks.
async fn granted<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    let mut service = subject.service(&peer, PACE);
    match timeout(PATIENCE, ready(&mut service)).await {
        Ok(Ok(())) => {}
        Ok(Err(miss)) => return trial.breach(format!("with the peer up, {miss}")),
        Err(_) => return trial.breach("with the peer up it grants nothing in 60 s"),
    }
    stays(&mut service, &peer, "granted on a live connection", trial).await;
    peer.refuse();
    peer.hang_up();
    stays(
        &mut service,
        &peer,
        "granted before the connection broke",
        trial,
    )
    .await;
}

/// Looks at a grant again and again.
async fn stays<T>(service: &mut T, peer: &Peer, which: &str, trial: &mut Trial)
where
    T: Service<Request, Error: Into<BoxError>>,
{
    let before = peer.dials();
    for look in 1..=LOOKS {
        match poll_once(service).await {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => {
                return trial.note(format!("{which}: an error at look {look}"));
            }
            Poll::Pending => {
                sleep(BETWEEN).await;
                let dials = peer.dials() - before;
                return trial.breach(format!(
                    "{which}: pending at look {look} of {LOOKS}, without a call ({dials} dials meanwhile)"
                ));
            }
        }
        sleep(BETWEEN).await;
    }
    trial.note(format!("{which}: ready at {LOOKS} of {LOOKS} looks"));
}

/// The error of one that gave up, if `poll_ready` tells it.
async fn limited<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let Ok(mut service) = subject.limited(&peer, PACE, ATTEMPTS) else {
        return;
    };
    let told = async {
        loop {
            match ready(&mut service).await {
                Ok(()) => match service.call(peer.request()).await {
                    Ok(_) | Err(_) => sleep(BETWEEN).await,
                },
                Err(miss) => return miss,
            }
        }
    };
    if timeout(PATIENCE, told).await.is_ok() {
        peer.accept();
        for_good(&mut service, &peer, "after its attempts were spent", trial).await;
    }
}

/// The error of one that was closed.
async fn closed<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::new();
    let mut service = subject.service(&peer, PACE);
    if !matches!(timeout(PATIENCE, ready(&mut service)).await, Ok(Ok(())))
        || !subject.close(&service)
    {
        return;
    }
    sleep(BETWEEN).await;
    // The grant from before the close may still be there; it is spent then.
    if let Poll::Ready(Ok(())) = poll_once(&mut service).await {
        timeout(PATIENCE, service.call(peer.request())).await.ok();
    }
    match timeout(PATIENCE, ready(&mut service)).await {
        Ok(Err(_)) => for_good(&mut service, &peer, "after a close", trial).await,
        Ok(Ok(())) => trial.breach("after a close poll_ready grants further calls"),
        Err(_) => trial.breach("after a close poll_ready has no error"),
    }
}

/// Looks at a service that said that it is closed.
async fn for_good<T>(service: &mut T, peer: &Peer, when: &str, trial: &mut Trial)
where
    T: Service<Request, Error: Into<BoxError>>,
{
    let before = peer.dials();
    for look in 1..=LOOKS {
        sleep(BETWEEN).await;
        let now = match poll_once(service).await {
            Poll::Ready(Err(_)) => continue,
            Poll::Ready(Ok(())) => "ready",
            Poll::Pending => "pending",
        };
        return trial.breach(format!(
            "{when} poll_ready failed, and was {now} again at look {look}"
        ));
    }
    let dials = peer.dials() - before;
    trial.expect(
        dials == 0,
        format!("{when} poll_ready failed {LOOKS} of {LOOKS} times, with {dials} further dials"),
    );
}
