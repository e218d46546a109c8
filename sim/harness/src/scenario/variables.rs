//! What a person asks of a scenario from outside its source: one seed, or one plan.

use std::env;
use std::path::PathBuf;

use super::{NotPlayed, Play};
use crate::Plan;

/// Plays this seed and no other.
const SEED: &str = "SIM_SEED";

/// Plays the plan in this file, and no other.
const PLAN: &str = "SIM_PLAN";

#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    Nothing,
    Seed(u64),
    Plan(PathBuf, Box<Plan>),
}

/// What the environment asks of `scenario`. A plan says more than a seed, and wins.
pub(super) fn asked(scenario: &dyn Play) -> Result<Asked, NotPlayed> {
    if let Some(path) = env::var_os(PLAN).map(PathBuf::from) {
        let plan = Plan::read(&path, &scenario.plan_of(0).topology)?;
        return Ok(Asked::Plan(path, Box::new(plan)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_number_and_anything_else_is_named() {
        assert_eq!(seed(" 17 ").unwrap(), 17);
        let error = seed("seventeen").unwrap_err();
        assert!(error.to_string().contains("\"seventeen\""), "{error}");
    }
}
