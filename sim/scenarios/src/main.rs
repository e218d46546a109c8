//! Runs worlds: `run --world chat --seed N`, or `--seeds A..B`.
//!
//! It prints a verdict and a trace hash for each seed and how to replay it, and
//! exits with 1 when a check failed.

use std::io::{self, Write};
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

use bowline_scenarios::chat;
use bowline_sim::scenario::{Outcome, Play};
use clap::{Parser, Subcommand, ValueEnum};

/// Worlds, workloads and checks under a deterministic simulator.
#[derive(Debug, Parser)]
#[command(name = "bowline-scenarios", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays seeds and prints what became of them.
    Run {
        /// Which world.
        #[arg(long)]
        world: WorldName,
        /// One seed.
        #[arg(long, conflicts_with = "seeds", required_unless_present = "seeds")]
        seed: Option<u64>,
        /// Many seeds: the first, and the one after the last.
        #[arg(long, value_name = "A..B", value_parser = seeds)]
        seeds: Option<Range<u64>>,
        /// Print the plan and everything that happened.
        #[arg(long)]
        verbose: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WorldName {
    /// A server, five people, every misery.
    Chat,
}

fn main() -> ExitCode {
    let Arguments {
        command:
            Command::Run {
                world: WorldName::Chat,
                seed,
                seeds,
                verbose,
            },
    } = Arguments::parse();
    let seeds = seeds.or(seed.map(|seed| seed..seed + 1));
    match seeds.map(|seeds| campaign(seeds, verbose)) {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) | None => ExitCode::FAILURE,
        // The reader of the output has gone; nobody is left to tell.
        Some(Err(_)) => ExitCode::FAILURE,
    }
}

/// Plays `seeds` on every core and says whether all were good.
fn campaign(seeds: Range<u64>, verbose: bool) -> io::Result<bool> {
    let begun = now();
    let count = seeds.end - seeds.start;
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (done, results) = mpsc::channel();
    let out = Mutex::new(io::stdout());
    let failed = std::thread::scope(|scope| {
        for _ in 0..workers {
            let (next, seeds, done) = (&next, &seeds, done.clone());
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    // A closed channel means that printing failed; then nobody listens.
                    if done
                        .send((seed, chat::scenario(None).play_seed(seed)))
                        .is_err()
                    {
                        break;
                    }
                }
            });
        }
        drop(done);
        let mut failed = Vec::new();
        for (seed, outcome) in results {
            if !outcome.is_good() {
                failed.push(seed);
            }
            let mut out = out.lock().expect("only this thread prints");
            print(&mut *out, &outcome, verbose)?;
            if verbose || count == 1 || !outcome.is_good() {
                writeln!(out, "  replay: {}", replay(seed))?;
            }
        }
        Ok::<_, io::Error>(failed)
    })?;
    let mut out = out.into_inner().expect("only this thread printed");
    let seconds = (now() - begun).as_secs_f64();
    writeln!(
        out,
        "world chat: {} of {count} seeds kept every promise, in {seconds:.1} s ({:.1} seeds/s)",
        count - failed.len() as u64,
        count as f64 / seconds.max(0.001),
    )?;
    for seed in &failed {
        writeln!(out, "failed: {}", replay(*seed))?;
    }
    Ok(failed.is_empty())
}

fn print(out: &mut impl Write, outcome: &Outcome, verbose: bool) -> io::Result<()> {
    if verbose {
        for (index, step) in outcome.plan.steps.iter().enumerate() {
            writeln!(out, "  step {index}: {step:?}")?;
        }
        for record in outcome.history.records() {
            writeln!(out, "  {record}")?;
        }
    }
    writeln!(out, "{outcome}")
}

fn replay(seed: u64) -> String {
    format!("cargo run --release -p bowline-scenarios -- run --world chat --seed {seed}")
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parse = |number: &str| {
        number
            .trim()
            .parse::<u64>()
            .map_err(|error| error.to_string())
    };
    let (first, end) = text
        .split_once("..")
        .ok_or_else(|| format!("{text:?} is not A..B"))?;
    let range = parse(first)?..parse(end)?;
    if range.is_empty() {
        return Err(format!("{text:?} holds no seed"));
    }
    Ok(range)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a campaign takes is told to a person; no seed sees it"
)]
fn now() -> Instant {
    Instant::now()
}
