//! How fast worlds are played: figures for people, on whatever machine this is.

use std::io::{self, Write};

use bowline_scenarios::World;
use bowline_sim::scenario::play_all;

/// Plays `count` seeds of each world and prints what that took.
pub(crate) fn run(count: u64) -> io::Result<bool> {
    let mut good = true;
    writeln!(
        io::stdout(),
        "{:<10} {:>8} {:>18}",
        "world",
        "seeds/s",
        "sim-s per wall-s"
    )?;
    for world in World::ALL {
        let campaign = play_all(&*world.scenario(), 0..count, |_| {});
        good &= campaign.failed == 0;
        let speed = campaign.simulated.as_secs_f64() / campaign.took.as_secs_f64().max(0.001);
        let seeds = campaign.seeds_per_second();
        writeln!(io::stdout(), "{world:<10} {seeds:>8.1} {speed:>18.0}")?;
    }
    Ok(good)
}
