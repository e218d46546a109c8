//! Whether a service can stand under tower's balancer, which believes what `poll_ready` says.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Constant;
use tower_service::Service;

use super::PACE;
use crate::drive::{Miss, call, insist_for, judge};
use crate::law::Trial;
use crate::{Law, Peer, Request, Subject, Verdict};

/// How long the peer is down.
const OUTAGE: Duration = Duration::from_secs(60);

/// How long the caller waits after a failed call, as a careful one does.
const PAUSE: Duration = Duration::from_secs(1);

/// How soon after the outage a call must pass.
const BACK_WITHIN: Duration = Duration::from_secs(120);

/// Dials in the outage past which there is no pause between them: two for each shortest delay.
const DIALS_MAX: usize = 1_200;

/// Polls of the service in the outage past which somebody spins: a few for each of those dials.
const POLLS_MAX: usize = 5_000;

/// Judges [`Law::HotLoop`]: an outage of a minute under `tower::balance::p2c`, whose caller
/// pauses after each failed call; then the peer is back.
pub fn hot_loop<S: Subject>(subject: &S) -> Verdict {
    let law = Law::HotLoop;
    judge(law, subject.exempt(law), async |trial| {
        balanced(subject, trial).await;
    })
}

async fn balanced<S: Subject>(subject: &S, trial: &mut Trial) {
    let peer = Peer::refusing();
    let polls = Rc::new(Cell::new(0));
    let counted = Counted {
        service: subject.service(&peer, PACE),
        polls: Rc::clone(&polls),
    };
    let members = vec![Constant::new(counted, 1_u32)];
    let mut balance = Balance::new(ServiceList::new::<Request>(members));

    let began = Instant::now();
    let end = insist_for(&mut balance, &peer, PAUSE, OUTAGE).await;
    let took = (Instant::now() - began).as_secs_f64();
    let (dials, polls) = (peer.dials(), polls.get());
    if let Some(end) = end {
        return trial.breach(format!(
            "with the peer down, {end}: {dials} dials in {took:.1} s"
        ));
    }
    trial.expect(
        dials <= DIALS_MAX,
        format!("{dials} dials in a minute down (delays of 100 ms to 10 s)"),
    );
    trial.expect(polls <= POLLS_MAX, format!("{polls} polls in that minute"));

    peer.accept();
    let mut failures = 0_u32;
    let back = async {
        loop {
            match call(&mut balance, peer.request()).await {
                Ok(_) => return None,
                Err(Miss::Failed(_)) => failures += 1,
                Err(end @ (Miss::Closed(_) | Miss::Spins)) => return Some(end),
            }
            sleep(PAUSE).await;
        }
    };
    match timeout(BACK_WITHIN, back).await {
        Ok(None) => trial.note(format!("calls pass again, after {failures} that failed")),
        Ok(Some(end)) => trial.breach(format!("with the peer back, {end}")),
        Err(_) => trial.breach(format!(
            "with the peer back no call passed in {BACK_WITHIN:?} ({} left in the balancer)",
            balance.len()
        )),
    }
}

/// Counts how often a service is asked for readiness.
#[derive(Debug)]
struct Counted<T> {
    service: T,
    polls: Rc<Cell<usize>>,
}

// === impl Counted ===

impl<T: Service<Request>> Service<Request> for Counted<T> {
    type Response = T::Response;
    type Error = T::Error;
    type Future = T::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.polls.set(self.polls.get() + 1);
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> T::Future {
        self.service.call(request)
    }
}
