//! What a person asks of a scenario from outside its source: one seed, or one plan.

use std::env;
use std::path::PathBuf;

use super::{NotPlayed, Play};
use crate::{Plan, Topology};

/// Plays this seed and no other.
const SEED: &str = "SIM_SEED";

/// Plays the plan in this file, and no other.
const PLAN: &str = "SIM_PLAN";

#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    Nothing,
    Seed(u64),
    Plan(Box<Plan>),
}

/// What the environment asks of `scenario`. A plan says more than a seed, and wins.
pub(super) fn asked(scenario: &dyn Play) -> Result<Asked, NotPlayed> {
    if let Some(path) = env::var_os(PLAN).map(PathBuf::from) {
        return plan(path, &scenario.plan_of(0).topology).map(|plan| Asked::Plan(Box::new(plan)));
    }
    match env::var_os(SEED) {
        Some(value) => seed(&value.to_string_lossy()).map(Asked::Seed),
        None => Ok(Asked::Nothing),
    }
}

fn seed(value: &str) -> Result<u64, NotPlayed> {
    value.trim().parse().map_err(|_| NotPlayed::Seed {
        value: value.to_owned(),
    })
}

fn plan(path: PathBuf, topology: &Topology) -> Result<Plan, NotPlayed> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(NotPlayed::Unreadable { path, source }),
    };
    let plan = match Plan::from_json(&text) {
        Ok(plan) => plan,
        Err(source) => return Err(NotPlayed::NoPlan { path, source }),
    };
    if plan.topology != *topology {
        return Err(NotPlayed::OtherWorld {
            path,
            theirs: written(&plan.topology),
            ours: written(topology),
        });
    }
    Ok(plan)
}

fn written(topology: &Topology) -> String {
    serde_json::to_string(topology).expect("names and numbers can be written")
}
