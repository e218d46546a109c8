//! What a world itself adds to the history: whom faults hold, and when they are over.
//!
//! Faults that take no time hold nobody and are not in it.

use std::time::Duration;

use super::World;
use crate::history::{Record, What};
use crate::plan::Step;

/// Who writes that every fault is over.
const WORLD: &str = "world";

impl World {
    pub(super) fn write_down_struck(&self, step: &Step, now: Duration) {
        if step.fault.is_instant() {
            return;
        }
        for node in self.held_by(step) {
            let what = What::Struck {
                fault: step.fault.to_string().into(),
                deaf: step.fault.deafens(),
            };
            self.write_down(node, what, now);
        }
    }

    pub(super) fn write_down_relieved(&self, step: &Step, now: Duration) {
        for node in self.held_by(step) {
            let fault = step.fault.to_string().into();
            self.write_down(node, What::Relieved { fault }, now);
        }
    }

    pub(super) fn write_down_healed(&self, now: Duration) {
        self.write_down(WORLD, What::Healed, now);
    }

    fn held_by<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a str> {
        let topology = &self.plan.topology;
        topology.all_nodes().filter(move |node| {
            *node == step.target || topology.host_of(node) == Some(step.target.as_str())
        })
    }

    fn write_down(&self, who: &str, what: What, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.recorder.record(Record::new(who, what).at(micros));
    }
}
