//! A hundred rooms, each a round trip away, joined again on every connection.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::tcp;
use bowline_policy::backoff::Maker;
use bowline_reconnect::{Resumption, Subscriptions};
use tokio::time::Instant;

use super::log::What;
use super::process::Peer;
use super::serving::{Manner, ROUND_TRIP};
use super::session::{self, Session, Tally};
use super::{Rig, begin, hello, patient, run, schedule};

const ROOMS: u32 = 100;

/// How often it is measured at most: the machine may have been busy with something else.
const ROUNDS: usize = 20;

/// The rooms that the peer was asked for in its present life, in order.
fn joined(peer: &Peer) -> Vec<String> {
    let of_life = |life| life == peer.life();
    let joined = peer.log().into_iter().filter_map(|entry| match entry.what {
        What::Heard(_, line) if of_life(entry.life) => {
            line.strip_prefix("join ").map(str::to_owned)
        }
        _ => None,
    });
    joined.collect()
}

// contract: again-8
#[test]
fn a_hundred_rooms_are_joined_again_in_order_and_in_hardly_more_time_than_one() {
    run(async {
        let mut peer = Peer::start().await;
        let rooms = Subscriptions::new(ROOMS as usize);
        // The order of their names is another one.
        let name = |room: u32| format!("room-{}", (room * 37) % ROOMS);
        rooms.add(name(0), format!("join {}", name(0))).unwrap();

        let tally = Arc::new(Tally::default());
        let connect = session::over(tcp::Dialer::new(), &tally, patient());
        let (link, seen) = begin(connect, &[peer.endpoint()], &Maker::new(schedule(), 1));
        let took = Arc::new(Mutex::new(Vec::new()));
        let (of_hook, kept) = (Arc::clone(&took), rooms.clone());
        let link = link.on_session(move |session: Session, _| {
            let (took, rooms) = (Arc::clone(&of_hook), kept.clone());
            async move {
                hello(session.clone()).await?;
                let began = Instant::now();
                let count = rooms.restore(session).await?;
                took.lock().unwrap().push((count, Instant::now() - began));
                Ok(Resumption::Fresh)
            }
        });
        let rig = Rig {
            link: link.build(),
            seen,
            tally,
        };
        rig.up_after(0).await;
        assert_eq!(joined(&peer), [name(0)]);

        for room in 1..ROOMS {
            rooms
                .add(name(room), format!("join {}", name(room)))
                .unwrap();
        }
        let expected: Vec<_> = (0..ROOMS).map(name).collect();
        let mut epoch = 1;
        for round in 1.. {
            peer.kill();
            peer.restart(Manner::Serve).await;
            epoch = rig.up_after(epoch).await;
            assert_eq!(joined(&peer), expected);
            let took = took.lock().unwrap().clone();
            let least = |count| {
                let took = took.iter().filter(|(restored, _)| *restored == count);
                took.map(|(_, took)| *took).min().unwrap_or(Duration::MAX)
            };
            let (one, all) = (least(1), least(ROOMS as usize));
            assert!(one >= ROUND_TRIP, "{one:?}");
            if all <= one.mul_f64(1.5) {
                break;
            }
            assert!(round < ROUNDS, "{all:?} for all, {one:?} for one");
        }
    });
}
