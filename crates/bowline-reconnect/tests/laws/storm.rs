//! Callers that give up at any moment, over a peer that does its worst.

use std::sync::Arc;
use std::time::Duration;

use bowline_reconnect::{Hint, Reconnect, Resumption, Sent, State};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Manner, Peer, Wire, ms, secs};
use crate::net::{Wall, targets};

const SEEDS: u64 = 60;
const CALLERS: u64 = 12;
const TURNS: usize = 12;

fn pick<T: Copy>(random: &mut Pcg64, from: &[T]) -> T {
    from[random.next_u32() as usize % from.len()]
}

fn up_to(random: &mut Pcg64, limit_ms: u64) -> Duration {
    ms(random.next_u64() % limit_ms)
}

/// Waits, calls, clones and gives up, each at some moment.
async fn caller(mut link: Reconnect<Wire>, mut random: Pcg64) {
    for _ in 0..TURNS {
        let patience = up_to(&mut random, 3000);
        if let Ok(ready) = timeout(patience, link.ready()).await {
            ready.unwrap();
            match pick(&mut random, &[0, 1, 2, 3]) {
                0 => drop(link.call("never polled")),
                1 => link = link.clone(),
                _ => {
                    let call = link.call("hello");
                    let patience = up_to(&mut random, 1000);
                    if let Ok(Err(error)) = timeout(patience, call).await {
                        assert!(error.source.is_some() || error.sent == Sent::No);
                    }
                }
            }
        }
        sleep(up_to(&mut random, 500)).await;
    }
}

/// Changes its mind as long as it is let.
async fn weather(peer: Peer, link: Reconnect<Wire>, wall: Arc<Wall>, mut random: Pcg64) {
    loop {
        sleep(up_to(&mut random, 2000)).await;
        match pick(&mut random, &[0, 1, 2, 3, 4, 5, 6, 7]) {
            0 => peer.hang_up(),
            1 => peer.set_otherwise(pick(
                &mut random,
                &[
                    Dial::Accept,
                    Dial::Accept,
                    Dial::AcceptAndHangUp,
                    Dial::Refuse,
                    Dial::Hang,
                ],
            )),
            2 => peer.set_manner(pick(
                &mut random,
                &[
                    Manner::Answer,
                    Manner::Silence,
                    Manner::Fail,
                    Manner::Unwilling,
                ],
            )),
            3 => link.reset_backoff(),
            // One peer has all these names.
            4 => link
                .set_endpoints(pick(
                    &mut random,
                    &[&targets(&["a", "b"]), &targets(&["b"])],
                ))
                .unwrap(),
            5 => {
                let from = up_to(&mut random, 1000);
                let to = up_to(&mut random, 3000);
                peer.go(&Hint::default().window(from, to));
            }
            6 => wall.leap(secs(60)),
            _ => link.reconnect_now(),
        }
    }
}

// contract: again-2, again-3
#[tokio::test(start_paused = true)]
async fn after_a_storm_every_handle_is_served_and_nothing_is_left_behind() {
    for seed in 0..SEEDS {
        let mut random = Pcg64::seed_from_u64(seed);
        let peer = Peer::new(Dial::Accept);
        let wall = Wall::new();
        peer.set_healthy(seed % 2 == 0);
        let link = peer
            .link_with(crate::fake::schedule().take(8))
            .connect_timeout(secs(1))
            .failfast_after(secs(2))
            .retire_within(secs(5))
            .wall_clock(wall.clone())
            .on_session(|_, _| async {
                sleep(ms(50)).await;
                Ok(Resumption::Fresh)
            })
            .build();

        let mut others = JoinSet::new();
        let rng = Pcg64::seed_from_u64(random.next_u64());
        others.spawn(weather(peer.clone(), link.clone(), wall, rng));
        let mut callers = JoinSet::new();
        let survivor = link.clone();
        for _ in 0..CALLERS {
            let rng = Pcg64::seed_from_u64(random.next_u64());
            callers.spawn(caller(link.clone(), rng));
        }
        // Some have finished; the rest are dropped wherever they are.
        sleep(up_to(&mut random, 30_000)).await;
        callers.abort_all();
        while callers.join_next().await.is_some() {}
        others.shutdown().await;

        peer.set_otherwise(Dial::Accept);
        peer.set_manner(Manner::Answer);
        // The attempt under way may still hang until its deadline.
        sleep(secs(2)).await;
        survivor.reconnect_now();
        let mut calls = JoinSet::new();
        for _ in 0..CALLERS {
            calls.spawn(survivor.clone().oneshot("after the storm"));
        }
        for answer in timeout(secs(3), calls.join_all()).await.unwrap() {
            answer.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        }
        assert_eq!(peer.dialing_max(), 1, "seed {seed}");

        let mut state = survivor.state();
        drop((survivor, link));
        let closed = state.wait_for(|state| matches!(state, State::Closed));
        timeout(ms(1), closed).await.unwrap().unwrap();
        assert_eq!((peer.services(), peer.dialing()), (0, 0), "seed {seed}");
    }
}
