//! What each fault of a plan does to a world's network, software and disks, and in which
//! order.

use super::World;
use crate::Fault;
use crate::plan::Step;
use crate::trace::What;

impl World {
    pub(super) fn begin(&mut self, step: &Step) {
        let target = &*step.target;
        self.trace
            .fault(target, What::Fault, step.fault.to_string());
        match step.fault {
            Fault::Stall { direction } => self.net.stall(target, direction),
            Fault::Reset => self.net.reset(target),
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
        }
    }

    pub(super) fn end(&mut self, step: &Step) {
        let target = &*step.target;
        self.trace
            .fault(target, What::Healed, step.fault.to_string());
        match step.fault {
            Fault::Stall { direction } => self.net.release(target, direction),
            Fault::Reset => {}
            Fault::Crash | Fault::PowerLoss => {
                self.net.restore(target);
                self.sim.bounce(target);
            }
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
