//! Endpoints in order of preference: away from the first at once, back to it in
//! time.

use bowline_policy::endpoints::Choice;
use bowline_pool::CloseReason;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, CONNECT, LIMIT, World, keep_busy, list, ms, park, secs, settings};

#[tokio::test(start_paused = true)]
async fn the_next_that_answers_takes_over_at_once() {
    let world = World::new(&["a", "b", "c"]);
    world.answer("a", Answer::Refuse);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a", "b", "c"]));
    let begun = Instant::now();
    let lent = pool.checkout().await.unwrap();
    assert_eq!((lent.host(), Instant::now() - begun), ("b", CONNECT));
    // The second caller does not pay for what the first one learned.
    let again = pool.checkout().await.unwrap();
    assert_eq!(again.host(), "b");
    assert_eq!((world.dials("a"), world.dials("c")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_one_connect_and_later_callers_nothing() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Silence);
    let pool = world.pool(settings(8, Choice::Ordered), list(&["a", "b"]));
    let begun = Instant::now();
    drop(pool.checkout().await.unwrap());
    assert_eq!(Instant::now() - begun, LIMIT + CONNECT);
    let waited = keep_busy(&pool, 4, secs(120), || {}).await;
    assert!(waited <= CONNECT, "{waited:?}");
    // From 7.5 to 12.5 s apart.
    let probes = world.dials("a") - 1;
    assert!((9..=16).contains(&probes), "{probes} probes");
    assert_eq!(world.live(["a", "b"]), [0, 4]);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_fallback_is_left_one_by_one_after_proven_health() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let unhurried = settings(8, Choice::Ordered).move_gap(secs(4)).unwrap();
    let pool = world.pool(unhurried, list(&["a", "b"]));
    park(&pool, 4).await;
    assert_eq!(world.live(["a", "b"]), [0, 4]);

    world.answer("a", Answer::Accept);
    let well = Instant::now();
    let mut least = usize::MAX;
    while world.moves().is_empty() {
        sleep(ms(100)).await;
        let [trial, others] = world.live(["a", "b"]);
        assert!(trial <= 2, "{trial} went before it had proved itself");
        least = least.min(others);
        assert!(Instant::now() - well < secs(120));
    }
    assert!(Instant::now() - well >= secs(60), "a minute of health");
    assert_eq!(least, 4, "nobody left before");

    for _ in 0..200 {
        sleep(ms(100)).await;
        let [ahead, behind] = world.live(["a", "b"]);
        assert!(ahead + behind >= 4, "the new one first");
    }
    let [ahead, behind] = world.live(["a", "b"]);
    assert!(ahead >= 4 && behind == 0, "{ahead}, {behind}");
    let moves = world.moves();
    assert_eq!(moves.len(), 4);
    for pair in moves.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= secs(2), "a gap between moves");
    }
    let moved = |reason: &CloseReason| *reason == CloseReason::Moved;
    assert!(world.reasons().iter().all(moved), "{:?}", world.reasons());
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_full_and_busy_goes_back_too_and_nobody_notices() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a", "b"]));
    park(&pool, 4).await;
    world.answer("a", Answer::Accept);
    let mut trial = 0;
    let mut least = usize::MAX;
    let looked = world.clone();
    // One caller more than there are connections.
    let waited = keep_busy(&pool, 5, secs(130), || {
        let [ahead, behind] = looked.live(["a", "b"]);
        if looked.moves().is_empty() {
            trial = trial.max(ahead);
        }
        least = least.min(ahead + behind);
    });
    let waited = waited.await;
    assert_eq!(trial, 1, "one is risked to learn how it is there");
    assert!(least >= 3, "{least} were left at times");
    assert!(waited <= ms(200), "{waited:?}");
    assert_eq!(world.live(["a", "b"]), [4, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_into_a_black_hole_takes_one_place_of_a_full_pool() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Silence);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a", "b"]));
    let mut least = usize::MAX;
    park(&pool, 4).await;
    let looked = world.clone();
    let waited = keep_busy(&pool, 4, secs(60), || {
        least = least.min(looked.live(["b"])[0]);
    });
    let waited = waited.await;
    assert!(least >= 3, "{least} were left at times");
    assert!(waited <= LIMIT, "{waited:?}");
    assert!(world.dials("a") <= 9, "{} dials", world.dials("a"));
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn one_that_flaps_is_not_gone_back_to() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let pool = world.pool(settings(8, Choice::Ordered), list(&["a", "b"]));
    park(&pool, 4).await;
    for _ in 0..10 {
        world.answer("a", Answer::Accept);
        keep_busy(&pool, 4, secs(40), || {}).await;
        world.crash("a");
        keep_busy(&pool, 4, secs(15), || {}).await;
    }
    assert_eq!(world.moves(), []);
    assert_eq!(world.live(["b"]), [4]);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_fleet_goes_back_at_times_of_its_own() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let settings = settings(2, Choice::Ordered);
    let mut fleet = Vec::new();
    for _ in 0..8 {
        let pool = world.pool(settings.clone(), list(&["a", "b"]));
        park(&pool, 1).await;
        fleet.push(pool);
    }
    world.answer("a", Answer::Accept);
    sleep(secs(130)).await;
    let moves = world.moves();
    assert_eq!(moves.len(), 8);
    let spread = moves[7].0 - moves[0].0;
    assert!(spread >= secs(8), "{spread:?}");
    drop(fleet);
}

#[tokio::test(start_paused = true)]
async fn a_move_that_is_called_off_closes_nothing_later() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let pool = world.pool(settings(1, Choice::Ordered), list(&["a", "b"]));
    let held = pool.checkout().await.unwrap();
    world.answer("a", Answer::Accept);
    // The pool is full and its connection lent: a probe waits for its return.
    sleep(secs(30)).await;
    pool.set_endpoints(list(&["b"]));
    sleep(secs(1)).await;
    drop(held);
    sleep(secs(5)).await;
    assert_eq!(world.reasons(), []);
    assert_eq!(world.live(["a", "b"]), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_by_itself_leaves_its_successor_alone() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let pool = world.pool(settings(1, Choice::Ordered), list(&["a", "b"]));
    let held = pool.checkout().await.unwrap();
    world.answer("a", Answer::Accept);
    sleep(secs(30)).await;
    // It has been asked to leave, and does, though not for that.
    held.discard();
    sleep(secs(1)).await;
    assert_eq!(world.live(["a", "b"]), [1, 0]);

    world.crash("a");
    let lent = pool.checkout().await.unwrap();
    assert_eq!(lent.host(), "b");
    drop(lent);
    assert_eq!(world.live(["a", "b"]), [0, 1]);
}
