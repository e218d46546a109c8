//! Connections that grow old, and those that take their place.

use std::time::Duration;

use bowline_policy::lifetime;
use bowline_pool::{Cause, CloseReason, Event, Settings};
use tokio::time::{Instant, advance, sleep};

use crate::world::{Net, exactly, ms, settings};

const AGE: Duration = Duration::from_secs(60);

fn ageing(max: usize, min: usize) -> Settings {
    let settings = settings(max).min(min).unwrap();
    settings.lifetime(exactly(AGE, AGE))
}

fn causes(net: &Net) -> Vec<Cause> {
    let events = net.events().into_iter();
    let causes = events.filter_map(|event| match event {
        Event::Opened { cause, .. } => Some(cause),
        _ => None,
    });
    causes.collect()
}

#[tokio::test(start_paused = true)]
async fn a_successor_comes_first_and_each_end_of_age_costs_one_dial() {
    let net = Net::new();
    let pool = net.pool(ageing(10, 2));
    pool.warmed_up().await.unwrap();
    let begun = Instant::now();
    while Instant::now() - begun < AGE * 10 {
        sleep(ms(100)).await;
        let open = pool.snapshot().open - pool.snapshot().dialing;
        assert!(open >= 2, "{open} open");
    }
    let ended = net.reasons();
    assert!(
        ended.iter().all(|reason| *reason == CloseReason::Age),
        "{ended:?}"
    );
    assert!((18..=24).contains(&ended.len()), "{} ended", ended.len());
    let (causes, open) = (causes(&net), pool.snapshot().open);
    assert_eq!(causes[..2], [Cause::Min; 2]);
    assert!(causes[2..].iter().all(|cause| *cause == Cause::Succession));
    assert_eq!(causes.len(), ended.len() + open);
    assert!(net.peak() <= 4, "{} at once", net.peak());
}

#[tokio::test(start_paused = true)]
async fn without_room_the_old_one_goes_first() {
    let net = Net::new();
    let pool = net.pool(ageing(2, 2));
    pool.warmed_up().await.unwrap();
    sleep(AGE * 5).await;
    assert_eq!((net.peak(), net.live()), (2, 2));
    assert!(causes(&net).iter().all(|cause| *cause == Cause::Min));
    assert!(net.opened() >= 2 * 4, "{}", net.opened());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_has_a_successor_too() {
    let net = Net::new();
    let pool = net.pool(ageing(10, 0));
    let held = pool.checkout().await.unwrap();
    sleep(AGE + ms(5_000)).await;
    assert_eq!(causes(&net), [Cause::Demand, Cause::Succession]);
    let before = Instant::now();
    drop(held);
    assert_eq!(net.reasons(), [CloseReason::Age]);
    let next = pool.checkout().await.unwrap();
    assert_eq!((next.get_ref().id, Instant::now()), (1, before));
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn nobody_gets_a_connection_over_its_age() {
    let never = Duration::from_secs(3_000);
    for (wait, id) in [(AGE - ms(1), 0), (AGE, 1)] {
        let net = Net::new();
        let pool = net.pool(ageing(2, 0).sweep_every(never).unwrap());
        drop(pool.checkout().await.unwrap());
        advance(wait).await;
        assert_eq!(pool.checkout().await.unwrap().get_ref().id, id);
        assert_eq!(net.reasons(), [CloseReason::Age][..id]);
    }
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_connection_that_grew_old_on_loan_goes_to_nobody() {
    let net = Net::new();
    let pool = net.pool(ageing(1, 0));
    let held = pool.checkout().await.unwrap();
    sleep(AGE - ms(500)).await;
    let mut callers = tokio::task::JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
    sleep(ms(500)).await;
    drop(held);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!(net.reasons(), [CloseReason::Age]);
}

#[tokio::test(start_paused = true)]
async fn those_born_together_end_apart() {
    let (age, gap) = (Duration::from_secs(100), Duration::from_secs(2));
    let lifetime = lifetime::Settings::new(age, age).unwrap().gap(gap).unwrap();
    let limits = settings(8).max_connecting(8).unwrap().lifetime(lifetime);
    let net = Net::new();
    let pool = net.pool(limits.sweep_every(ms(10)).unwrap());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap() });
    }
    drop(callers.join_all().await);
    for _ in 0..10 {
        // So that none of them lies idle for long.
        let mut held = Vec::new();
        held.extend(std::iter::from_fn(|| pool.try_checkout()));
        drop(held);
        sleep(age / 10).await;
    }
    sleep(ms(1_000)).await;
    let ages = net.events().into_iter().filter_map(|event| match event {
        Event::Closed { age, reason, .. } => Some((age, reason)),
        _ => None,
    });
    let ages: Vec<_> = ages.collect();
    assert_eq!(ages.len(), 8);
    for pair in ages.windows(2) {
        let [(one, _), (next, reason)] = pair else {
            unreachable!("windows of two");
        };
        assert!(*next - *one >= gap - ms(20), "{one:?} {next:?}");
        assert_eq!(*reason, CloseReason::Age);
    }
    assert!(
        ages[0].0 >= age - age / 4 && ages[7].0 <= age + ms(10),
        "{ages:?}"
    );
}
