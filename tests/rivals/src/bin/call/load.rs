//! One load, played by every contender, and the table that comes of it.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::time::Duration;

use bowline_link::BoxError;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Builder, Runtime};
use tower::Service;

use crate::answer::{Echo, When};
use crate::contender::{Bare, Contender, Ours, Resilience, Tower, TowerShared};

/// How often all have a turn.
const ROUNDS: usize = 11;

/// Calls of a turn that are timed, after a tenth of them to warm up.
const CALLS: u64 = 200_000;

/// Calls of which the allocations are counted.
const COUNTED: u64 = 1_000;

const NAME_WIDTH: usize = 32;

/// What is called.
#[derive(Debug)]
pub(crate) struct Load {
    title: &'static str,
    when: When,
}

pub(crate) const LOADS: [Load; 2] = [
    Load {
        title: "a call and its answer, which comes at once",
        when: When::AtOnce,
    },
    Load {
        title: "a call and its answer, which comes with the caller's next turn",
        when: When::NextTurn,
    },
];

/// What one turn of a contender came to.
#[derive(Clone, Copy, Debug)]
struct Turn {
    name: &'static str,
    /// Nanoseconds of CPU for each call.
    ns: f64,
    /// Allocations for each call.
    allocations: f64,
}

// === impl Load ===

impl Load {
    /// Plays every round and compares.
    pub(crate) fn table(&self) -> Result<String, BoxError> {
        let rounds: Result<Vec<_>, BoxError> = (0..ROUNDS).map(|_| self.round()).collect();
        let rounds = rounds?;
        let mut table = format!(
            "\n{}\n  {:<NAME_WIDTH$}  {:>7}  {:>8}  {:>11}",
            self.title, "", "ns", "added ns", "allocations"
        );
        for (nth, turn) in rounds[0].iter().enumerate() {
            let ns = median(rounds.iter().map(|round| round[nth].ns));
            // What slowed one contender down then slowed the bare service too.
            let added = median(rounds.iter().map(|round| round[nth].ns - round[0].ns));
            let allocations = median(rounds.iter().map(|round| round[nth].allocations));
            let name = turn.name;
            write!(
                table,
                "\n  {name:<NAME_WIDTH$}  {ns:>7.1}  {added:>8.1}  {allocations:>11.2}"
            )?;
        }
        Ok(table)
    }

    fn round(&self) -> Result<[Turn; 5], BoxError> {
        Ok([
            self.turn::<Bare>()?,
            self.turn::<Tower>()?,
            self.turn::<TowerShared>()?,
            self.turn::<Resilience>()?,
            self.turn::<Ours>()?,
        ])
    }

    fn turn<C: Contender>(&self) -> Result<Turn, BoxError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // Some spawn a task as they are made.
        let mut service = {
            let _entered = runtime.enter();
            C::over(Echo { when: self.when })?
        };
        runtime.block_on(call(&mut service, CALLS / 10))?;
        let begun = cpu();
        runtime.block_on(call(&mut service, CALLS))?;
        let ns = (cpu() - begun).as_secs_f64() * 1e9 / CALLS as f64;
        let all = allocations(&runtime, &mut service, COUNTED)?;
        let idle = allocations(&runtime, &mut service, 0)?;
        Ok(Turn {
            name: C::NAME,
            ns,
            allocations: (all as f64 - idle as f64) / COUNTED as f64,
        })
    }
}

/// Makes calls one after the other.
async fn call<S>(service: &mut S, calls: u64) -> Result<(), BoxError>
where
    S: Service<u64, Response = u64, Error: Into<BoxError>>,
{
    for said in 0..calls {
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .map_err(Into::into)?;
        let answer = service.call(said).await.map_err(Into::into)?;
        if answer != said {
            return Err(format!("{said} was said, and {answer} came back").into());
        }
    }
    Ok(())
}

/// How often memory is asked for while `calls` are made.
fn allocations<S>(runtime: &Runtime, service: &mut S, calls: u64) -> Result<u64, BoxError>
where
    S: Service<u64, Response = u64, Error: Into<BoxError>>,
{
    let mut outcome = Ok(());
    let counted = allocation_counter::measure(|| {
        outcome = runtime.block_on(call(service, calls));
    });
    outcome?;
    Ok(counted.count_total)
}

/// How long this thread has been computing.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("nothing computed for less than no time")
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
