//! What a whole run shares: the servers' log and memory, their doors, and the budget that
//! some links dial under.

use std::sync::OnceLock;

use bowline_link::BoxError;
use bowline_link::dial_budget::{DialBudget, Settings};
use bowline_policy::budget::DialSettings;

use super::meter::Meter;
use super::{BUDGET, SERVERS};
use crate::calls::{Door, Guests, Log, Memory};

/// What all software of a run shares.
#[derive(Debug, Default)]
pub struct Shared {
    pub(super) log: Log,
    pub(super) guests: Guests,
    pub(super) memory: Memory,
    doors: [Door; SERVERS.len()],
    budget: OnceLock<DialBudget>,
    pub(super) meter: Meter,
}

// === impl Shared ===

impl Shared {
    /// The door of a server.
    ///
    /// # Panics
    ///
    /// When nobody has that name.
    pub(super) fn door(&self, server: &str) -> &Door {
        let place = SERVERS.iter().position(|name| *name == server);
        &self.doors[place.expect("a server of this world")]
    }

    /// The budget, made by whoever first asks: in the runtime in which all dial.
    pub(super) fn budget(&self) -> Result<DialBudget, BoxError> {
        if let Some(budget) = self.budget.get() {
            return Ok(budget.clone());
        }
        let rate = DialSettings::per_second(BUDGET.per_second, BUDGET.burst)?;
        let settings = Settings::new(rate, BUDGET.in_flight)?.wait_max(BUDGET.wait_max)?;
        let budget = self.budget.get_or_init(|| DialBudget::new(settings));
        Ok(budget.clone())
    }
}
