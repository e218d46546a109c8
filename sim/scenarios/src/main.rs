//! Plays worlds by seed: `run`, `plan`, `check-determinism`, `tape`, `bench`.
//!
//! It judges nothing itself: a verdict is the world's checks'. It exits with 1 when a
//! seed failed and with 2 when it was asked for something it cannot do.
#![expect(
    clippy::print_stderr,
    reason = "a person's mistake is told to the person"
)]

use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use bowline_scenarios::World;
use bowline_sim::Plan;
use bowline_sim::determinism::{self, Tape};
use bowline_sim::scenario::{Outcome, play_all, play_plan};
use clap::{Args, Parser, Subcommand};

mod bench;

/// Worlds, workloads and checks under a deterministic simulator.
#[derive(Debug, Parser)]
#[command(name = "bowline-scenarios", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Plays seeds, or a plan, and prints what became of them.
    Run {
        #[command(flatten)]
        world: Which,
        #[command(flatten)]
        what: What,
        /// Print the plan and everything that happened.
        #[arg(long)]
        verbose: bool,
        /// Print only the seeds that failed, and the verdict.
        #[arg(long, conflicts_with = "verbose")]
        quiet: bool,
    },
    /// Prints the plan that a seed draws, to be edited and played by `run --plan`.
    Plan {
        #[command(flatten)]
        world: Which,
        /// The seed.
        #[arg(long)]
        seed: u64,
    },
    /// Plays each seed twice here and once in another process, and shows the first event
    /// that differs if one does.
    CheckDeterminism {
        /// Which world; all of them if none is named.
        #[arg(long, value_enum)]
        world: Option<World>,
        /// The first seed, and the one after the last.
        #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..20")]
        seeds: Range<u64>,
    },
    /// Prints everything that happens in a seed, event by event.
    Tape {
        #[command(flatten)]
        world: Which,
        /// The seed.
        #[arg(long)]
        seed: u64,
    },
    /// Prints how many seeds of each world are played in a second.
    Bench {
        /// How many seeds of each.
        #[arg(long, default_value_t = 100)]
        count: u64,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// Which world.
    #[arg(long, value_enum)]
    world: World,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// One seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Many seeds: the first, and the one after the last.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// A plan in a file, as JSON.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

/// How much of each run is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Failures,
    Verdicts,
    Everything,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Run {
            world,
            what,
            verbose,
            quiet,
        } => {
            let detail = match (verbose, quiet) {
                (true, _) => Detail::Everything,
                (false, true) => Detail::Failures,
                (false, false) => Detail::Verdicts,
            };
            run(world.world, what, detail)
        }
        Verb::Plan { world, seed } => {
            let plan = world.world.scenario().plan_of(seed);
            writeln!(io::stdout(), "{}", plan.to_json())
                .map(|()| true)
                .map_err(Stop::from)
        }
        Verb::CheckDeterminism { world, seeds } => check_determinism(world, &seeds),
        Verb::Tape { world, seed } => {
            let scenario = world.world.scenario();
            let tape = Tape::record(&*scenario, scenario.plan_of(seed));
            tape.write_to(&mut io::stdout().lock())
                .map(|()| true)
                .map_err(Stop::from)
        }
        Verb::Bench { count } => bench::run(count).map_err(Stop::from),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Err(Stop::Asked(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
        // Where output fails its reader has gone, and nobody is left to tell.
        Ok(false) | Err(Stop::Output) => ExitCode::FAILURE,
    }
}

/// Why nothing was played to its end.
#[derive(Debug)]
enum Stop {
    /// It was asked for what it cannot do.
    Asked(String),
    /// What it prints goes nowhere.
    Output,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Output
    }
}

/// Plays `what` and says whether all of it was good.
fn run(world: World, what: What, detail: Detail) -> Result<bool, Stop> {
    let scenario = world.scenario();
    let again = Again {
        world,
        plan: what.plan.clone(),
    };
    let mut printed = Ok(());
    let mut each = |outcome: &Outcome| {
        if printed.is_ok() {
            printed = print(&again, outcome, detail);
        }
    };
    let campaign = match (what.seed, what.seeds, &what.plan) {
        (Some(seed), _, _) => play_plan(&*scenario, scenario.plan_of(seed), &mut each),
        (_, Some(seeds), _) => play_all(&*scenario, seeds, &mut each),
        (_, _, Some(path)) => match Plan::read(path, &scenario.plan_of(0).topology) {
            Ok(plan) => play_plan(&*scenario, plan, &mut each),
            Err(error) => return Err(Stop::Asked(told(&error))),
        },
        (None, None, None) => unreachable!("one of the group is required"),
    };
    printed?;
    if let Some(Err(error)) = campaign.failures.first().map(|outcome| &outcome.end)
        && error.is_refusal()
    {
        return Err(Stop::Asked(told(error)));
    }
    let mut out = io::stdout().lock();
    let bound = scenario.live_within().as_secs_f64();
    writeln!(out, "{}, of {bound:.1} s allowed", campaign.verdict_line())?;
    for failure in &campaign.failures {
        writeln!(out, "failed: {}", again.line(failure.plan.seed))?;
    }
    Ok(campaign.failed == 0)
}

fn print(again: &Again, outcome: &Outcome, detail: Detail) -> io::Result<()> {
    if detail == Detail::Failures && outcome.is_good() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    if detail == Detail::Everything {
        for (index, step) in outcome.plan.steps.iter().enumerate() {
            writeln!(out, "  step {index}: {step}")?;
        }
        for record in outcome.history.records() {
            writeln!(out, "  {record}")?;
        }
    }
    writeln!(out, "{outcome}")?;
    if detail == Detail::Everything || !outcome.is_good() {
        writeln!(out, "  again: {}", again.line(outcome.plan.seed))?;
    }
    Ok(())
}

/// What to type to see a run again.
struct Again {
    world: World,
    /// The file whose plan it was, where it was one.
    plan: Option<PathBuf>,
}

impl Again {
    fn line(&self, seed: u64) -> String {
        let run = "cargo run --release -p bowline-scenarios -- run --world";
        let world = self.world;
        match &self.plan {
            None => format!("{run} {world} --seed {seed}"),
            Some(path) => format!("{run} {world} --plan {}", path.display()),
        }
    }
}

fn check_determinism(world: Option<World>, seeds: &Range<u64>) -> Result<bool, Stop> {
    let here = std::env::current_exe()?;
    let mut good = true;
    for world in World::ALL
        .into_iter()
        .filter(|one| world.is_none_or(|world| world == *one))
    {
        let scenario = world.scenario();
        let elsewhere = |seed: u64| {
            let mut command = Command::new(&here);
            let name = world.to_string();
            command.args(["tape", "--world", &name, "--seed", &seed.to_string()]);
            command
        };
        let mut events = 0;
        let checked = determinism::check(&*scenario, seeds.clone(), elsewhere, |_, count| {
            events += count;
        });
        let mut out = io::stdout().lock();
        match checked {
            Ok(()) => writeln!(
                out,
                "world {world}: {events} events in {} seeds, the same twice in this process and \
                 once in another",
                seeds.end - seeds.start,
            )?,
            Err(error) => {
                good = false;
                writeln!(out, "world {world}: {}", told(&error))?;
            }
        }
    }
    Ok(good)
}

fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let parse = |number: &str| {
        let number = number.trim().parse::<u64>();
        number.map_err(|error| error.to_string())
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
