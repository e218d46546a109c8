//! Hardship as data: which fault strikes whom, when and for how long.
//!
//! A plan that cannot be carried out to the letter is refused; nothing in it is skipped.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Fault, Topology};

mod draw;
mod file;

pub use draw::Shape;
pub use file::FileError;

/// The shortest time a fault that lasts may last: shorter ones could begin and end
/// between two looks at the clock.
pub const SHORTEST: Duration = Duration::from_millis(10);

/// A timed list of faults; in JSON the whole of what a run needs to be repeated.
///
/// ```
/// use bowline_sim::{Fault, Plan};
///
/// let plan: Plan = serde_json::from_str(
///     r#"{
///         "seed": 7,
///         "topology": {"end_ms": 9000, "hosts": {"server": [], "clients": ["ann", "bob"]}},
///         "steps": [{"at_ms": 1200, "for_ms": 800, "target": "server", "fault": "crash"}]
///     }"#,
/// )?;
/// assert_eq!(plan.steps[0].fault, Fault::Crash);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it begins, in simulated milliseconds.
    pub at_ms: u64,
    /// How long it lasts, at least [`SHORTEST`]; left out for an instant fault, and for one
    /// that is never lifted: whom that strikes is not of the plan's [`core`](Plan::core).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
    /// The node or host it strikes.
    pub target: String,
    /// What it is.
    pub fault: Fault,
}

/// Why a plan cannot be carried out, and which of its steps, counted from zero, is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Nobody has that name.
    #[error("step {step}: there is no node named {target:?}")]
    UnknownTarget {
        /// The step.
        step: usize,
        /// Whom it names.
        target: String,
    },
    /// Only a host has software to stop.
    #[error("step {step}: {fault} needs a host, and {target:?} is only a node on one")]
    NotAHost {
        /// The step.
        step: usize,
        /// Whom it names.
        target: String,
        /// What should happen to it.
        fault: Fault,
    },
    /// It lasts past the end of the world's faults.
    #[error("step {step}: it ends at {ends_ms} ms, after the last fault may, at {end_ms} ms")]
    PastEnd {
        /// The step.
        step: usize,
        /// When it ends.
        ends_ms: u64,
        /// When faults are over.
        end_ms: u64,
    },
    /// It would be over before anybody could notice.
    #[error("step {step}: {fault} for {for_ms} ms is shorter than {} ms", SHORTEST.as_millis())]
    TooShort {
        /// The step.
        step: usize,
        /// What should happen.
        fault: Fault,
        /// How long it lasts.
        for_ms: u64,
    },
    /// A fault that happens at once was given a duration.
    #[error("step {step}: {fault} happens at once and cannot last {for_ms} ms")]
    CannotLast {
        /// The step.
        step: usize,
        /// What should happen.
        fault: Fault,
        /// How long it should last.
        for_ms: u64,
    },
    /// Two faults of a kind strike one target at the same time.
    #[error("step {step}: it overlaps step {other}, of the same kind on the same target")]
    Overlap {
        /// The later in the list.
        step: usize,
        /// The earlier in the list.
        other: usize,
    },
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

    /// Checks that every step can be carried out.
    ///
    /// # Errors
    ///
    /// The first step that cannot, and why.
    pub fn validate(&self) -> Result<(), Invalid> {
        for (index, step) in self.steps.iter().enumerate() {
            step.validate(index, &self.topology)?;
            let clash = self.steps[..index]
                .iter()
                .position(|other| step.overlaps(other));
            if let Some(other) = clash {
                return Err(Invalid::Overlap { step: index, other });
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

    fn validate(&self, step: usize, topology: &Topology) -> Result<(), Invalid> {
        let fault = self.fault;
        let for_ms = self.for_ms;
        let target = &self.target;
        if topology.host_of(target).is_none() {
            let target = target.clone();
            return Err(Invalid::UnknownTarget { step, target });
        }
        if fault.needs_host() && !topology.is_host(target) {
            let target = target.clone();
            return Err(Invalid::NotAHost {
                step,
                target,
                fault,
            });
        }
        match for_ms {
            Some(for_ms) if fault.is_instant() => {
                return Err(Invalid::CannotLast {
                    step,
                    fault,
                    for_ms,
                });
            }
            Some(for_ms) if Duration::from_millis(for_ms) < SHORTEST => {
                return Err(Invalid::TooShort {
                    step,
                    fault,
                    for_ms,
                });
            }
            Some(_) | None => {}
        }
        let last_ms = for_ms.map_or(self.at_ms, |_| self.ends_ms());
        let end_ms = topology.end_ms();
        if last_ms > end_ms {
            return Err(Invalid::PastEnd {
                step,
                ends_ms: last_ms,
                end_ms,
            });
        }
        Ok(())
    }

    fn overlaps(&self, other: &Self) -> bool {
        let together = self.at_ms == other.at_ms
            || (self.at_ms < other.ends_ms() && other.at_ms < self.ends_ms());
        together && self.target == other.target && self.fault.collides_with(other.fault)
    }
}

#[cfg(test)]
mod tests;

// STUB
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
/// Why not.
pub struct ReadError(serde_json::Error);
impl Plan {
    /// Reads a plan.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        serde_json::from_str(text).map_err(ReadError)
    }
}
