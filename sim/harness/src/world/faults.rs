//! What each fault of a plan does to a world's network, software, clocks and disks, and in
//! which order. A fault that would do nothing is refused, never passed over.

use std::time::Duration;

use super::{RunError, World};
use crate::plan::Step;
use crate::trace::What;
use crate::{Clock, Fault, Kind};

impl World {
    /// Whether everybody whose disk gets full has one.
    pub(super) fn check_disks(&self) -> Result<(), RunError> {
        let mut steps = self.plan.steps.iter().enumerate();
        let lacks = |step: &Step| {
            step.fault.kind() == Kind::DiskFull && !self.disks.contains_key(&step.target)
        };
        match steps.find(|(_, step)| lacks(step)) {
            None => Ok(()),
            Some((step, Step { target, .. })) => Err(RunError::NoDisk {
                step,
                host: target.clone(),
            }),
        }
    }

    /// Whether somebody answers for the names about which the plan has lies told.
    pub(super) fn check_names(&self) -> Result<(), RunError> {
        let mut steps = self.plan.steps.iter().enumerate();
        let told = |step: &Step| step.fault.kind() == Kind::DnsAnswers;
        match steps.find(|(_, step)| told(step)) {
            Some((step, Step { target, .. })) if !self.has_name_server => {
                Err(RunError::NoNameServer {
                    step,
                    host: target.clone(),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

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
            Fault::ClockJump { clock, by_ms } => match clock {
                Clock::Timers => self.timers[target].leap(Duration::from_millis(by_ms)),
                Clock::Wall => self.wall_clocks[target].leap(by_ms),
            },
            Fault::DiskFull => self.disks[target].fill(),
            Fault::Stall { .. }
            | Fault::Flap { .. }
            | Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Slice { .. }
            | Fault::Corrupt { .. }
            | Fault::Truncate { .. }
            | Fault::HalfClose { .. }
            | Fault::Reset
            | Fault::Refuse
            | Fault::BlackHole
            | Fault::AcceptStall
            | Fault::Freeze
            | Fault::DnsAnswers { .. } => self.net.strike(index, target, step.fault),
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
            Fault::Freeze => {
                // Before anybody goes on, or they would see time pass twice.
                let lasted = step.for_ms.expect("what ends has lasted");
                self.timers[target].leap(Duration::from_millis(lasted));
                self.net.lift(index);
            }
            Fault::DiskFull => self.disks[target].make_room(),
            Fault::Stall { .. }
            | Fault::Flap { .. }
            | Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Slice { .. }
            | Fault::Corrupt { .. }
            | Fault::Truncate { .. }
            | Fault::Refuse
            | Fault::BlackHole
            | Fault::AcceptStall
            | Fault::DnsAnswers { .. } => self.net.lift(index),
            Fault::HalfClose { .. } | Fault::Reset | Fault::ClockJump { .. } => {
                unreachable!("{} takes no time, so that nothing ends", step.fault)
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
