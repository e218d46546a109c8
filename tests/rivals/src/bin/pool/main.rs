//! Our pool beside deadpool, bb8 and mobc, all in one run: `cargo xtask bench pool`.
//!
//! It prints tables and asserts nothing. A rival is set up as a careful user of it would: it looks
//! at a connection before lending it, its dials have the same limit as ours, and everybody lends
//! the same thing.
//!
//! * What a checkout and its return cost is wall time over real TCP on loopback. The contenders
//!   take turns, eleven rounds, each in a fresh runtime with a fresh pool that is full and warm; a
//!   figure is the median of the rounds, and a ratio the median of the ratios within a round. The
//!   price of a turn in a task is in it, of a dial it is not.
//! * Policies are judged by what the peer saw. The peer is in memory and the runtime's clock is
//!   paused, so times are exact, and a second run says the same. Where callers draw lots (restart
//!   storm, cancel storm), the figures are medians of eleven seeds.
//! * CPU is that of the one thread on which callers, pool and real, refused dials run.
//!
//! The order matters: a process that has once paused tokio's clock reads it more slowly ever
//! after, so whatever is measured for real comes first. All of it takes a minute and a half, and a
//! Unix.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod cancel;
mod contender;
mod cost;
mod down;
mod link;
mod peer;
mod restart;
mod rounds;
mod spike;
mod table;

use std::process::ExitCode;

use bowline_link::BoxError;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the pools were not measured: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), BoxError> {
    for load in &cost::LOADS {
        println!("{}", cost::table(load)?);
    }
    let computed = down::computed()?;
    println!("{}", spike::table()?);
    println!("{}", down::refused(&computed)?);
    println!("{}", down::black_hole()?);
    println!("{}", restart::table()?);
    println!("{}", cancel::table()?);
    Ok(())
}

/// A runtime of one thread whose clock jumps to the next timer when nothing else is left to do.
fn paused() -> Result<Runtime, BoxError> {
    let mut runtime = Builder::new_current_thread();
    Ok(runtime.enable_all().start_paused(true).build()?)
}
