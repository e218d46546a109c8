//! Several pools under one budget: who gives, who gets, and that the sum holds.

use std::time::Duration;

use bowline_pool::{Budget, CloseReason, Pool, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Net, Streamed, borrow, ms, settings};

const LONG: Duration = Duration::from_secs(600);

/// It looks at what is parked only when it has a reason.
fn seldom(max: usize) -> Settings {
    settings(max).sweep_every(LONG).unwrap()
}

fn pool(net: &Net, settings: Settings, budget: &Budget) -> Pool<Streamed> {
    let pool = net.pinging(settings, &["a"]).budget(budget);
    pool.build().unwrap()
}

/// Callers who never rest.
fn besiege(pool: &Pool<Streamed>, callers: usize) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let pool = pool.clone();
        tasks.spawn(async move {
            loop {
                let conn = pool.checkout().await;
                sleep(ms(5)).await;
                drop(conn);
            }
        });
    }
    tasks
}

// contract: pool-1
#[tokio::test(start_paused = true)]
async fn an_idle_pool_gives_at_once_what_is_asked_for_and_no_more() {
    let net = Net::new();
    let budget = Budget::new(6).unwrap();
    let rich = pool(&net, seldom(6), &budget);
    let poor = pool(&net, seldom(6), &budget);
    drop(borrow(&rich, 6).await);

    let before = Instant::now();
    let held = poor.checkout().await.unwrap();
    assert_eq!(Instant::now() - before, ms(50));
    sleep(ms(100)).await;
    assert_eq!((rich.snapshot().open, poor.snapshot().open), (5, 1));
    assert_eq!(net.reasons(), [CloseReason::Yielded]);
    drop(held);
    assert_eq!(net.peak(), 6);
}

// contract: pool-1
#[tokio::test(start_paused = true)]
async fn an_idle_pool_gives_down_to_its_min() {
    let net = Net::new();
    let budget = Budget::new(6).unwrap();
    let rich = pool(&net, seldom(6).min(2).unwrap(), &budget);
    let poor = pool(&net, seldom(6), &budget);
    drop(borrow(&rich, 6).await);

    let mut callers = JoinSet::new();
    for _ in 0..6 {
        let poor = poor.clone();
        callers.spawn(async move {
            let _conn = poor.checkout().await.unwrap();
            sleep(ms(300)).await;
        });
    }
    sleep(ms(250)).await;
    assert_eq!((rich.snapshot().open, poor.snapshot().open), (2, 4));
    assert_eq!(net.reasons(), [CloseReason::Yielded; 4]);
    callers.join_all().await;
    assert_eq!((net.peak(), budget.open()), (6, 6));
}

// contract: pool-1
#[tokio::test(start_paused = true)]
async fn a_pool_with_nothing_gets_its_share_of_what_busy_pools_hold() {
    let net = Net::new();
    let budget = Budget::new(9).unwrap();
    let pools: Vec<_> = (0..3).map(|_| pool(&net, settings(9), &budget)).collect();
    let first = besiege(&pools[0], 20);
    sleep(ms(500)).await;
    assert_eq!(pools[0].snapshot().open, 9);

    let second = besiege(&pools[1], 20);
    sleep(ms(2_000)).await;
    let open = |number: usize| pools[number].snapshot().open;
    assert!(
        open(0).abs_diff(open(1)) <= 1,
        "{} and {}",
        open(0),
        open(1)
    );

    let third = besiege(&pools[2], 20);
    sleep(ms(2_000)).await;
    assert_eq!((open(0), open(1), open(2)), (3, 3, 3));
    assert_eq!(net.peak(), 9);
    // Even shares are left alone.
    let dials = net.dials();
    sleep(ms(2_000)).await;
    assert_eq!(net.dials(), dials);

    drop((second, third));
    sleep(ms(2_000)).await;
    assert_eq!((open(0), open(1) + open(2)), (9, 0));
    assert_eq!((net.peak(), budget.open()), (9, 9));
    drop(first);
}

// contract: pool-1, pool-10
#[tokio::test(start_paused = true)]
async fn a_budget_that_shrinks_takes_the_parked_now_and_the_lent_on_return() {
    let net = Net::new();
    let budget = Budget::new(8).unwrap();
    let (one, two) = (
        pool(&net, seldom(8), &budget),
        pool(&net, seldom(8), &budget),
    );
    let mut held = borrow(&one, 4).await;
    drop(borrow(&two, 4).await);
    budget.resize(5).unwrap();
    sleep(ms(1)).await;
    assert_eq!((one.snapshot().open, two.snapshot().open), (4, 1));
    budget.resize(2).unwrap();
    sleep(ms(1)).await;
    assert_eq!((one.snapshot().open, two.snapshot().open), (4, 0));
    let dials = net.dials();
    let in_vain = timeout(ms(200), two.checkout()).await;
    assert!(in_vain.is_err());
    assert_eq!(net.dials(), dials, "none until below");
    held.drain(..3);
    assert_eq!((net.live(), budget.open()), (2, 2), "the third may stay");
    let granted = two.checkout().await.unwrap();
    assert_eq!((net.live(), net.peak()), (2, 8));
    drop(granted);
    assert_eq!(
        budget.resize(0).unwrap_err().to_string(),
        "budget 0 is not within 1 and 65536"
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_for_somebody_who_no_longer_waits() {
    let net = Net::new();
    let budget = Budget::new(1).unwrap();
    let (one, two) = (
        pool(&net, seldom(1), &budget),
        pool(&net, seldom(1), &budget),
    );
    let held = one.checkout().await.unwrap();
    // In the moment in which the caller gives up, before any keeper's turn.
    assert!(timeout(ms(10), two.checkout()).await.is_err());
    drop(held);
    sleep(ms(100)).await;
    assert_eq!((net.reasons(), one.snapshot().parked), (vec![], 1));

    let held = one.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    let waiting = two.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop).is_err() });
    sleep(ms(10)).await;
    two.close();
    drop(held);
    sleep(ms(100)).await;
    assert_eq!((net.reasons(), one.snapshot().parked), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_pool_gives_what_lies_aside() {
    let net = Net::new();
    let budget = Budget::new(3).unwrap();
    let (one, two) = (
        pool(&net, seldom(3), &budget),
        pool(&net, seldom(3), &budget),
    );
    drop(borrow(&one, 3).await);
    one.suspend(bowline_pool::Suspend::Wait);
    let before = Instant::now();
    let _held = two.checkout().await.unwrap();
    assert_eq!(Instant::now() - before, ms(50));
    assert_eq!(one.snapshot().parked, 2);
}
