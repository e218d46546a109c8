//! Callers that give up at any moment, in line, during a dial, or while they hold a connection that
//! they have not touched. Whatever a pool throws away then was healthy, and is dialed again.
//!
//! The peer ends a connection now and then, so that there is always something to dial.

use std::time::Duration;

use bowline_link::BoxError;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::contender::{Contender, Lend, Limits, Trial};
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
const CONNECT: Duration = Duration::from_millis(20);

/// Attempts of each caller.
const TURNS: usize = 200;

/// The most that a caller spends in line and holding; one in four gives up after its first poll.
const PATIENCE_MICROS: u64 = 40_000;
const USE_MICROS: u64 = 10_000;
const PAUSE_MICROS: u64 = 5_000;

/// How often the peer ends a connection.
const EVERY: Duration = Duration::from_millis(50);

struct Cancel {
    seed: u64,
}

pub(crate) fn table() -> Result<Table<5>, BoxError> {
    let title = format!(
        "cancel storm: {CALLERS} callers over {}, {TURNS} attempts each,\n  \
         given up at once or within 40 ms, in line or holding; connect {CONNECT:?}, the peer ends a connection every {EVERY:?}",
        LIMITS.max
    );
    let columns = [
        Column::judged("healthy destroyed", 0),
        Column::judged("dials in vain", 0),
        Column::told("dials", 0),
        Column::told("ended by peer", 0),
        Column::told("served", 0),
    ];
    Ok(Table::new(title, columns, medians(|seed| Cancel { seed })?))
}

/// Makes every attempt, and says how many were served.
async fn call<L: Lend>(pool: L, mut random: Pcg64Mcg) -> usize {
    let mut micros = |most: u64| Duration::from_micros(random.next_u64() % most);
    let mut served = 0;
    for _ in 0..TURNS {
        let patience = match micros(4).as_micros() {
            0 => Duration::ZERO,
            _ => micros(PATIENCE_MICROS),
        };
        let hold = micros(USE_MICROS);
        let work = async {
            let lent = pool.checkout().await;
            let got = lent.is_ok();
            sleep(hold).await;
            drop(lent);
            got
        };
        served += usize::from(timeout(patience, work).await.unwrap_or(false));
        sleep(micros(PAUSE_MICROS)).await;
    }
    served
}

/// Ends a connection now and then until every caller is done; says how many, and how many were
/// served.
async fn strike(
    peer: Peer,
    mut random: Pcg64Mcg,
    callers: &mut JoinSet<usize>,
) -> Result<(usize, usize), BoxError> {
    let (mut ended, mut served) = (0, 0);
    loop {
        tokio::select! {
            biased;
            caller = callers.join_next() => match caller {
                Some(caller) => served += caller?,
                None => return Ok((ended, served)),
            },
            () = sleep(EVERY) => {
                let place = random.next_u64() as usize;
                ended += usize::from(peer.end_one(place));
            }
        }
    }
}

// === impl Cancel ===

impl Trial for Cancel {
    type Outcome = [f64; 5];

    fn run<C: Contender>(&self) -> Result<[f64; 5], BoxError> {
        paused()?.block_on(async {
            let peer = Peer::new(Answer::Accept(CONNECT));
            let limits = Limits {
                seed: self.seed,
                ..LIMITS
            };
            let pool = C::pool(peer.clone(), limits)?;
            let lots = Pcg64Mcg::seed_from_u64(self.seed);
            let mut callers = JoinSet::new();
            for caller in 0..CALLERS {
                let random = Pcg64Mcg::seed_from_u64(self.seed * CALLERS + caller);
                callers.spawn(call(pool.clone(), random));
            }
            let (ended, served) = strike(peer.clone(), lots, &mut callers).await?;
            // What is under way lands first: to close a pool destroys nothing in vain.
            sleep(LIMITS.connect).await;
            Ok([
                peer.destroyed() as f64,
                peer.abandoned() as f64,
                peer.dials() as f64,
                ended as f64,
                served as f64,
            ])
        })
    }
}
