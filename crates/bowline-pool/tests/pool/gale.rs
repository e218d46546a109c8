//! Everything at once: pools that share a budget, with hooks, pings, ages and a
//! min, cleared, suspended and resized at random, whose callers drop whatever
//! they wait for at random points; and then nothing is lost.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bowline_policy::{Share, breaker, lifetime};
use bowline_pool::{Budget, Error, InUse, Pool, Settings, Suspend};
use rand_core::Rng;
use rand_pcg::Pcg32;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Answer, Net, Streamed, backing_off, borrow, ms};

const SEEDS: u64 = 60;
const CALLERS: u64 = 120;
const SWITCHES: u64 = 40;
const MAX: usize = 6;
const WAIT: Duration = Duration::from_millis(60);

struct Dice(Pcg32);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg32::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), stream))
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0.next_u64() % most
    }
}

/// Polls a few times, or for a little while, and then drops the future.
async fn cut<F: Future>(future: F, dice: &mut Dice, cuts: &AtomicUsize) -> Option<F::Output> {
    let mut future = pin!(future);
    let ended = match dice.below(4) {
        0 => Some(future.await),
        1 => timeout(ms(dice.below(60)), future).await.ok(),
        _ => {
            let mut turns = 1 + dice.below(4);
            poll_fn(|context| {
                let polled = future.as_mut().poll(context).map(Some);
                turns -= 1;
                match (polled.is_pending(), turns) {
                    (true, 0) => Poll::Ready(None),
                    _ => polled,
                }
            })
            .await
        }
    };
    cuts.fetch_add(usize::from(ended.is_none()), Ordering::SeqCst);
    ended
}

fn weather(seed: u64) -> impl FnMut() -> Answer + Send + 'static {
    let mut dice = Dice::new(seed, 1);
    move || {
        let after = ms(dice.below(30));
        match dice.below(20) {
            0..2 => Answer::Refuse(after),
            2 => Answer::Silence,
            3 => Answer::HangUp(after),
            _ => Answer::Accept(after),
        }
    }
}

fn everything(seed: u64, max: usize) -> Settings {
    let lifetime = lifetime::Settings::new(ms(60), ms(300)).unwrap();
    let breaker = breaker::Settings::new(5).unwrap();
    let breaker = breaker.open_for(ms(20), ms(40)).unwrap();
    let settings = backing_off(max, ms(2), ms(20)).ceiling(MAX).unwrap();
    let settings = settings.min(seed as usize % 2).unwrap().wait(WAIT).unwrap();
    let settings = settings
        .lifetime(lifetime)
        .breaker(breaker.spread(Share::NONE));
    let settings = settings
        .connect_limit(ms(80))
        .unwrap()
        .max_waiters(40)
        .unwrap();
    let settings = settings
        .check_limit(ms(10))
        .unwrap()
        .ping_every(ms(30))
        .unwrap();
    let settings = settings
        .sweep_every(ms(7))
        .unwrap()
        .warm_up(ms(20))
        .unwrap();
    settings
        .fail_fast_after(ms(50))
        .unwrap()
        .leak_after(ms(10))
        .unwrap()
}

fn pool(net: &Net, seed: u64, number: u64, budget: &Budget) -> Pool<Streamed> {
    let mut dice = Dice::new(seed, 100 + number);
    let max = 1 + dice.below(MAX as u64) as usize;
    let builder = net
        .pinging(everything(seed, max), &["a", "b", "c"])
        .budget(budget);
    if dice.below(2) == 0 {
        return builder.build().unwrap();
    }
    let resets = AtomicUsize::new(0);
    let builder = builder.on_return(move |_| {
        let turn = resets.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            sleep(ms(turn as u64 % 3)).await;
            match turn % 11 {
                0 => Err("unfit".into()),
                1 => std::future::pending().await,
                _ => Ok(()),
            }
        })
    });
    builder.build().unwrap()
}

async fn work(pool: Pool<Streamed>, net: Net, cuts: Arc<AtomicUsize>, mut dice: Dice) -> bool {
    sleep(ms(dice.below(600))).await;
    let begun = Instant::now();
    match dice.below(8) {
        0 => {
            let asked = pool.run(async |stream: &mut Streamed| {
                stream.write_all(b"?").await.unwrap();
                sleep(ms(3)).await;
                Ok::<_, Error>(())
            });
            return matches!(cut(asked, &mut dice, &cuts).await, Some(Ok(())));
        }
        1 => return matches!(cut(pool.warmed_up(), &mut dice, &cuts).await, Some(Ok(()))),
        _ => {}
    }
    let Some(Ok(mut conn)) = cut(pool.checkout(), &mut dice, &cuts).await else {
        return false;
    };
    assert!(Instant::now() - begun < WAIT, "served after its deadline");
    let id = conn.get_ref().id;
    assert!(net.is_fit(id), "{id} had died");
    let called_back = conn.called_back();
    cut(timeout(ms(dice.below(12)), called_back), &mut dice, &cuts).await;
    match dice.below(12) {
        0 => conn.write_all(b"?").await.unwrap(),
        1 => conn.discard(),
        2 => net.hang_up(id),
        3 => net.reset(id),
        4 => net.mute(id),
        5 => conn.poison(),
        6 => {
            let _ours = conn.detach();
        }
        _ => drop(conn),
    }
    true
}

/// Turns whatever can be turned; the limits that were in force since when.
async fn meddle(pools: Vec<Pool<Streamed>>, budget: Budget, seed: u64) -> Vec<(Instant, usize)> {
    let mut limits = vec![(Instant::now(), budget.max())];
    let mut dice = Dice::new(seed, 2);
    for _ in 0..SWITCHES {
        sleep(ms(dice.below(30))).await;
        let pool = &pools[dice.below(pools.len() as u64) as usize];
        let max = 1 + dice.below(MAX as u64) as usize;
        match dice.below(12) {
            0 => pool.clear(InUse::Finish),
            1 => pool.clear(InUse::CallBack),
            2 => pool.suspend(Suspend::Wait),
            3 => pool.suspend(Suspend::Fail),
            4..8 => pool.resume(),
            8 => pool.resize(max).unwrap(),
            9 => pool.set_settings(everything(seed, max)).unwrap(),
            _ => {
                budget.resize(max).unwrap();
                limits.push((Instant::now(), max));
            }
        }
    }
    limits
}

/// What a dial that began at `now` may have seen as the limit: the last one
/// before, and all that were set in that moment.
fn limit_at(limits: &[(Instant, usize)], now: Instant) -> usize {
    let later = limits.partition_point(|(since, _)| *since < now);
    let set_now = limits[later..]
        .iter()
        .take_while(|(since, _)| *since == now);
    let before = limits[..later].last();
    before
        .into_iter()
        .chain(set_now)
        .map(|(_, max)| *max)
        .max()
        .unwrap()
}

async fn at_rest(net: &Net, pools: &[Pool<Streamed>], budget: &Budget, seed: u64) {
    net.answer(|| Answer::Accept(ms(1)));
    budget.resize(MAX).unwrap();
    for pool in pools {
        let patient = everything(seed, MAX).wait(ms(2_000)).unwrap();
        pool.set_settings(patient.min(0).unwrap()).unwrap();
        pool.resume();
    }
    sleep(ms(3_000)).await;
    for pool in pools {
        let snapshot = pool.snapshot();
        assert_eq!((snapshot.waiting, snapshot.in_use), (0, 0), "{snapshot:?}");
        assert_eq!(
            (snapshot.dialing, snapshot.checking),
            (0, 0),
            "{snapshot:?}"
        );
        let held = borrow(pool, MAX).await;
        assert_eq!(pool.snapshot().open, held.len());
        assert_eq!((budget.open(), net.live()), (MAX, MAX));
        drop(held);
    }
    for (number, pool) in pools.iter().enumerate() {
        let report = pool.drain(Instant::now() + ms(2_000)).await;
        assert!(report.is_complete(), "pool {number}: {report}");
        assert_eq!(pool.snapshot().open, 0);
    }
    assert_eq!((budget.open(), net.live()), (0, 0));
    assert!(net.books_balance(), "opened and never closed");
}

/// How many were served, and how many futures dropped half-way.
async fn gale(seed: u64) -> (usize, usize) {
    let net = Net::answering(weather(seed));
    let budget = Budget::new(MAX).unwrap();
    let pools: Vec<_> = (0..1 + seed % 3)
        .map(|number| pool(&net, seed, number, &budget))
        .collect();
    let cuts = Arc::default();
    let mut callers = JoinSet::new();
    for number in 0..CALLERS * pools.len() as u64 {
        let dice = Dice::new(seed, 1_000 + number);
        let pool = pools[number as usize % pools.len()].clone();
        callers.spawn(work(pool, net.clone(), Arc::clone(&cuts), dice));
    }
    let mut meddling = JoinSet::new();
    meddling.spawn(meddle(pools.clone(), budget.clone(), seed));
    let mut served = 0;
    while let Some(caller) = callers.join_next().await {
        served += usize::from(caller.unwrap());
    }
    let limits = meddling.join_next().await.unwrap().unwrap();
    for (at, number) in net.dialed_as() {
        let limit = limit_at(&limits, at);
        assert!(number <= limit, "dial {number} of {limit} at {at:?}");
    }
    at_rest(&net, &pools, &budget, seed).await;
    (served, cuts.load(Ordering::SeqCst))
}

// contract: pool-1, pool-2, pool-3, pool-6
#[test]
fn no_gale_loses_a_connection_a_seat_or_a_place_in_line() {
    let (mut all_served, mut dropped) = (0, 0);
    for seed in 0..SEEDS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let gale = catch_unwind(AssertUnwindSafe(|| runtime.block_on(gale(seed))));
        let (served, cuts) = gale.unwrap_or_else(|_| panic!("gale {seed} did what is said above"));
        all_served += served;
        dropped += cuts;
    }
    assert!(all_served >= 2_000, "tried little: {all_served} served");
    assert!(
        dropped >= 2_000,
        "only {dropped} futures were dropped half-way"
    );
}
