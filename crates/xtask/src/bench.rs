//! `cargo xtask bench`: how fast we are beside others, measured in one run.
//!
//! It prints ratios and asserts nothing: no build depends on the speed of a machine.

use clap::ValueEnum;

use crate::cargo;
use crate::step::Step;

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Subject {
    /// The simulator: seeds per second of each world, and what the harness costs.
    Sim,
    /// A thousand idle links: bytes, CPU, and how soon a dead peer is noticed (needs root).
    Heartbeat,
}

impl Subject {
    pub(crate) fn steps(self) -> Vec<Step> {
        match self {
            Self::Sim => SIM.to_vec(),
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
