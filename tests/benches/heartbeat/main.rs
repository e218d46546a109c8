//! What a thousand idle links cost, and how soon each notices that its peer is gone:
//! `cargo xtask bench heartbeat`.
//!
//! The peers are another process in a network namespace, so that every byte crosses an
//! interface, which counts them. For root, on Linux. It prints, and judges nothing.
#![expect(clippy::print_stdout, reason = "a bench is read by a person")]

#[cfg(target_os = "linux")]
mod counters;
#[cfg(target_os = "linux")]
mod links;
#[cfg(target_os = "linux")]
mod peer;
#[cfg(target_os = "linux")]
mod protocol;
#[cfg(target_os = "linux")]
mod run;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return run::main();
    #[cfg(not(target_os = "linux"))]
    {
        println!("skipped: it counts bytes with Linux's network namespaces");
        ExitCode::SUCCESS
    }
}
