//! `cargo xtask bench`: how fast we are beside others, measured in one run.
//!
//! It prints ratios and asserts nothing: no build depends on the speed of a machine.

use clap::ValueEnum;

use crate::cargo::{self, Workspace};
use crate::error::Error;
use crate::step::Step;

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Subject {
    /// The simulator: seeds per second of each world, and what the harness costs.
    Sim,
    /// The pool beside deadpool, bb8 and mobc: what a checkout costs, and what the peer bears.
    Pool,
    /// A call over a link that is up, beside the reconnecting services of tower and
    /// tower-resilience: what it adds in time and allocations.
    Call,
    /// A thousand idle links: bytes, CPU, and how soon a dead peer is noticed (needs root).
    Heartbeat,
}

impl Subject {
    pub(crate) fn steps(self) -> Vec<Step> {
        match self {
            Self::Sim => SIM.to_vec(),
            Self::Pool => POOL.to_vec(),
            Self::Call => CALL.to_vec(),
            Self::Heartbeat => HEARTBEAT.to_vec(),
        }
    }
}

const SIM: &[Step] = &[
    Step {
        headline: "the harness beside bare turmoil",
        work: |workspace| {
            cargo::run(workspace.cargo(&["bench", "--package", "bowline-sim", "--bench", "echo"]))
        },
    },
    Step {
        headline: "the worlds",
        work: |workspace| {
            cargo::run(workspace.cargo(&[
                "run",
                "--release",
                "--package",
                "bowline-scenarios",
                "--",
                "bench",
            ]))
        },
    },
];

/// The package that knows the rivals, which is a workspace of its own.
const RIVALS: &str = "tests/rivals/Cargo.toml";

const POOL: &[Step] = &[Step {
    headline: "the pool beside its rivals",
    work: |workspace| beside_rivals(workspace, "pool"),
}];

const CALL: &[Step] = &[Step {
    headline: "a call over a link beside its rivals",
    work: |workspace| beside_rivals(workspace, "call"),
}];

const HEARTBEAT: &[Step] = &[Step {
    headline: "a thousand idle links, Adaptive beside Fixed",
    work: |workspace| {
        cargo::run(workspace.cargo(&[
            "bench",
            "--package",
            "bowline-tests",
            "--bench",
            "heartbeat",
        ]))
    },
}];

/// Runs a program of the package that knows the rivals.
fn beside_rivals(workspace: &Workspace, program: &str) -> Result<(), Error> {
    cargo::run(workspace.cargo(&[
        "run",
        "--manifest-path",
        RIVALS,
        "--locked",
        "--release",
        "--bin",
        program,
    ]))
}
