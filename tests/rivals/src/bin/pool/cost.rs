//! What a checkout and its return cost when there is a connection to be had, and when there are
//! more callers than connections. Nobody talks over what was lent.

use std::time::Duration;

use bowline_link::tcp::Listener;
use bowline_link::{BoxError, Listen};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use crate::contender::{BARE, Contender, Each, Lend, Limits, Trial, WAITING, all, fill};
use crate::link::Loopback;
use crate::rounds::{ROUNDS, middle};
use crate::table::{Column, Table};

/// Before the clock starts, this part of the turns is played.
const WARM_UP_SHARE: usize = 10;

/// How many call, and for what.
#[derive(Debug)]
pub(crate) struct Load {
    title: &'static str,
    tasks: usize,
    connections: usize,
    /// Checkouts of each task.
    turns: usize,
    manner: Manner,
}

/// What a caller does with what it was lent.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Gives it back at once.
    Return,
    /// Lets others run first.
    Yield,
}

pub(crate) const LOADS: [Load; 3] = [
    Load {
        title: "checkout and return: 1 task, 1 connection, one thread",
        tasks: 1,
        connections: 1,
        turns: 200_000,
        manner: Manner::Return,
    },
    Load {
        title: "checkout and return: 64 tasks over 16 connections, yielding while they hold one, two threads",
        tasks: 64,
        connections: 16,
        turns: 3_000,
        manner: Manner::Yield,
    },
    Load {
        title: "checkout and return: 8 tasks over 16 connections, two threads",
        tasks: 8,
        connections: 16,
        turns: 30_000,
        manner: Manner::Return,
    },
];

/// Plays every round and compares.
pub(crate) fn table(load: &Load) -> Result<Table<3>, BoxError> {
    let rounds: Result<Vec<_>, BoxError> = (0..ROUNDS)
        .map(|_| all(load).map(|round| compared(&round)))
        .collect();
    let columns = [
        Column::judged("ns", 0),
        Column::told("to deadpool", 2),
        Column::told("to deadpool, wait timeout", 2),
    ];
    Ok(Table::new(load.title.to_owned(), columns, middle(&rounds?)))
}

/// One round with its ratios: what slowed one contender down then slowed the others too.
fn compared(round: &Each<f64>) -> Each<[f64; 3]> {
    let ((_, bare), (_, waiting)) = (round[BARE], round[WAITING]);
    round.map(|(name, ns)| (name, [ns, ns / bare, ns / waiting]))
}

async fn call<L: Lend>(pool: L, turns: usize, manner: Manner) -> Result<(), BoxError> {
    for _ in 0..turns {
        let lent = pool.checkout().await?;
        if let Manner::Yield = manner {
            yield_now().await;
        }
        drop(lent);
    }
    Ok(())
}

// === impl Load ===

impl Load {
    fn runtime(&self) -> Result<Runtime, BoxError> {
        let mut runtime = match self.tasks {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        Ok(runtime.worker_threads(2).enable_all().build()?)
    }

    /// Lets every caller have its turns.
    async fn play<L: Lend>(&self, pool: &L, turns: usize) -> Result<(), BoxError> {
        if self.tasks == 1 {
            return call(pool.clone(), turns, self.manner).await;
        }
        let mut callers = JoinSet::new();
        for _ in 0..self.tasks {
            callers.spawn(call(pool.clone(), turns, self.manner));
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    }
}

impl Trial for Load {
    /// Nanoseconds for each checkout and return.
    type Outcome = f64;

    fn run<C: Contender>(&self) -> Result<f64, BoxError> {
        self.runtime()?.block_on(async {
            // Nobody accepts: the kernel connects whoever finds room in the backlog.
            let listener = Listener::bind(([127, 0, 0, 1], 0).into())?;
            let limits = Limits {
                min: 0,
                max: self.connections,
                wait: Duration::from_secs(30),
                connect: Duration::from_secs(4),
                seed: 0,
            };
            let pool = C::pool(Loopback::new(listener.local_addr()?), limits)?;
            fill(&pool, self.connections).await?;
            self.play(&pool, self.turns / WARM_UP_SHARE).await?;
            let begun = Instant::now();
            self.play(&pool, self.turns).await?;
            let took = Instant::now() - begun;
            let all = self.tasks * self.turns;
            Ok(took.as_secs_f64() * 1e9 / all as f64)
        })
    }
}
