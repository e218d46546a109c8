//! What each fault of a plan does to a world's network, software and disks, and in which
//! order.

use super::World;
use crate::Fault;
use crate::plan::Step;
use crate::trace::What;

impl World {
    pub(super) fn begin(&mut self, index: usize, step: &Step) {
        let target = &*step.target;
        self.trace
            .fault(target, What::Fault, step.fault.to_string());
        match step.fault {
            Fault::Crash => {
                self.net.crash(target);
                self.kill(target);
            }
            Fault::PowerLoss => {
                self.net.darken(target);
                self.kill(target);
                if let Some(disk) = self.disks.get(target) {
                    disk.power_loss(self.settings.unsynced, &mut self.disk_chance);
                }
            }
            fault => self.net.strike(index, target, fault),
        }
    }

    pub(super) fn end(&mut self, index: usize, step: &Step) {
        let target = &*step.target;
        self.trace
            .fault(target, What::Healed, step.fault.to_string());
        match step.fault {
            Fault::Crash | Fault::PowerLoss => {
                self.net.restore(target);
                self.sim.bounce(target);
            }
            _ => self.net.lift(index),
        }
    }

    fn kill(&mut self, host: &str) {
        // First, so that a store that is dropped cannot finish what it was doing.
        if let Some(disk) = self.disks.get(host) {
            disk.fence();
        }
        self.sim.crash(host);
    }
}
