//! A reconnect storm, ours beside those of others: `cargo xtask bench storm`.
//!
//! A thousand clients in four processes keep a connection each to one server. Its process is
//! killed, dials are refused for 20 s, then it listens again. Everything is simulated: nobody
//! waits for the machine, and times do not depend on it. Each kind of client meets the same plan
//! on the same network with the same seed, starts from the same delay and has the same cap.
//!
//! It prints a table, then whether ours does what it should, and fails where that is not so.
//! Rivals are set up as their documentation shows; nothing is asked of them.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod client;
mod contender;
mod diary;
mod figures;
mod owed;
mod page;
mod world;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bowline_link::BoxError;
use clap::Parser;

use contender::Contender;
use figures::Figures;

/// The delay that everybody starts from.
const BASE: Duration = Duration::from_secs(1);

/// The longest delay, in each library's own sense of it.
const CAP: Duration = Duration::from_secs(10);

/// What is played.
#[derive(Debug, Clone, Copy, Parser)]
#[command(
    name = "storm",
    about = "A reconnect storm, ours beside those of others"
)]
struct Options {
    /// How many seeds each kind of client meets.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// How many clients there are. What is asked of ours is meant for a thousand: a few make no
    /// steady second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    clients: u32,
}

fn main() -> ExitCode {
    match measure(Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the storm was not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Plays everything, prints it, and says whether ours does what it should.
fn measure(options: Options) -> Result<bool, BoxError> {
    let mut rows = Vec::new();
    for contender in &contender::ALL {
        rows.push((contender, play_seeds(contender, options)?));
    }
    println!("{}", page::intro(options.clients, options.seeds));
    println!("{}", page::table(&rows));
    let owed = owed::judge(&rows);
    println!("{}", page::verdicts(&owed));
    Ok(owed.iter().all(|owed| owed.is_reached))
}

/// What each seed came to, on every core.
fn play_seeds(contender: &Contender, options: Options) -> Result<Vec<Figures>, BoxError> {
    let seeds = Mutex::new(0..options.seeds);
    let next = || seeds.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut played = Vec::new();
        while let Some(seed) = next() {
            let storm = world::play(contender, seed, options.clients)
                .map_err(|error| format!("{}, seed {seed}: {error}", contender.name))?;
            played.push(Figures::of(&storm));
        }
        Ok::<_, BoxError>(played)
    };
    let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let played = workers.into_iter().map(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err("a worker panicked".into()))
        });
        let played: Result<Vec<_>, BoxError> = played.collect();
        Ok(played?.into_iter().flatten().collect())
    })
}
