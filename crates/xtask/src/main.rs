//! One entry for the chores, so that a person and the build server type the same.
//!
//! It runs other programs and reads their exit codes; it depends on nothing of
//! ours and decides nothing that `cargo` can decide.
#![expect(
    clippy::print_stderr,
    reason = "headlines go where cargo's own do, so that standard output stays the tests'"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod audit;
mod bench;
mod cargo;
mod ci;
mod conformance;
mod error;
mod fuzz;
mod services;
mod step;
mod test;

use crate::cargo::Workspace;
use crate::error::Error;
use crate::step::Step;

/// The chores of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Chore {
    /// Everything a change must pass: format, lints, tests, docs, dependencies.
    Ci,
    /// Every test: unit, documentation and system tests, the examples, and a short campaign of the simulator.
    Test {
        /// Leaves out what needs a real server or tool of others, and says so.
        #[arg(long)]
        no_services: bool,
    },
    /// Looks our dependencies up in the database of security advisories (needs the network).
    Audit,
    /// Measures us beside others and prints ratios.
    Bench {
        /// What to measure.
        subject: bench::Subject,
    },
    /// Judges ours and those of others by the same laws, and writes docs/conformance.md.
    Conformance,
    /// Fuzzes every codec, or one; fails on a finding, which it leaves in fuzz/artifacts.
    Fuzz {
        /// Only this one.
        target: Option<fuzz::Target>,
        /// How long each runs.
        #[arg(long, default_value_t = fuzz::SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
}

impl Chore {
    fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Test { .. } => "test",
            Self::Audit => "audit",
            Self::Bench { .. } => "bench",
            Self::Conformance => "conformance",
            Self::Fuzz { .. } => "fuzz",
        }
    }

    fn run(self, workspace: &mut Workspace) -> Result<(), Error> {
        let steps: Vec<Step> = match self {
            Self::Ci => ci::steps(),
            Self::Test { no_services } => test::steps(no_services),
            Self::Audit => audit::STEPS.to_vec(),
            Self::Bench { subject } => subject.steps(),
            Self::Conformance => conformance::STEPS.to_vec(),
            Self::Fuzz { target, seconds } => return fuzz::run(workspace, seconds, target),
        };
        step::run_all(&steps, workspace, &mut |line| eprintln!("{line}"))
    }
}

fn main() -> ExitCode {
    let chore = Arguments::parse().chore;
    let outcome = Workspace::find().and_then(|mut workspace| chore.run(&mut workspace));
    match outcome {
        Ok(()) => {
            eprintln!("\n== {}: passed", chore.name());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("\n== {}: FAILED: {}", chore.name(), error::chain(&error));
            ExitCode::FAILURE
        }
    }
}
