//! What is asked of ours, and whether it is reached.

use std::time::Duration;

use crate::CAP;
use crate::contender::{BUDGET, Contender, Role};
use crate::figures::Figures;

/// The most dials of any client.
const DIALS_MAX: u32 = 9;

/// The most that any second of the recovery may be above its mean.
const RATIO_MAX: f64 = 2.5;

/// What connecting takes in a network of up to 20 ms a way: the refusal of a dial that was under
/// way when the server came back, a dial that is answered, hello and welcome.
const CONNECT_MAX: Duration = Duration::from_millis(200);

/// One thing that is asked.
#[derive(Debug)]
pub(crate) struct Owed {
    pub(crate) text: String,
    pub(crate) is_reached: bool,
}

/// Judges ours over all seeds; the others are not asked.
pub(crate) fn judge(rows: &[(&Contender, Vec<Figures>)]) -> Vec<Owed> {
    let mut owed = Vec::new();
    for (contender, figures) in rows {
        match contender.role {
            Role::Ours => owed.extend(alone(contender.name, figures)),
            Role::OursBudgeted => owed.extend(budgeted(contender.name, figures)),
            Role::Rival => {}
        }
    }
    owed
}

fn alone(name: &str, figures: &[Figures]) -> [Owed; 3] {
    let dials = figures.iter().map(|seed| seed.dials_max).max();
    let dials = dials.unwrap_or(u32::MAX);
    let ratio = figures
        .iter()
        .map(|seed| seed.back_ratio)
        .fold(0.0, f64::max);
    let all = figures.iter().map(|seed| seed.all).max();
    let (all, limit) = (all.unwrap_or(Duration::MAX), CAP + CONNECT_MAX);
    [
        Owed {
            text: format!("{name}: at most {DIALS_MAX} dials of any client: {dials}"),
            is_reached: dials <= DIALS_MAX,
        },
        Owed {
            text: format!(
                "{name}: no second of the recovery above {RATIO_MAX} times its mean: {ratio:.2} times"
            ),
            is_reached: ratio <= RATIO_MAX,
        },
        Owed {
            text: format!(
                "{name}: all back within the cap and the time to connect, {:.1} s: {:.2} s",
                limit.as_secs_f64(),
                all.as_secs_f64()
            ),
            is_reached: all <= limit,
        },
    ]
}

fn budgeted(name: &str, figures: &[Figures]) -> [Owed; 2] {
    // Times are written down in microseconds.
    const ROUNDING: f64 = 0.001;
    let burst = figures.iter().map(|seed| seed.burst).fold(0.0, f64::max);
    let in_flight = figures.iter().map(|seed| seed.in_flight).max();
    let in_flight = in_flight.unwrap_or(usize::MAX);
    [
        Owed {
            text: format!(
                "{name}: never above the budget, {} dials a second and {} at once: {burst:.2} at once at that rate",
                BUDGET.per_second, BUDGET.burst
            ),
            is_reached: burst <= f64::from(BUDGET.burst) + ROUNDING,
        },
        Owed {
            text: format!(
                "{name}: never above the budget, {} under way: {in_flight}",
                BUDGET.in_flight
            ),
            is_reached: in_flight <= BUDGET.in_flight,
        },
    ]
}
