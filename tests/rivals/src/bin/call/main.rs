//! What a reconnecting service adds to a call while all is well, ours beside those of tower and
//! tower-resilience, in one run: `cargo xtask bench call`.
//!
//! It prints a table for each load and asserts nothing. The service below does no work and opens
//! no socket, so that all of the difference to it is the middleware's. The contenders take turns,
//! eleven rounds, each round in a fresh runtime of one thread; a figure is the median of the
//! rounds, and what is added the median of the differences within a round. Time is CPU time, and
//! with the allocations that of the calling thread, on which everything runs. All of it takes a
//! minute at most, and a Unix.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod answer;
mod contender;
mod load;

use std::process::ExitCode;

use bowline_link::BoxError;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the calls were not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), BoxError> {
    for load in &load::LOADS {
        println!("{}", load.table()?);
    }
    Ok(())
}
