//! Fifty callers at once find five connections, each for a moment, while a dial takes long: whoever
//! dials for everybody opens what nobody will need. After HikariCP's spike test.

use std::time::Duration;

use bowline_link::BoxError;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::contender::{Contender, Lend, Limits, Trial, fill};
use crate::paused;
use crate::peer::{Answer, Peer};
use crate::table::{Column, Table};

const CALLERS: usize = 50;
const LIMITS: Limits = Limits {
    min: 5,
    max: 50,
    wait: Duration::from_secs(3),
    connect: Duration::from_secs(4),
    seed: 0,
};
const CONNECT: Duration = Duration::from_millis(150);
const USE: Duration = Duration::from_millis(2);

/// Until every minimum is warm, however far its dials are spread.
const WARM: Duration = Duration::from_secs(5);

/// Until everything that was begun has landed.
const SETTLED: Duration = Duration::from_secs(1);

struct Spike;

pub(crate) fn table() -> Result<Table<2>, BoxError> {
    let title = format!(
        "spike: {CALLERS} callers at once, {} of {} open, connect {CONNECT:?}, use {USE:?}",
        LIMITS.min, LIMITS.max
    );
    let columns = [
        Column::judged("opened", 0),
        Column::judged("all served after ms", 0),
    ];
    Table::of(title, columns, &Spike)
}

async fn call<L: Lend>(pool: L) -> Result<(), BoxError> {
    let lent = pool.checkout().await?;
    sleep(USE).await;
    drop(lent);
    Ok(())
}

// === impl Spike ===

impl Trial for Spike {
    type Outcome = [f64; 2];

    fn run<C: Contender>(&self) -> Result<[f64; 2], BoxError> {
        paused()?.block_on(async {
            let peer = Peer::new(Answer::Accept(CONNECT));
            let pool = C::pool(peer.clone(), LIMITS)?;
            sleep(WARM).await;
            // Not everybody keeps a minimum by itself.
            if peer.open() < LIMITS.min {
                fill(&pool, LIMITS.min).await?;
            }
            let (before, begun) = (peer.dials(), Instant::now());
            let mut callers = JoinSet::new();
            for _ in 0..CALLERS {
                callers.spawn(call(pool.clone()));
            }
            while let Some(ended) = callers.join_next().await {
                ended??;
            }
            let took = Instant::now() - begun;
            sleep(SETTLED).await;
            let opened = peer.dials() - before;
            Ok([opened as f64, took.as_secs_f64() * 1e3])
        })
    }
}
