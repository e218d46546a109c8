//! Hand-overs raced on real threads. A wake-up that is lost shows as a caller
//! who times out, so nothing here measures time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_pool::Settings;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::world::{Answer, Net, settings};

fn at_once() -> Net {
    Net::answering(|| Answer::Accept(Duration::ZERO))
}

fn patient(max: usize) -> Settings {
    settings(max).wait(Duration::from_secs(20)).unwrap()
}

/// Shifts the two sides of a race against each other by a little.
pub(crate) fn shift(turns: usize) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}

/// Where two threads meet again and again, closer than a scheduler could bring
/// two tasks together.
#[derive(Default)]
pub(crate) struct Meeting {
    came: AtomicUsize,
    over: AtomicBool,
}

pub(crate) struct Side<'a>(pub(crate) &'a Meeting);

impl Side<'_> {
    /// Waits for the other side; panics if it has left, rather than for ever.
    pub(crate) fn meet(&self, number: usize) {
        self.0.came.fetch_add(1, Ordering::SeqCst);
        let mut turns = 0_u32;
        while self.0.came.load(Ordering::SeqCst) < 2 * number {
            assert!(!self.0.over.load(Ordering::SeqCst), "the other side failed");
            turns += 1;
            if turns.is_multiple_of(1_000) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        self.0
            .over
            .store(std::thread::panicking(), Ordering::SeqCst);
    }
}

fn look<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

// contract: pool-2
#[test]
fn a_connection_that_comes_back_as_a_caller_joins_reaches_it() {
    const ROUNDS: usize = 100_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let pool = runtime.block_on(async { at_once().pool(patient(1)) });
    drop(runtime.block_on(pool.checkout()).unwrap());

    let meeting = Meeting::default();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _entered = runtime.enter();
            let lender = Side(&meeting);
            for round in 0..ROUNDS {
                let conn = look(pin!(pool.checkout())).expect("it is parked").unwrap();
                lender.meet(3 * round + 1);
                shift(round % 31);
                drop(conn);
                lender.meet(3 * round + 2);
                lender.meet(3 * round + 3);
            }
        });
        let _entered = runtime.enter();
        let caller = Side(&meeting);
        for round in 0..ROUNDS {
            let mut checkout = pin!(pool.checkout());
            caller.meet(3 * round + 1);
            shift(round % 29);
            let at_once = look(checkout.as_mut());
            caller.meet(3 * round + 2);
            // Both have acted: whoever was late, the connection is here by now.
            let conn = at_once.or_else(|| look(checkout.as_mut()));
            drop(
                conn.unwrap_or_else(|| panic!("lost in round {round}"))
                    .unwrap(),
            );
            caller.meet(3 * round + 3);
        }
    });
}

// contract: pool-1, pool-2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_on_few_connections_are_all_served() {
    let net = at_once();
    let pool = net.pool(patient(3));
    let mut callers = JoinSet::new();
    for caller in 0..16 {
        let pool = pool.clone();
        callers.spawn(async move {
            for turn in 0..2_000 {
                let conn = pool.checkout().await.expect("three go round");
                // Some are closed, so that seats and dials race as well.
                match (caller + turn) % 50 {
                    0 => conn.discard(),
                    1..10 => {
                        tokio::task::yield_now().await;
                        drop(conn);
                    }
                    _ => drop(conn),
                }
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    assert!(net.peak() <= 3, "peak {}", net.peak());
    let held = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    assert_eq!(net.live(), held.len());
}

// contract: pool-2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_comes_back_as_the_pool_closes_is_closed() {
    for round in 0..3_000 {
        let net = at_once();
        let pool = net.pool(patient(1));
        let conn = pool.checkout().await.unwrap();
        let start = Arc::new(Barrier::new(2));
        let mut sides = JoinSet::new();
        let returning = Arc::clone(&start);
        sides.spawn(async move {
            returning.wait().await;
            shift(round % 61);
            drop(conn);
        });
        let closing = pool.clone();
        sides.spawn(async move {
            start.wait().await;
            shift(round % 53);
            closing.close();
        });
        while let Some(side) = sides.join_next().await {
            side.unwrap();
        }
        assert_eq!(net.live(), 0, "round {round}");
    }
}
