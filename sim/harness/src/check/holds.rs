//! Which faults hold a process.

use crate::history::{Name, What};

/// The faults that hold one process now, the last that struck it at the end.
#[derive(Debug, Default)]
pub(super) struct Holds<'a> {
    faults: Vec<(&'a Name, bool)>,
}

// === impl Holds ===

impl<'a> Holds<'a> {
    /// Takes in what the world says happened to the process.
    pub(super) fn change(&mut self, what: &'a What) {
        match what {
            What::Struck { fault, deaf } => self.faults.push((fault, *deaf)),
            What::Relieved { fault } => {
                let last = self.faults.iter().rposition(|(held, _)| *held == fault);
                if let Some(last) = last {
                    self.faults.remove(last);
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn is_deaf(&self) -> bool {
        self.faults.iter().any(|(_, deaf)| *deaf)
    }
}
