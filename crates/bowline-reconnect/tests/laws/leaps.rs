//! A machine that slept: the connection is checked or replaced, a wait cut short.

use std::collections::BTreeSet;

use bowline_reconnect::{LostReason, State};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, ms, recorder, schedule, secs};
use crate::net::{Net, Wall, at, targets};

const NIGHT: std::time::Duration = std::time::Duration::from_secs(8 * 3600);

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_its_check_survives_a_suspend() {
    let (peer, wall) = (Peer::new(Dial::Accept), Wall::new());
    peer.set_healthy(true);
    let (observer, record) = recorder();
    let link = peer
        .link()
        .wall_clock(wall.clone())
        .observer(observer)
        .build();
    sleep(secs(60)).await;
    wall.leap(NIGHT);
    sleep(secs(60)).await;
    assert_eq!(link.oneshot("hello").await.unwrap(), 1);
    let record = record.lock().unwrap();
    let leapt = record.iter().filter(|line| line.starts_with("leapt"));
    assert_eq!(leapt.count(), 1, "{record:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_is_lost_and_called_again() {
    let (peer, wall) = (Peer::new(Dial::Accept), Wall::new());
    peer.set_healthy(true);
    let (observer, record) = recorder();
    let link = peer
        .link()
        .wall_clock(wall.clone())
        .observer(observer)
        .build();
    sleep(secs(60)).await;
    wall.leap(NIGHT);
    peer.set_healthy(false);
    sleep(secs(15)).await;
    assert_eq!(link.oneshot("hello").await.unwrap(), 2);
    let lost = format!("{:?}: no answer to the check", LostReason::CheckFailed);
    let record = record.lock().unwrap();
    assert!(
        record.iter().any(|line| line.ends_with(&lost)),
        "{record:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_checked_is_replaced_before_it_is_left_and_not_by_all_at_once() {
    let mut replaced = BTreeSet::new();
    for seed in 0..12 {
        let (net, wall) = (Net::new(&["a"]), Wall::new());
        let link = net.link_seeded(&["a"], schedule(), seed);
        let link = link.wall_clock(wall.clone()).build();
        sleep(secs(60)).await;
        wall.leap(NIGHT);
        let began = Instant::now();
        let mut state = link.state();
        while !matches!(*state.borrow(), State::Ready { epoch: 2, .. }) {
            assert!(state.borrow().is_ready(), "never without a connection");
            state.changed().await.unwrap();
        }
        replaced.insert(Instant::now() - began);
    }
    let (first, last) = (*replaced.first().unwrap(), *replaced.last().unwrap());
    assert!(last <= secs(5 + 2) + ms(200), "{replaced:?}");
    assert!(last - first > ms(800), "{replaced:?}");
}

// The check took the place of the move, which was forgotten when it was content.
// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_list_that_changes_around_a_check_is_heeded() {
    for before in [true, false] {
        let (net, wall) = (Net::new(&["a", "b"]), Wall::new());
        net.peer("a").set_healthy(true);
        let link = net.link(&["a", "b"], schedule());
        let link = link.wall_clock(wall.clone()).move_splay(secs(60)).build();
        // The clocks are compared every five seconds, from the first connection on.
        sleep(ms(59_900)).await;
        if before {
            link.set_endpoints(&targets(&["b"])).unwrap();
        }
        wall.leap(NIGHT);
        sleep(ms(300)).await;
        if !before {
            link.set_endpoints(&targets(&["b"])).unwrap();
        }
        sleep(secs(70)).await;
        let state = link.state().borrow().clone();
        assert!(
            matches!(&state, State::Ready { endpoint, .. } if *endpoint == at("b")),
            "{before}: {state:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_cut_short_by_a_suspend_but_no_clock_set_back_does_anything() {
    let (peer, wall) = (Peer::new(Dial::Refuse), Wall::new());
    let link = peer.link().wall_clock(wall.clone()).build();
    let mut state = link.state();
    // The wait of 32 s has begun.
    let waits = |state: &State| matches!(state, State::Backoff { attempt: 7, .. });
    state.wait_for(waits).await.unwrap();
    peer.set_otherwise(Dial::Accept);
    wall.leap(NIGHT);
    let began = Instant::now();
    let up = state.wait_for(State::is_ready);
    up.await.unwrap();
    assert!(Instant::now() - began <= secs(5 + 2) + ms(200));
}

#[tokio::test(start_paused = true)]
async fn attempts_that_take_long_are_no_leap() {
    let (peer, wall) = (Peer::new(Dial::Hang), Wall::new());
    let (observer, record) = recorder();
    let link = peer.link().wall_clock(wall).observer(observer).build();
    sleep(secs(600)).await;
    peer.set_otherwise(Dial::Accept);
    sleep(secs(600)).await;
    let record = record.lock().unwrap();
    assert!(
        !record.iter().any(|line| line.starts_with("leapt")),
        "{record:?}"
    );
    drop(link);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_leapt_as_well() {
    let (peer, wall) = (Peer::new(Dial::Accept), Wall::new());
    peer.set_healthy(true);
    let (observer, record) = recorder();
    let link = peer.link().wall_clock(wall).observer(observer).build();
    sleep(secs(60)).await;
    // Both clocks go on, and our timers are late.
    tokio::time::advance(NIGHT).await;
    sleep(secs(10)).await;
    let record = record.lock().unwrap();
    let leapt = record.iter().filter(|line| line.starts_with("leapt"));
    assert_eq!(leapt.count(), 1, "{record:?}");
    drop(link);
}
