//! Callers who come, wait, give up and vanish at random, over a network that
//! fails at random: one seed, one storm.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bowline_pool::{Pool, Reuse, Settings};
use rand_core::Rng;
use rand_pcg::Pcg32;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{AGE, Answer, Net, Streamed, backing_off, exactly, ms};

const SEEDS: u64 = 80;
const CALLERS: u64 = 300;
const IDLE: Duration = Duration::from_millis(40);

/// When each connection came back settled; one that did not must not be seen
/// again.
type Returns = Arc<Mutex<BTreeMap<usize, Option<Instant>>>>;

struct Dice(Pcg32);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), stream))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0.next_u64() % most
    }
}

/// Polls at most `turns` times, then drops the future: a cancellation between
/// any two steps, without any time passing.
async fn for_turns<F: Future>(turns: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = turns;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(context).map(Some);
        if polled.is_pending() && left == 0 {
            context.waker().wake_by_ref();
        }
        polled
    })
    .await
}

fn weather(seed: u64) -> impl FnMut() -> Answer + Send + 'static {
    let mut dice = Dice::new(seed, 1);
    move || {
        let after = ms(dice.below(30));
        match dice.below(20) {
            0..3 => Answer::Refuse(after),
            3 => Answer::Silence,
            4 => Answer::HangUp(after),
            _ => Answer::Accept(after),
        }
    }
}

fn stormy(max: usize) -> Settings {
    backing_off(max, ms(2), ms(20))
        .wait(ms(60))
        .unwrap()
        .lifetime(exactly(IDLE, AGE))
        .connect_limit(ms(80))
        .unwrap()
        .max_connecting(2.min(max))
        .unwrap()
        .max_waiters(40)
        .unwrap()
}

async fn caller(pool: Pool<Streamed>, net: Net, returns: Returns, mut dice: Dice) -> bool {
    sleep(ms(dice.below(1_000))).await;
    let checkout = pool.checkout();
    let conn = match dice.below(4) {
        0 => for_turns(1 + dice.below(3), checkout).await,
        1 => timeout(ms(dice.below(60)), checkout).await.ok(),
        _ => Some(checkout.await),
    };
    let Some(Ok(mut conn)) = conn else {
        return false;
    };
    let id = conn.get_ref().id;
    assert!(net.is_fit(id), "{id} had died");
    if let Some(before) = returns.lock().unwrap().insert(id, None) {
        let returned_at = before.expect("a dirty or lent one is not handed out");
        assert!(
            Instant::now() - returned_at < IDLE,
            "{id} was idle too long"
        );
    }

    sleep(ms(dice.below(12))).await;
    match dice.below(10) {
        0 => conn.write_all(b"?").await.unwrap(),
        1 => conn.discard(),
        fate => {
            match fate {
                2 => net.hang_up(id),
                3 => net.reset(id),
                4 => net.say(id).await,
                _ => {}
            }
            conn.settle();
            returns.lock().unwrap().insert(id, Some(Instant::now()));
            drop(conn);
        }
    }
    true
}

async fn storm(seed: u64) -> usize {
    let max = 1 + (seed % 5) as usize;
    let net = Net::answering(weather(seed));
    let pool = net.pool(stormy(max));
    let returns = Returns::default();
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let dice = Dice::new(seed, 2 + number);
        callers.spawn(caller(
            pool.clone(),
            net.clone(),
            Arc::clone(&returns),
            dice,
        ));
    }
    let mut served = 0;
    while let Some(caller) = callers.join_next().await {
        served += usize::from(caller.unwrap());
    }
    assert!(net.peak() <= max, "peak {} of {max}", net.peak());
    assert_eq!(pool.snapshot().waiting, 0);

    // The weather clears: all that the pool may hold can be held at once.
    net.answer(|| Answer::Accept(ms(1)));
    sleep(ms(3_000)).await;
    let mut held = Vec::new();
    for number in 0..max {
        let conn = pool.checkout().await;
        held.push(conn.unwrap_or_else(|lost| panic!("{number} of {max}: {lost}")));
    }
    assert_eq!((net.live(), pool.snapshot().open), (max, max));
    drop(held);
    pool.close();
    assert_eq!((net.live(), pool.snapshot().open), (0, 0));
    assert_eq!(net.reasons().len(), net.opened(), "each was closed once");
    served
}

// contract: pool-1, pool-2, pool-3
#[test]
fn no_storm_breaks_the_limit_or_loses_a_seat() {
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let storm = catch_unwind(AssertUnwindSafe(|| runtime.block_on(storm(seed))));
        let served = storm.unwrap_or_else(|_| panic!("storm {seed} did what is said above"));
        assert!(served >= 30, "storm {seed} tried little: {served} served");
    }
}
