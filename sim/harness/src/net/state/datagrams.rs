//! What faults do to single datagrams: lose them, or make them late.

use std::time::Duration;

use super::State;
use super::faults::DIALS;
use crate::net::chance::Chance;
use crate::net::place::Place;
use crate::seed::below;

impl State {
    /// Whether a datagram of `len` bytes is lost that is on its way now.
    pub(in crate::net) fn loses_datagram(&mut self, from: &Place, to: &Place, len: usize) -> bool {
        if self.struck.is_empty() {
            return false;
        }
        let conditions = self.conditions(from, to);
        if conditions.stalled || self.bars_datagrams(from, to) {
            return true;
        }
        let Some(one_in) = conditions.one_in else {
            return false;
        };
        let mut chance = self.chance_of_datagram();
        (0..len).any(|_| below(&mut chance, one_in) == 0)
    }

    /// How much later than usual an answer comes, for the question's way as well.
    pub(in crate::net) fn slowdown_of_answer(&mut self, from: &Place, to: &Place) -> Duration {
        self.slowdown_of_dial(from, to)
    }

    fn chance_of_datagram(&mut self) -> Chance {
        let chance = Chance::new(self.streams, DIALS | self.dials);
        self.dials += 1;
        chance
    }
}
