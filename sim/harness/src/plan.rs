//! Hardship as data: which fault strikes whom, when and for how long.
//!
//! A plan that cannot be carried out to the letter is refused; nothing in it is skipped.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::fault::SHORTEST_MS;
use crate::{Fault, Topology};

mod draw;
mod file;
mod invalid;
mod read;

pub use crate::fault::{LARGEST, SHORTEST};
pub use draw::Shape;
pub use file::FileError;
pub use invalid::Invalid;
pub use read::ReadError;

/// A timed list of faults; in JSON the whole of what a run needs to be repeated.
///
/// Made from its parts, or by serde alone, it may be nonsense: [`validate`](Self::validate)
/// tells. What [`from_json`](Self::from_json) reads and [`draw`](Self::draw) draws is valid.
///
/// ```
/// use bowline_sim::{Fault, Plan};
///
/// let plan = Plan::from_json(
///     r#"{
///         "seed": 7,
///         "topology": {"end_ms": 9000, "hosts": {"server": [], "clients": ["ann", "bob"]}},
///         "steps": [{"at_ms": 1200, "for_ms": 800, "target": "server", "fault": "crash"}]
///     }"#,
/// )?;
/// assert_eq!(plan.steps[0].fault, Fault::Crash);
/// # Ok::<(), bowline_sim::plan::ReadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    title = "Fault plan",
    description = "A timed list of faults: the whole of what a simulated run needs to be repeated."
)]
pub struct Plan {
    /// The seed of the world it was drawn for.
    pub seed: u64,
    /// Who is in that world.
    pub topology: Topology,
    /// What happens, in any order.
    pub steps: Vec<Step>,
}

/// One fault: what, to whom, when.
///
/// The undoing is part of the step, so that every subset of a plan is a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it begins, in simulated milliseconds.
    pub at_ms: u64,
    /// How long it lasts, at least [`SHORTEST`]; left out for an instant fault, and for one
    /// that is never lifted: whom that strikes is not of the plan's [`core`](Plan::core).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        range(min = SHORTEST_MS),
        description = "How long it lasts, in milliseconds; left out for an instant fault, and \
                       for one that is never lifted."
    )]
    pub for_ms: Option<u64>,
    /// The node or host it strikes.
    pub target: String,
    /// What it is.
    pub fault: Fault,
}

// === impl Plan ===

impl Plan {
    /// The plan in which nothing goes wrong.
    pub fn calm(seed: u64, topology: Topology) -> Self {
        Self {
            seed,
            topology,
            steps: Vec::new(),
        }
    }

    /// Draws a plan from the seed's own plan stream.
    ///
    /// It is valid on `topology`. It may have fewer steps than `shape` asks for: where one
    /// fits nowhere after a bounded number of draws, it is left out.
    pub fn draw(seed: u64, topology: &Topology, shape: &Shape) -> Self {
        draw::draw(seed, topology, shape)
    }

    /// The nodes that no fault strikes for ever: those that are owed recovery, in the order
    /// of their names.
    pub fn core(&self) -> impl Iterator<Item = &str> {
        let lasting = self.steps.iter().filter(|step| step.is_never_lifted());
        let struck: Vec<_> = lasting.map(|step| &*step.target).collect();
        self.topology.all_nodes().filter(move |node| {
            let home = self.topology.host_of(node);
            !struck
                .iter()
                .any(|target| target == node || Some(*target) == home)
        })
    }

    /// Reads a plan and validates it.
    ///
    /// # Errors
    ///
    /// Where in the text it is no JSON; which step cannot be read, and what would be known
    /// there; or which step cannot be carried out.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        read::from_json(text)
    }

    /// As [`from_json`](Self::from_json) reads it, indented for people.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan is made of numbers and names")
    }

    /// The JSON schema of a plan, for editors and for those who write plans by program.
    ///
    /// It takes what [`to_json`](Self::to_json) writes. A plan that it takes may still not
    /// fit: no schema knows who is in the topology or which steps overlap.
    pub fn schema() -> serde_json::Value {
        let generator = SchemaGenerator::default();
        generator.into_root_schema_for::<Self>().to_value()
    }

    /// Checks that every step can be carried out.
    ///
    /// # Errors
    ///
    /// The first step that cannot, and why.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (index, step) in self.steps.iter().enumerate() {
            step.check(index, &self.topology)?;
            let earlier = &self.steps[..index];
            if let Some(other) = earlier
                .iter()
                .position(|other| step.overlaps(other, &self.topology))
            {
                return Err(Invalid::Overlap {
                    step: index,
                    fault: step.fault,
                    target: step.target.clone(),
                    other,
                    other_fault: self.steps[other].fault,
                });
            }
        }
        Ok(())
    }
}

// === impl Step ===

impl Step {
    /// When it begins.
    pub fn begins(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// When it is lifted, or `None` where nothing is: it took no time, or lasts for ever.
    pub fn ends(&self) -> Option<Duration> {
        self.for_ms
            .map(|for_ms| Duration::from_millis(self.at_ms.saturating_add(for_ms)))
    }

    /// Whether it holds its target to the end of the run.
    pub fn is_never_lifted(&self) -> bool {
        self.for_ms.is_none() && !self.fault.is_instant()
    }

    fn ends_ms(&self) -> u64 {
        match self.for_ms {
            Some(for_ms) => self.at_ms.saturating_add(for_ms),
            None if self.fault.is_instant() => self.at_ms,
            None => u64::MAX,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            at_ms,
            fault,
            ..
        } = self;
        write!(f, "at {at_ms} ms {target}: {fault}")?;
        match self.for_ms {
            Some(for_ms) => write!(f, " for {for_ms} ms"),
            None if self.is_never_lifted() => f.write_str(" for good"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
