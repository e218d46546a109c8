//! Lists that change, and sources that have troubles.

use std::sync::{Arc, Mutex};

use bowline_link::discovery::{File, Problem, Refresh, Refreshing, Targets, Update};
use bowline_policy::backoff::{self, Schedule};
use bowline_policy::endpoints::{self, Choice, InvalidList};
use bowline_pool::{CloseReason, InvalidPool, Pool, Settings};
use futures_util::Stream;
use futures_util::stream::unfold;
use rand_pcg::Pcg64;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{CONNECT, Link, World, keep_busy, list, ms, park, secs, settings};

// contract: again-6
#[tokio::test(start_paused = true)]
async fn what_left_the_list_is_closed_once_it_is_free() {
    let world = World::new(&["a", "b"]);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a"]));
    park(&pool, 3).await;
    let held = pool.checkout().await.unwrap();
    pool.set_endpoints(list(&["b"]));
    sleep(ms(1)).await;
    assert_eq!(world.live(["a", "b"]), [1, 0], "the parked at once");
    assert_eq!(held.host(), "a");
    drop(held);
    assert_eq!(world.live(["a", "b"]), [0, 0], "the lent on return");
    assert_eq!(world.reasons(), [CloseReason::EndpointGone; 3]);
    assert_eq!(pool.checkout().await.unwrap().host(), "b");
    let names: Vec<_> = pool.snapshot().endpoints;
    assert_eq!(names.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_lands_after_its_endpoint_left_serves_nobody() {
    let world = World::new(&["a", "b"]);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a"]));
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(|lent| lent.host().to_owned()) });
    sleep(CONNECT / 2).await;
    pool.set_endpoints(list(&["b"]));
    assert_eq!(callers.join_next().await.unwrap().unwrap().unwrap(), "b");
    assert_eq!(world.reasons(), [CloseReason::EndpointGone]);
}

#[tokio::test(start_paused = true)]
async fn callers_notice_no_change_of_the_list() {
    for choice in [Choice::Ordered, Choice::Weighted, Choice::Fastest] {
        let world = World::new(&["a", "b", "c", "d"]);
        let pool = world.pool(settings(4, choice), list(&["a", "b"]));
        let changing = pool.clone();
        let mut turns = JoinSet::new();
        turns.spawn(async move {
            for hosts in [["c", "d"], ["a", "d"], ["b", "a"], ["d", "c"]]
                .iter()
                .cycle()
                .take(40)
            {
                sleep(ms(330)).await;
                changing.set_endpoints(list(hosts));
            }
        });
        let waited = keep_busy(&pool, 6, secs(15), || {}).await;
        assert!(waited <= ms(400), "{choice:?}: {waited:?}");
        turns.join_all().await;
        let [a, b, c, d] = world.live(["a", "b", "c", "d"]);
        assert_eq!((a, b), (0, 0), "{choice:?}: {c} {d}");
    }
}

/// A source that says what it is told to.
type Script = mpsc::UnboundedSender<Update<String>>;

fn source() -> (Script, impl Stream<Item = Update<String>> + Send + 'static) {
    let (script, lines) = mpsc::unbounded_channel();
    let stream = unfold(lines, |mut lines| async move {
        let update: Update<String> = lines.recv().await?;
        Some((update, lines))
    });
    (script, stream)
}

fn discovering(world: &World, known: Option<Targets>) -> (Script, Pool<Link>) {
    let (script, stream) = source();
    let mut builder = world
        .builder(settings(4, Choice::Ordered))
        .discovered(stream);
    if let Some(known) = known {
        builder = builder.targets(known);
    }
    (script, builder.build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn callers_wait_for_the_first_list_and_a_known_one_bridges_the_time() {
    let world = World::new(&["a", "b"]);
    let (script, pool) = discovering(&world, None);
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(|lent| lent.host().to_owned()) });
    sleep(secs(2)).await;
    script.send(Update::List(list(&["a"]))).unwrap();
    assert_eq!(callers.join_next().await.unwrap().unwrap().unwrap(), "a");

    let (_script, pool) = discovering(&world, Some(list(&["b"])));
    assert_eq!(pool.checkout().await.unwrap().host(), "b");
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_source_in_trouble_leaves_the_last_list_in_force() {
    let world = World::new(&["a", "b"]);
    let (script, pool) = discovering(&world, None);
    script.send(Update::List(list(&["a"]))).unwrap();
    park(&pool, 2).await;
    let troubles = [
        Problem::Failed {
            error: "no name server".to_owned(),
            age: Some(secs(5)),
            again: secs(1),
        },
        Problem::Silent {
            after: secs(30),
            age: None,
            again: secs(1),
        },
        Problem::Expired {
            age: secs(90_000),
            max_stale: secs(86_400),
        },
    ];
    for trouble in troubles {
        script.send(Update::Problem(trouble)).unwrap();
        sleep(secs(2)).await;
    }
    let problems = world.problems();
    assert_eq!(problems.len(), 3);
    assert!(problems[0].contains("no name server"), "{}", problems[0]);
    assert_eq!(world.live(["a"]), [2], "nothing is closed for it");
    let held = [pool.checkout().await, pool.checkout().await];
    assert_eq!(
        pool.checkout().await.unwrap().host(),
        "a",
        "and a is dialed"
    );
    drop(held);

    // The source recovers, and then ends; its last word stays.
    script.send(Update::List(list(&["b"]))).unwrap();
    drop(script);
    sleep(secs(2)).await;
    assert_eq!(world.live(["a"]), [0]);
    assert_eq!(pool.checkout().await.unwrap().host(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_long_is_refused_and_the_last_one_kept() {
    let world = World::new(&["a", "b", "c"]);
    let two = endpoints::Settings::new(Choice::Ordered).endpoints_max(2);
    let narrow: Settings = settings(4, Choice::Ordered).endpoints(two.unwrap());
    let pool = world.pool(narrow.clone(), list(&["a", "b"]));
    park(&pool, 2).await;
    pool.set_endpoints(list(&["c", "b", "a"]));
    sleep(secs(2)).await;
    assert_eq!(
        world.problems().iter().map(|it| &**it).collect::<Vec<_>>(),
        ["3 endpoints are over the limit of 2"]
    );
    assert_eq!((world.live(["a"]), world.dials("c")), ([2], 0));
    assert_eq!(pool.snapshot().endpoints.len(), 2);

    let built = world
        .builder(narrow)
        .targets(list(&["a", "b", "c"]))
        .build();
    let too_many = InvalidPool::List(InvalidList::TooMany { given: 3, most: 2 });
    assert_eq!(built.unwrap_err(), too_many);
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_endpoints_is_refused() {
    let world = World::new(&[]);
    let empty = world.builder(settings(4, Choice::Ordered)).endpoints([]);
    assert!(matches!(empty.unwrap_err(), InvalidPool::Targets(_)));
    let none = world.builder(settings(4, Choice::Ordered)).build();
    assert_eq!(none.unwrap_err(), InvalidPool::NoEndpoints);
}

#[tokio::test(start_paused = true)]
async fn a_watched_file_is_followed_and_a_bad_one_is_not() {
    let world = World::new(&["a", "b"]);
    let text = Arc::new(Mutex::new("a:7400 # the first".to_owned()));
    let read = Arc::clone(&text);
    let file = File::read_by(move || {
        let bytes = read.lock().unwrap().clone().into_bytes();
        async { Ok(bytes) }
    });
    let again = Schedule::exponential(secs(1), secs(2)).unwrap();
    let refreshing = Refreshing::new(
        file,
        Refresh::every(secs(5)).unwrap(),
        backoff::Maker::new(again, 1).session(),
        Pcg64::new(1, 1),
    );
    let builder = world.builder(settings(4, Choice::Ordered));
    let pool = builder.discovered(refreshing).build().unwrap();
    park(&pool, 2).await;
    assert_eq!(world.live(["a", "b"]), [2, 0]);

    for bad in ["", "a:7400 first", "what:is:this"] {
        bad.clone_into(&mut text.lock().unwrap());
        sleep(secs(10)).await;
        assert_eq!(world.live(["a", "b"]), [2, 0], "{bad:?}");
        assert!(!world.problems().is_empty(), "{bad:?}");
    }

    "b:7400\n".clone_into(&mut text.lock().unwrap());
    let changed_at = Instant::now();
    let waited = keep_busy(&pool, 2, secs(10), || {}).await;
    assert!(waited <= CONNECT, "{waited:?}");
    assert_eq!(world.live(["a", "b"]), [0, 2]);
    assert!(Instant::now() - changed_at >= secs(10));
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told() {
    let world = World::new(&["a", "b"]);
    let pool = world.pool(settings(4, Choice::Ordered), list(&["a"]));
    pool.set_endpoints(list(&["b", "a"]));
    sleep(ms(1)).await;
    assert_eq!(world.counts(), [2]);
}
