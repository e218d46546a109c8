//! The pool against a real redis-server, which each test starts, and which is then killed,
//! stopped or told to hang up. The sessions, and how they are connected, are those of the
//! pool's example: what people copy is what is tested.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bowline_policy::Observe;
use bowline_policy::backoff::Schedule;
use bowline_pool::{CloseReason, Event, Settings};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

mod answers;
mod cancelled;
#[path = "../../crates/bowline-pool/examples/redis.rs"]
#[expect(dead_code, reason = "only its `main` is not called")]
mod example;
mod load;
mod parked;
mod restarted;
mod server;

/// How long anything may take before a test gives up: it only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long a caller waits for a session, and a session for an answer: long for a machine
/// that is busy, short enough to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `test` on sockets, threads and time that are real.
#[track_caller]
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async { timeout(DEADLINE, test).await });
    assert!(ended.is_ok(), "still going after {DEADLINE:?}");
}

/// Waits until `holds`.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    while !holds().await {
        sleep(Duration::from_millis(5)).await;
    }
}

fn settings(max: usize) -> Settings {
    let schedule =
        Schedule::exponential(Duration::from_millis(10), Duration::from_millis(200)).unwrap();
    let settings = Settings::new(max, 1).unwrap().backoff(schedule);
    let settings = settings.wait(PATIENCE).unwrap();
    let settings = settings.connect_limit(PATIENCE).unwrap();
    settings.check_limit(PATIENCE).unwrap()
}

/// Everything a pool told.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Event>>);

// === impl Seen ===

impl Seen {
    fn opened(&self) -> usize {
        self.count(|event| matches!(event, Event::Opened { .. }))
    }

    fn dials_failed(&self) -> usize {
        self.count(|event| matches!(event, Event::DialFailed { .. }))
    }

    /// Why sessions were closed, in order.
    fn closed(&self) -> Vec<CloseReason> {
        let reasons = self.events();
        let reasons = reasons.iter().filter_map(|event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }

    fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events().iter().filter(|event| like(event)).count()
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.0.lock().unwrap()
    }
}

impl Observe<Event> for Seen {
    fn observe(&self, event: &Event) {
        self.events().push(event.clone());
    }
}
