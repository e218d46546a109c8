//! Checks before a connection is lent: who pays for them, and who learns of
//! what they find.

use bowline_pool::{CheckError, CloseReason, InvalidSettings, Pool};
use deadpool::managed::{Pool as Deadpool, Timeouts};
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Check, Link, Server, ms, settings};

/// Parks `count` connections in either pool.
async fn fill_deadpool(pool: &Deadpool<Server>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.get().await.unwrap());
    }
}

async fn fill(pool: &Pool<Link>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.checkout().await.unwrap());
    }
}

fn recycling_within(limit: std::time::Duration) -> Timeouts {
    Timeouts {
        recycle: Some(limit),
        ..Timeouts::new()
    }
}

/// deadpool drops what a check says: the caller gets another connection, and
/// nobody learns why the last one went.
#[tokio::test(start_paused = true)]
async fn deadpool_tells_nobody_why_a_check_failed() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(1);
    for (check, id) in [(Check::Fail, 1), (Check::Silence, 2)] {
        fill_deadpool(&pool, 1).await;
        server.check_by(check);
        let conn = pool.timeout_get(&recycling_within(ms(100))).await;
        assert_eq!(conn.unwrap().id, id, "{check:?}");
        server.check_by(Check::Pass(ms(0)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_is_told_with_its_reason() {
    let server = Server::new(ms(0));
    let checking = settings(1).check_limit(ms(100)).unwrap();
    let pool = server.pool(checking.ping_every(ms(1_000)).unwrap());
    for check in [Check::Fail, Check::Silence] {
        server.check_by(Check::Pass(ms(0)));
        fill(&pool, 1).await;
        server.check_by(check);
        sleep(ms(3_000)).await;
    }
    assert_eq!(server.reasons(), [CloseReason::Unproved; 2]);
    let failed = server.failed_checks();
    let [
        CheckError::Failed { source },
        CheckError::TimedOut { limit },
    ] = failed.as_slice()
    else {
        panic!("{failed:?}");
    };
    assert_eq!(source.to_string(), "that is no answer");
    assert_eq!(*limit, ms(100));
}

const LIMIT: std::time::Duration = std::time::Duration::from_secs(1);

/// deadpool checks one dead connection after another in the caller's time, each
/// for a whole limit.
#[tokio::test(start_paused = true)]
async fn a_caller_of_deadpool_waits_for_every_dead_connection_in_turn() {
    let server = Server::new(ms(50));
    let pool = server.deadpool(5);
    fill_deadpool(&pool, 5).await;
    server.check_by(Check::Silence);
    let begun = Instant::now();
    let conn = pool.timeout_get(&recycling_within(LIMIT)).await.unwrap();
    assert_eq!((conn.id, Instant::now() - begun), (5, 5 * LIMIT + ms(50)));
}

// contract: pool-7
#[tokio::test(start_paused = true)]
async fn a_caller_waits_for_one_dial_however_many_are_dead() {
    let server = Server::new(ms(50));
    let checking = settings(5).check_limit(LIMIT).unwrap();
    let pool = server.pool(checking.bypass_window(ms(10)).unwrap());
    fill(&pool, 5).await;
    server.check_by(Check::Silence);
    sleep(ms(20)).await;
    let begun = Instant::now();
    let conn = pool.checkout().await.unwrap();
    assert_eq!((conn.id, Instant::now() - begun), (5, ms(50)));
}

/// A caller that stops waiting during a check takes a healthy connection down,
/// and one during a connect throws the connect away.
#[tokio::test(start_paused = true)]
async fn whoever_gives_up_on_deadpool_destroys_a_connection() {
    let server = Server::new(ms(150));
    let pool = server.deadpool(1);
    assert!(timeout(ms(140), pool.get()).await.is_err());
    sleep(ms(1_000)).await;
    assert_eq!(server.opened(), 0, "the connect was thrown away");

    fill_deadpool(&pool, 1).await;
    server.check_by(Check::Pass(ms(100)));
    assert!(timeout(ms(90), pool.get()).await.is_err());
    assert_eq!((server.opened(), server.live()), (1, 0));
}

// contract: pool-5
#[tokio::test(start_paused = true)]
async fn whoever_gives_up_destroys_nothing() {
    let server = Server::new(ms(150));
    let pool = server.pool(settings(1).bypass_window(ms(10)).unwrap());
    assert!(timeout(ms(140), pool.checkout()).await.is_err());
    sleep(ms(30)).await;
    assert_eq!(pool.snapshot().parked, 1, "the connect went on");

    server.check_by(Check::Pass(ms(100)));
    assert!(timeout(ms(90), pool.checkout()).await.is_err());
    sleep(ms(15)).await;
    // The check went on as well, and spares the next caller one.
    let begun = Instant::now();
    assert_eq!(pool.checkout().await.unwrap().id, 0);
    assert_eq!(Instant::now(), begun);
    assert_eq!((server.opened(), server.live()), (1, 1));
}

/// A limit for checks in a pool without a runtime destroys everything idle: the
/// error about the missing runtime counts as a failed check.
#[tokio::test(start_paused = true)]
async fn a_limit_that_deadpool_cannot_keep_costs_every_idle_connection() {
    let server = Server::new(ms(0));
    let builder = Deadpool::<Server>::builder(server.clone()).max_size(3);
    let pool = builder.build().unwrap();
    fill_deadpool(&pool, 3).await;
    let conn = pool.timeout_get(&recycling_within(LIMIT)).await.unwrap();
    assert_eq!((conn.id, server.live()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_checks_costs_no_healthy_connection() {
    let server = Server::new(ms(0));
    let checking = settings(3).check_limit(LIMIT).unwrap();
    let pool = server.pool(checking.bypass_window(ms(10)).unwrap());
    fill(&pool, 3).await;
    sleep(ms(20)).await;
    assert!(pool.checkout().await.unwrap().id < 3);
    assert_eq!((server.opened(), server.live()), (3, 3));

    // And one that the settings cannot keep is refused before there is a pool.
    let refused = settings(3).check_limit(100 * LIMIT).unwrap_err();
    assert!(
        matches!(refused, InvalidSettings::TimeOver { value, limit, .. }
            if value == 100 * LIMIT && limit == 20 * LIMIT),
        "{refused}"
    );
}
