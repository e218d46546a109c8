//! The real binary over real sockets: what people, scripts and scrapers see of it.
//!
//! Nothing here knows the code: only arguments, exit codes, lines on a pipe, the
//! protocol as it is documented, and signals. No test depends on how fast anything
//! is: each waits for what it expects to read, and [`DEADLINE`] only ends what hangs.

use std::process::Command;
use std::time::Duration;

mod hostile;
mod kill;
mod manners;
mod memory;
mod process;
mod raw;
mod record;
mod repeat;
mod server;
mod signals;
mod talker;
mod together;
mod transcript;

/// How long anything may take before a test gives up: far more than the slowest
/// machine needs, since it only ends what hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// How often what cannot be waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The room everybody is in unless told.
const ROOM: &str = "lobby";

/// The binary `bowline`, ready for arguments.
fn bowline() -> Command {
    let mut command = program("BOWLINE_BIN");
    // Whoever runs the tests may have asked for other lines, or for none.
    command.env_remove("BOWLINE_LOG");
    command
}

/// The binary whose path is in `variable`, ready for arguments.
fn program(variable: &str) -> Command {
    let path = std::env::var_os(variable);
    let path = path.unwrap_or_else(|| {
        panic!("{variable} names no binary: run `cargo xtask test`, which builds and names it")
    });
    Command::new(path)
}

/// Looks until there is something to see.
#[track_caller]
fn look_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looks = DEADLINE.as_millis() / LOOK_EVERY.as_millis();
    // Nobody sends: receiving is a wait with a bound.
    let (_sender, never) = std::sync::mpsc::channel::<()>();
    for _ in 0..looks {
        if let Some(seen) = look() {
            return seen;
        }
        never.recv_timeout(LOOK_EVERY).unwrap_err();
    }
    panic!("looked {looks} times for: {what}");
}
