//! Endpoints that share by weight: evenly, after an outage again, and with
//! whoever is new.

use bowline_policy::endpoints::Choice;
use tokio::time::sleep;

use crate::world::{Answer, LIMIT, World, keep_busy, list, park, secs, settings, weighed};

#[tokio::test(start_paused = true)]
async fn connections_stand_as_the_weights_say() {
    let world = World::new(&["a", "b"]);
    let weights = weighed(&[("a", 30), ("b", 10)]);
    let pool = world.pool(settings(16, Choice::Weighted), weights);
    park(&pool, 16).await;
    sleep(secs(30)).await;
    assert_eq!(world.live(["a", "b"]), [12, 4]);
    let moves = world.moves().len();
    sleep(secs(60)).await;
    assert_eq!(world.moves().len(), moves, "and then they rest");

    pool.set_endpoints(weighed(&[("a", 10), ("b", 30)]));
    sleep(secs(30)).await;
    assert_eq!(
        world.live(["a", "b"]),
        [4, 12],
        "another word, another share"
    );
}

async fn share_after_an_outage(max: usize) -> [usize; 2] {
    let world = World::new(&["a", "b"]);
    let pool = world.pool(settings(max, Choice::Weighted), list(&["a", "b"]));
    park(&pool, 8).await;
    sleep(secs(10)).await;
    assert_eq!(world.live(["a", "b"]), [4, 4]);

    world.crash("a");
    keep_busy(&pool, 8, secs(60), || {}).await;
    // A full pool gives one up at a time to find out whether a is back.
    let [a, b] = world.live(["a", "b"]);
    assert!(a == 0 && b >= 7, "{a}, {b}");
    let during = world.dials("a");
    assert!(during <= 30, "{during} dials to one that is down");

    world.answer("a", Answer::Accept);
    let mut least = usize::MAX;
    let looked = world.clone();
    keep_busy(&pool, 8, secs(60), || {
        least = least.min(looked.live(["a", "b"]).iter().sum());
    })
    .await;
    assert!(least >= 7, "{least} were left at times");
    world.live(["a", "b"])
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn an_outage_is_made_good_where_there_is_room() {
    let [a, b] = share_after_an_outage(16).await;
    assert!(a.abs_diff(b) <= 1 && a + b <= 10, "{a}, {b}");
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn an_outage_is_made_good_in_a_full_and_busy_pool() {
    assert_eq!(share_after_an_outage(8).await, [4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_takes_its_share_of_many() {
    let world = World::new(&["a", "b", "c", "d", "e"]);
    let pool = world.pool(settings(8, Choice::Weighted), list(&["a", "b", "c", "d"]));
    park(&pool, 8).await;
    sleep(secs(20)).await;
    assert_eq!(world.live(["a", "b", "c", "d"]), [2; 4]);

    pool.set_endpoints(list(&["a", "b", "c", "d", "e"]));
    keep_busy(&pool, 8, secs(20), || {}).await;
    let shares = world.live(["a", "b", "c", "d", "e"]);
    assert_eq!(shares.iter().sum::<usize>(), 8);
    assert!(
        shares.iter().all(|share| (1..=2).contains(share)),
        "{shares:?}"
    );
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_black_hole_among_equals_is_ejected_and_costs_little() {
    let world = World::new(&["a", "b", "c"]);
    world.answer("a", Answer::Silence);
    let pool = world.pool(settings(9, Choice::Weighted), list(&["a", "b", "c"]));
    let waited = keep_busy(&pool, 6, secs(300), || {}).await;
    assert!(waited <= 2 * LIMIT, "{waited:?}");
    let dials = world.dials("a");
    assert!(dials <= 40, "{dials} dials to one that never answers");
    let [a, b, c] = world.live(["a", "b", "c"]);
    assert!(a == 0 && b.abs_diff(c) <= 1 && b + c >= 6, "{a} {b} {c}");
}
