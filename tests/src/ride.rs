//! hyper and tonic, neither of them ours, on a link of ours while the server
//! process is killed and started again ten times. The server writes down every
//! id before it answers, so what was carried out is known whatever became of
//! the answer.
//!
//! No test depends on how fast anything is: the server is killed when enough
//! was answered, and [`DEADLINE`] only ends what hangs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bowline::policy::backoff::{Maker, Schedule};
use bowline::policy::budget::{RetrySettings, TTL_DEFAULT};
use bowline::policy::from_fn;
use bowline::reconnect::replay::{Budget, Event, Policy, SaysSent};
use bowline::reconnect::schedule::Pauses;
use bowline::reconnect::{Sent, State};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

mod grpc;
mod http;
mod ledger;
mod server;

use ledger::{Ledger, Outcome};
use server::{Kind, Server};

/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(120);

/// How often the server is killed.
const RESTARTS: usize = 10;

/// How many callers there are, each with one call at a time.
const CALLERS: usize = 4;

/// How many calls are answered before the first kill; one more before each next,
/// so that kills and callers do not keep step.
const ANSWERS_PER_LIFE: usize = 37;

/// One call: the id that the server writes down, and whether it may be made twice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    id: String,
    replayable: bool,
}

/// A client under test: how it calls, and what its link does.
struct Rider<F> {
    call: F,
    state: watch::Receiver<State>,
    replays: Arc<AtomicUsize>,
}

/// 20 to 200 ms between two dials.
fn maker() -> Maker {
    let schedule = Schedule::exponential(Duration::from_millis(20), Duration::from_millis(200));
    Maker::new(schedule.unwrap(), 1)
}

/// A policy that counts what it makes again.
fn policy() -> (Policy<Pauses>, Arc<AtomicUsize>) {
    let budget = Budget::new(RetrySettings::new(500, 50, TTL_DEFAULT).unwrap());
    let replays = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&replays);
    let observer = from_fn(move |event: &Event| {
        if matches!(event, Event::Replayed { .. }) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let policy = Policy::new(budget, Pauses::new(maker())).observer(Arc::new(observer));
    (policy, replays)
}

/// Calls through ten restarts, and compares what callers were told with what the
/// server did.
async fn ride<F, R, E>(kind: Kind, make: impl FnOnce(std::net::SocketAddr) -> Rider<F>)
where
    F: Fn(Call) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(), E>> + Send + 'static,
    E: SaysSent + std::fmt::Debug + Send + 'static,
{
    let ledger = Ledger::new();
    let mut server = Server::new(kind, &ledger);
    server.start();
    let mut rider = make(server.address);
    let answered = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let (told, mut tick) = watch::channel(());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (call, told) = (rider.call.clone(), told.clone());
        let (answered, over) = (Arc::clone(&answered), Arc::clone(&over));
        callers.spawn(async move {
            let mut outcomes = Vec::new();
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let replayable = (caller + number) % 2 == 0;
                let id = format!("{caller}-{number}");
                let made = Call { id, replayable };
                let outcome = match call(made.clone()).await {
                    Ok(()) => {
                        answered.fetch_add(1, Ordering::Relaxed);
                        Outcome::Answered
                    }
                    Err(error) if error.sent() == Sent::No => {
                        Outcome::NotSent(format!("{error:?}"))
                    }
                    Err(error) => Outcome::MaybeSent(format!("{error:?}")),
                };
                told.send_replace(());
                outcomes.push((made, outcome));
            }
            outcomes
        });
    }

    for restart in 1..=RESTARTS + 1 {
        let enough = answered.load(Ordering::Relaxed) + ANSWERS_PER_LIFE + restart;
        let answers = async {
            while answered.load(Ordering::Relaxed) < enough {
                tick.changed().await.unwrap();
            }
        };
        let hangs = |_| panic!("no answers in life {restart}: {:?}", *rider.state.borrow());
        timeout(DEADLINE, answers).await.unwrap_or_else(hangs);
        if restart <= RESTARTS {
            server.kill();
            let lost = rider.state.wait_for(|state| !state.is_ready());
            timeout(DEADLINE, lost).await.unwrap().unwrap();
            server.start();
        }
    }
    over.store(true, Ordering::Relaxed);
    let outcomes = timeout(DEADLINE, callers.join_all()).await.unwrap();
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let state = rider.state.borrow().clone();
    assert!(
        matches!(state, State::Ready { epoch, .. } if epoch > RESTARTS as u64),
        "{state:?}"
    );
    ledger.compare(&outcomes, rider.replays.load(Ordering::Relaxed));
}
