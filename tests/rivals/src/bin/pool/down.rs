//! The peer is down: how soon a hundred callers know, what they did to it, and what that computed.

use std::time::Duration;

use bowline_link::tcp::Listener;
use bowline_link::{BoxError, Listen};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::contender::{Contender, Dial, Each, Lend, Limits, Trial, all};
use crate::link::Loopback;
use crate::paused;
use crate::peer::{Answer, Peer};
use crate::rounds::medians;
use crate::table::{Column, Table};

const CALLERS: usize = 100;
const LIMITS: Limits = Limits {
    min: 0,
    max: 16,
    // No multiple of the connect limit: what ends together tells nothing apart.
    wait: Duration::from_millis(2_500),
    connect: Duration::from_secs(1),
    seed: 0,
};

/// How long a refusal takes.
const ROUND_TRIP: Duration = Duration::from_millis(1);

/// One peer that is down in this way.
struct Down(Answer);

/// A real one, by what it costs us in CPU.
struct Computed;

/// CPU of each contender, in milliseconds, for real dials to a port where nobody listens.
pub(crate) fn computed() -> Result<Each<[f64; 1]>, BoxError> {
    medians(|_| Computed)
}

/// The table of a peer that refuses, with what was [`computed`] before.
pub(crate) fn refused(computed: &Each<[f64; 1]>) -> Result<Table<3>, BoxError> {
    let title = format!(
        "peer down: {CALLERS} callers, dials refused after {ROUND_TRIP:?} (for the CPU: by the real loopback);\n  \
         max {}, wait {:?}",
        LIMITS.max, LIMITS.wait
    );
    let columns = [
        Column::judged("all told after ms", 0),
        Column::judged("dials", 0),
        Column::judged("CPU ms", 2),
    ];
    let outcomes = all(&Down(Answer::Refuse(ROUND_TRIP)))?;
    let rows = std::array::from_fn(|contender| {
        let (name, [told, dials]) = outcomes[contender];
        let (_, [cpu]) = computed[contender];
        (name, [told, dials, cpu])
    });
    Ok(Table::new(title, columns, rows))
}

/// The table of a peer that never answers.
pub(crate) fn black_hole() -> Result<Table<2>, BoxError> {
    let title = format!(
        "black hole: {CALLERS} callers, no dial is answered, connect limit {:?};\n  max {}, wait {:?}",
        LIMITS.connect, LIMITS.max, LIMITS.wait
    );
    let columns = [
        Column::judged("all told after ms", 0),
        Column::judged("dials", 0),
    ];
    Table::of(title, columns, &Down(Answer::Silence))
}

/// Lets every caller find out, and says how long the last one took.
async fn told<C: Contender>(dial: impl Dial) -> Result<Duration, BoxError> {
    let pool = C::pool(dial, LIMITS)?;
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.is_err() });
    }
    while let Some(failed) = callers.join_next().await {
        if !failed? {
            return Err("a caller was lent a connection to nobody".into());
        }
    }
    Ok(Instant::now() - begun)
}

/// How long this thread has been computing.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("nothing computed for less than no time")
}

// === impl Down ===

impl Trial for Down {
    type Outcome = [f64; 2];

    fn run<C: Contender>(&self) -> Result<[f64; 2], BoxError> {
        paused()?.block_on(async {
            let peer = Peer::new(self.0);
            let took = told::<C>(peer.clone()).await?;
            Ok([took.as_secs_f64() * 1e3, peer.dials() as f64])
        })
    }
}

// === impl Computed ===

impl Trial for Computed {
    type Outcome = [f64; 1];

    fn run<C: Contender>(&self) -> Result<[f64; 1], BoxError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = Listener::bind(([127, 0, 0, 1], 0).into())?;
            let nobody = Loopback::new(listener.local_addr()?);
            drop(listener);
            let before = cpu();
            told::<C>(nobody).await?;
            Ok([(cpu() - before).as_secs_f64() * 1e3])
        })
    }
}
