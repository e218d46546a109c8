//! The peer restarts under load: every connection dies, dials are refused for two seconds, and
//! callers that get an error come again after a pause. Who comes back without a stampede?

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_link::BoxError;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::contender::{Contender, Lend, Limits, Trial, fill};
use crate::paused;
use crate::peer::{Answer, Peer};
use crate::rounds::medians;
use crate::table::{Column, Table};

const CALLERS: u64 = 64;
const LIMITS: Limits = Limits {
    min: 0,
    max: 16,
    wait: Duration::from_secs(3),
    connect: Duration::from_secs(1),
    seed: 0,
};
const CONNECT: Duration = Duration::from_millis(5);
const ROUND_TRIP: Duration = Duration::from_millis(1);
const USE: Duration = Duration::from_millis(2);
const DOWN: Duration = Duration::from_secs(2);

/// In which dials count as made together.
const WINDOW: Duration = Duration::from_millis(100);

/// When to stop waiting for somebody who is never served again.
const PATIENCE: Duration = Duration::from_secs(60);

struct Restart {
    seed: u64,
}

/// Who was served since the peer came back, and how often an error was handed out.
#[derive(Debug, Default)]
struct Tally {
    served: Mutex<BTreeSet<u64>>,
    errors: Mutex<usize>,
    all_served: Notify,
}

pub(crate) fn table() -> Result<Table<4>, BoxError> {
    let title = format!(
        "restart storm: {CALLERS} callers over {}, all connections die, dials refused for {DOWN:?};\n  \
         a caller pauses 5 to 15 ms after a use of {USE:?}, 50 to 150 ms after an error",
        LIMITS.max
    );
    let columns = [
        Column::judged("dials", 0),
        Column::judged("dials within 100 ms", 0),
        Column::judged("all served ms after", 0),
        Column::told("errors to callers", 0),
    ];
    Ok(Table::new(
        title,
        columns,
        medians(|seed| Restart { seed })?,
    ))
}

async fn call<L: Lend>(pool: L, caller: u64, mut random: Pcg64Mcg, tally: Arc<Tally>) {
    let mut pause = |least: u64, most: u64| {
        Duration::from_millis(least + random.next_u64() % (most - least + 1))
    };
    loop {
        match pool.checkout().await {
            Ok(lent) => {
                sleep(USE).await;
                drop(lent);
                tally.serve(caller);
                sleep(pause(5, 15)).await;
            }
            Err(_) => {
                tally.fail();
                sleep(pause(50, 150)).await;
            }
        }
    }
}

/// The most of `moments` within any one [`WINDOW`].
fn peak(moments: &[Instant]) -> usize {
    let from = |first: &Instant| {
        let within = moments.iter().filter(|at| *at >= first);
        within.take_while(|at| **at - *first < WINDOW).count()
    };
    moments.iter().map(from).max().unwrap_or(0)
}

// === impl Tally ===

impl Tally {
    fn begin(&self) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.clear();
    }

    fn serve(&self, caller: u64) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.insert(caller);
        if served.len() as u64 == CALLERS {
            self.all_served.notify_one();
        }
    }

    fn fail(&self) {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }

    fn errors(&self) -> usize {
        *self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Restart ===

impl Trial for Restart {
    type Outcome = [f64; 4];

    fn run<C: Contender>(&self) -> Result<[f64; 4], BoxError> {
        paused()?.block_on(async {
            let peer = Peer::new(Answer::Accept(CONNECT));
            let limits = Limits {
                seed: self.seed,
                ..LIMITS
            };
            let pool = C::pool(peer.clone(), limits)?;
            fill(&pool, LIMITS.max).await?;
            let tally = Arc::new(Tally::default());
            let mut callers = JoinSet::new();
            for caller in 0..CALLERS {
                let random = Pcg64Mcg::seed_from_u64(self.seed * CALLERS + caller);
                callers.spawn(call(pool.clone(), caller, random, Arc::clone(&tally)));
            }
            sleep(Duration::from_millis(500)).await;

            let before = peer.dials();
            peer.answer(Answer::Refuse(ROUND_TRIP));
            peer.end_all();
            sleep(DOWN).await;
            peer.answer(Answer::Accept(CONNECT));
            let back_at = Instant::now();
            tally.begin();
            // A permit that is left from before the restart.
            let _ = timeout(Duration::ZERO, tally.all_served.notified()).await;
            let all = timeout(PATIENCE, tally.all_served.notified()).await;
            let took = Instant::now() - back_at;
            let dialed_at = peer.dialed_at().split_off(before);
            Ok([
                dialed_at.len() as f64,
                peak(&dialed_at) as f64,
                all.map_or(f64::INFINITY, |()| took.as_secs_f64() * 1e3),
                tally.errors() as f64,
            ])
        })
    }
}
