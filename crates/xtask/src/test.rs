//! `cargo xtask test`: every test there is.
//!
//! It builds the programs first and tells the tests where they are; nothing
//! must be running already. It alters no line that a test prints.

use std::time::Duration;

use crate::cargo::{self, Workspace};
use crate::error::Error;
use crate::services;
use crate::step::Step;

/// Tells the tests where the binary `bowline` is.
const BOWLINE: &str = "BOWLINE_BIN";

/// Tells the tests where the binary `bowline-scenarios` is.
pub(crate) const SCENARIOS: &str = "BOWLINE_SCENARIOS_BIN";

/// How long one example may take. They are for reading: each does one small thing and ends.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// The worlds of the simulator, and a tenth of the seeds of a campaign.
const WORLDS: &[&str] = &["chat", "reconnect", "pool", "heartbeat"];
const SEEDS: &str = "0..100";

/// The steps; without services, what needs one is left out.
pub(crate) fn steps(no_services: bool) -> Vec<Step> {
    let services = if no_services { NO_SERVICES } else { SERVICES };
    [&[services], STEPS].concat()
}

const SERVICES: Step = Step {
    headline: "servers and tools of others",
    work: services::install,
};

const NO_SERVICES: Step = Step {
    headline: "without servers and tools of others",
    work: services::leave_out,
};

/// In the order in which a mistake is cheapest to find.
const STEPS: &[Step] = &[
    Step {
        headline: "build bowline",
        work: |workspace| workspace.build("bowline-cli", BOWLINE),
    },
    Step {
        headline: "build the simulator's scenarios",
        work: |workspace| workspace.build("bowline-scenarios", SCENARIOS),
    },
    Step {
        headline: "tests",
        work: |workspace| cargo::run(workspace.cargo(&["test", "--workspace"])),
    },
    Step {
        headline: "examples",
        work: examples,
    },
    Step {
        headline: "simulate every world, seeds 0..100",
        work: |workspace| {
            WORLDS.iter().try_for_each(|world| {
                let mut campaign = workspace.program(SCENARIOS);
                campaign.args(["run", "--quiet", "--world", world, "--seeds", SEEDS]);
                cargo::run(campaign)
            })
        },
    },
    Step {
        headline: "the same seed leaves the same trace, in two processes",
        work: |workspace| {
            let mut check = workspace.program(SCENARIOS);
            check.arg("check-determinism");
            cargo::run(check)
        },
    },
];

fn examples(workspace: &mut Workspace) -> Result<(), Error> {
    for example in workspace.examples()? {
        let source = example.source.strip_prefix(workspace.root());
        eprintln!("-- {}", source.unwrap_or(&example.source).display());
        cargo::run_within(std::process::Command::new(&example.path), EXAMPLE_LIMIT)?;
    }
    Ok(())
}
