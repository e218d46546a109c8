//! What is left when a run is over.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::Surroundings;
use crate::disk::Disk;
use crate::history::{Record, What};
use crate::{Plan, Streams};

/// A world when its run is over: nobody runs, and no disk is full any more.
#[derive(Debug)]
pub struct After<S = ()> {
    pub(super) plan: Plan,
    pub(super) world: Arc<Surroundings<S>>,
    pub(super) disks: BTreeMap<String, Disk>,
}

impl<S> After<S> {
    /// What happened to it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the whole run shared.
    pub fn shared(&self) -> &S {
        &self.world.shared
    }

    /// The generators of its seed.
    pub fn streams(&self) -> Streams {
        self.world.streams
    }

    /// The disk of the host `name`.
    ///
    /// # Panics
    ///
    /// When the scenario gave that host none.
    pub fn disk(&self, name: &str) -> &Disk {
        let disk = self.disks.get(name);
        disk.unwrap_or_else(|| panic!("the host {name:?} was given no disk"))
    }

    /// Writes down what is found now.
    pub fn record(&self, process: &str, what: What) {
        self.world.recorder.record(Record::new(process, what));
    }
}
