//! What cannot be carried out, step by step; nothing is mended and nothing passed over.

use super::{SHORTEST_MS, Step};
use crate::fault::{LARGEST, Unfit};
use crate::{Fault, Topology};

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
    /// A number of its fault would make it do nothing.
    #[error("step {step}: {fault} means nothing: {name} is {value} and must be at least {least}")]
    TooSmall {
        /// The step.
        step: usize,
        /// What should happen.
        fault: Fault,
        /// What the number is called.
        name: &'static str,
        /// The number.
        value: u64,
        /// The least that would do.
        least: u64,
    },
    /// A number of its fault is beyond all measure.
    #[error("step {step}: {fault} is beyond all measure: {name} is {value}, above {LARGEST}")]
    TooLarge {
        /// The step.
        step: usize,
        /// What should happen.
        fault: Fault,
        /// What the number is called.
        name: &'static str,
        /// The number, above [`LARGEST`].
        value: u64,
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
    #[error("step {step}: {fault} for {for_ms} ms is shorter than {SHORTEST_MS} ms")]
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
    /// Two faults strike one target at the same time that mean no more than one of them, or
    /// nothing; see [`Fault::collides_with`].
    #[error("step {step}: {fault} on {target:?} overlaps step {other}, {other_fault}")]
    Overlap {
        /// The later in the list.
        step: usize,
        /// What should happen in it.
        fault: Fault,
        /// To whom.
        target: String,
        /// The earlier in the list.
        other: usize,
        /// What should happen in that.
        other_fault: Fault,
    },
}

// === impl Step ===

impl Step {
    /// Checks it by itself, as the plan's step `step`.
    pub(super) fn check(&self, step: usize, topology: &Topology) -> Result<(), Invalid> {
        self.check_target(step, topology)?;
        self.check_numbers(step)?;
        self.check_times(step, topology)
    }

    /// Whether it cannot happen because `other` does.
    pub(super) fn overlaps(&self, other: &Self, topology: &Topology) -> bool {
        let together = self.at_ms == other.at_ms
            || (self.at_ms < other.ends_ms() && other.at_ms < self.ends_ms());
        let (ours, theirs) = (&*self.target, &*other.target);
        let is_home = |host, node| topology.is_host(host) && topology.host_of(node) == Some(host);
        let collide = if ours == theirs {
            self.fault.collides_with(other.fault)
        } else if is_home(ours, theirs) || is_home(theirs, ours) {
            self.fault.collides_across(other.fault)
        } else {
            false
        };
        together && collide
    }

    fn check_target(&self, step: usize, topology: &Topology) -> Result<(), Invalid> {
        let Self { target, fault, .. } = self;
        if topology.host_of(target).is_none() {
            let target = target.clone();
            return Err(Invalid::UnknownTarget { step, target });
        }
        if fault.needs_host() && !topology.is_host(target) {
            return Err(Invalid::NotAHost {
                step,
                target: target.clone(),
                fault: *fault,
            });
        }
        Ok(())
    }

    fn check_numbers(&self, step: usize) -> Result<(), Invalid> {
        let fault = self.fault;
        match fault.unfit() {
            None => Ok(()),
            Some(Unfit { name, value, limit }) if value < limit => Err(Invalid::TooSmall {
                step,
                fault,
                name,
                value,
                least: limit,
            }),
            Some(Unfit { name, value, .. }) => Err(Invalid::TooLarge {
                step,
                fault,
                name,
                value,
            }),
        }
    }

    fn check_times(&self, step: usize, topology: &Topology) -> Result<(), Invalid> {
        let fault = self.fault;
        match self.for_ms {
            Some(for_ms) if fault.is_instant() => {
                return Err(Invalid::CannotLast {
                    step,
                    fault,
                    for_ms,
                });
            }
            Some(for_ms) if for_ms < SHORTEST_MS => {
                return Err(Invalid::TooShort {
                    step,
                    fault,
                    for_ms,
                });
            }
            Some(_) | None => {}
        }
        let ends_ms = self.at_ms.saturating_add(self.for_ms.unwrap_or(0));
        let end_ms = topology.end_ms();
        if ends_ms > end_ms {
            return Err(Invalid::PastEnd {
                step,
                ends_ms,
                end_ms,
            });
        }
        Ok(())
    }
}
