//! How soon a dead peer is noticed on a real kernel, with a peer that is not ours: redis.
//!
//! Times are printed beside their bounds and not judged, since they are the machine's too;
//! what is judged is who noticed, and that nobody gave up early. [`DEADLINE`] only ends what
//! hangs. `cargo test -p bowline-tests linux -- --nocapture` shows the table.
#![expect(clippy::print_stdout, reason = "the measured times are for people")]

use std::time::Duration;

use bowline_policy::heartbeat::Fixed;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::namespace::Namespace;
use crate::services;

mod redis;
mod stopped;
mod unplugged;

/// How long anything may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(120);

/// Dead after two seconds at most, so that a person can watch.
fn heartbeat() -> Fixed {
    Fixed::new(Duration::from_secs(1), Duration::from_millis(500), 2).unwrap()
}

/// Runs `test` on sockets and time that are real.
#[track_caller]
fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async { timeout(DEADLINE, test).await });
    assert!(ended.is_ok(), "still going after {DEADLINE:?}");
}

/// A network namespace; `None`, after a word about it, where there can be none.
fn namespace(nth: u32) -> Option<Namespace> {
    services::program("ip", "iproute2")?;
    match Namespace::make(nth) {
        Ok(made) => Some(made),
        Err(error) => {
            println!("skipped: a network namespace needs root: {error}");
            None
        }
    }
}

/// Prints one row of the table, and judges that nobody gave up early.
#[track_caller]
fn noticed(what: &str, by: &str, after: Duration, bound: Duration, least: Duration) {
    println!("{what:<42} {by:<22} {after:>8.2?}  bound {bound:.2?}");
    assert!(
        after >= least,
        "{what}: given up after {after:?}, before {least:?}"
    );
}
