//! Links of ours to a peer that is a process of its own, over real sockets: it is stopped,
//! killed, started again, hangs up at once or accepts nobody. The peer writes down whom it
//! accepted and what it heard before it answers, so that what became of each request is known
//! whatever its caller was told.
//!
//! No test depends on how fast anything is: what is judged is what happened, in which order and
//! how often, and the waits that a link chose. [`DEADLINE`] only ends what hangs.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Connect, Endpoint, tcp};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::endpoints::{self, Choice, Settings};
use bowline_policy::heartbeat::Fixed;
use bowline_reconnect::{Builder, Error, Established, Reconnect, Resumption, SharedError, State};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

mod dropped;
mod fleet;
mod held;
mod killed;
mod load;
mod log;
mod process;
mod seen;
mod serving;
mod session;
mod stopped;
mod subscribed;
mod unresolved;
mod untrusted;

use process::Peer;
use seen::Seen;
use session::{Session, Tally};

/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(120);

/// The first wait of a link at most, and the longest.
const BASE: Duration = Duration::from_millis(200);
const CAP: Duration = Duration::from_secs(2);

/// A link under test, and all there is to know about it on our side.
struct Rig {
    link: Reconnect<Session>,
    seen: Arc<Seen>,
    tally: Arc<Tally>,
}

/// Runs `test` on sockets, threads and time that are real.
#[track_caller]
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async { timeout(DEADLINE, test).await });
    assert!(ended.is_ok(), "still going after {DEADLINE:?}");
}

/// Waits until `holds`.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(5)).await;
    }
}

fn schedule() -> Schedule {
    Schedule::exponential(BASE, CAP).unwrap()
}

/// One that notices only what a machine under load is not: for tests of other things.
fn patient() -> Fixed {
    Fixed::new(Duration::from_secs(30), Duration::from_secs(10), 3).unwrap()
}

/// A link that calls these, in order, with what `connect` opens, and says hello.
fn begin(
    connect: impl Connect<Connection = Established<Session>>,
    endpoints: &[Endpoint],
    maker: &Maker,
) -> (Builder<Session>, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let targets = Targets::new(endpoints.iter().cloned().map(Target::new)).unwrap();
    let sets = endpoints::Maker::new(Settings::new(Choice::Ordered), 1);
    let builder = Reconnect::builder(connect, endpoints[0].clone(), maker)
        .endpoints(&targets, &sets)
        .unwrap()
        .observer(seen.clone())
        .on_session(|session, _| hello(session));
    (builder, seen)
}

async fn hello(session: Session) -> Result<Resumption, BoxError> {
    let answer = session.oneshot("hello".to_owned()).await?;
    match answer.as_str() {
        "welcome" => Ok(Resumption::Fresh),
        answer => Err(format!("welcomed with {answer:?}").into()),
    }
}

/// Such a link to peers over TCP, running.
fn rig(
    peers: &[&Peer],
    heartbeat: Fixed,
    set: impl FnOnce(Builder<Session>) -> Builder<Session>,
) -> Rig {
    let endpoints: Vec<_> = peers.iter().map(|peer| peer.endpoint()).collect();
    let tally = Arc::new(Tally::default());
    let connect = session::over(tcp::Dialer::new(), &tally, heartbeat);
    rig_over(connect, &endpoints, tally, set)
}

/// The same over anything.
fn rig_over(
    connect: impl Connect<Connection = Established<Session>>,
    endpoints: &[Endpoint],
    tally: Arc<Tally>,
    set: impl FnOnce(Builder<Session>) -> Builder<Session>,
) -> Rig {
    let (builder, seen) = begin(connect, endpoints, &Maker::new(schedule(), 1));
    let link = set(builder).build();
    Rig { link, seen, tally }
}

// === impl Rig ===

impl Rig {
    /// Waits until the link waits before this attempt or a later one, and says why.
    async fn waiting(&self, before: u32) -> SharedError {
        let mut state = self.link.state();
        let waits =
            |state: &State| matches!(state, State::Backoff { attempt, .. } if *attempt >= before);
        let state = state.wait_for(waits).await.expect("the link is ours");
        match &*state {
            State::Backoff { error, .. } => Arc::clone(error),
            state => unreachable!("waited for Backoff, not {state:?}"),
        }
    }

    /// Waits until calls pass on a later connection than `epoch`, and says on which.
    async fn up_after(&self, epoch: u64) -> u64 {
        let mut state = self.link.state();
        let later =
            |state: &State| matches!(state, State::Ready { epoch: now, .. } if *now > epoch);
        let state = state.wait_for(later).await.expect("the link is ours");
        match &*state {
            State::Ready { epoch, .. } => *epoch,
            state => unreachable!("waited for Ready, not {state:?}"),
        }
    }

    async fn call(&self, line: &str) -> Result<String, Error> {
        self.link.clone().oneshot(line.to_owned()).await
    }
}
