//! A plan in the order in which its steps begin and end.

use std::time::Duration;

use crate::plan::{Plan, Step};

/// What of a plan has yet to happen.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// Latest first.
    events: Vec<(Duration, Event<'a>)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Event<'a> {
    Begins(usize, &'a Step),
    Ends(usize, &'a Step),
}

impl<'a> Timeline<'a> {
    pub(super) fn of(plan: &'a Plan) -> Self {
        let steps = || plan.steps.iter().enumerate();
        let ends =
            steps().filter_map(|(index, step)| Some((step.ends()?, Event::Ends(index, step))));
        let begins = steps().map(|(index, step)| (step.begins(), Event::Begins(index, step)));
        // At one moment the old ends before the new begins: the sort is stable.
        let mut events: Vec<_> = ends.chain(begins).collect();
        events.sort_by_key(|(at, _)| *at);
        events.reverse();
        Self { events }
    }

    /// The next event, if it is due by `now`.
    pub(super) fn next_until(&mut self, now: Duration) -> Option<Event<'a>> {
        let due = self.events.pop_if(|(at, _)| *at <= now);
        due.map(|(_, event)| event)
    }

    pub(super) fn is_over(&self) -> bool {
        self.events.is_empty()
    }
}
