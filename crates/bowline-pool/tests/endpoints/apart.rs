//! What one endpoint does is held against no other.

use bowline_policy::backoff::{Jitter, Schedule};
use bowline_policy::breaker;
use bowline_policy::endpoints::Choice;
use bowline_pool::{Error, State};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, CONNECT, World, list, ms, park, secs, settings};

#[tokio::test(start_paused = true)]
async fn each_endpoint_has_a_backoff_of_its_own() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let slow = Schedule::exponential(secs(20), secs(20)).unwrap();
    let slow = slow.jitter(Jitter::None).unwrap();
    let pool = world.pool(
        settings(4, Choice::Ordered).backoff(slow),
        list(&["a", "b"]),
    );
    park(&pool, 2).await;
    world.crash("b");
    world.answer("b", Answer::Accept);
    // Nothing of b's was refused, so b is dialed at once; a is held back.
    let begun = Instant::now();
    assert_eq!(pool.checkout().await.unwrap().host(), "b");
    assert_eq!(Instant::now() - begun, CONNECT);
    assert_eq!(world.dials("a"), 1);
    let snapshot = pool.snapshot();
    let failing: Vec<_> = snapshot.endpoints.iter().map(|it| it.failing).collect();
    assert_eq!((failing, snapshot.state), (vec![true, false], State::Open));
}

#[tokio::test(start_paused = true)]
async fn each_endpoint_has_a_breaker_of_its_own() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    let breaker = breaker::Settings::new(1)
        .unwrap()
        .open_for(secs(30), secs(60))
        .unwrap();
    let pool = world.pool(
        settings(4, Choice::Weighted).breaker(breaker),
        list(&["a", "b"]),
    );
    let begun = Instant::now();
    park(&pool, 4).await;
    assert_eq!(world.live(["a", "b"]), [0, 4]);
    sleep(secs(10)).await;
    assert!(
        world.dials("a") <= 1,
        "a is left alone while its breaker is open"
    );

    world.crash("b");
    let error = pool.checkout().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert!(
        Instant::now() - begun < secs(12),
        "both are open: told at once"
    );
}

/// Dials to `a` in this span after it was ejected.
fn dials_within(world: &World, from: Instant, to: Instant) -> usize {
    let dialed_at = world.dialed_at("a");
    let within = dialed_at.iter().filter(|at| (from..to).contains(*at));
    within.count()
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn one_that_fails_again_and_again_is_ejected_and_let_back_in() {
    let world = World::new(&["a", "b"]);
    world.answer("a", Answer::Refuse);
    world.answer("b", Answer::Refuse);
    let steady = Schedule::exponential(ms(100), ms(100)).unwrap();
    let steady = steady.jitter(Jitter::None).unwrap();
    let patient = settings(1, Choice::Ordered)
        .backoff(steady)
        .fail_fast_after(secs(60))
        .unwrap()
        .wait(secs(60))
        .unwrap();
    let pool = world.pool(patient, list(&["a", "b"]));
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(|lent| lent.host().to_owned()) });
    sleep(secs(20)).await;

    let dialed_at = world.dialed_at("a");
    let ejected = dialed_at[2];
    // A penalty of 5 s, of which the last quarter is jitter.
    let back = dialed_at[3];
    assert!(
        (ms(3_750)..=ms(5_200)).contains(&(back - ejected)),
        "{:?}",
        back - ejected
    );
    assert_eq!(dials_within(&world, ejected + ms(1), back), 0);
    let dials = world.dials("a") + world.dials("b");
    assert!(dials >= 180, "never both at once: {dials} dials");

    world.answer("b", Answer::Accept);
    let served_by = callers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(served_by, "b");
}
