//! A slow link lets bytes through at its rate, and what waits for it goes on when it is over.

use super::*;

const FROM: u64 = 400;

fn slow(target: &str, direction: Direction, for_ms: u64, bytes_per_s: u64) -> Step {
    let fault = Fault::Bandwidth {
        direction,
        bytes_per_s,
    };
    step(FROM, for_ms, target, fault)
}

/// Sends `len` bytes at 500 ms, ends, and says how many had come at each of `checks`, and
/// when the end came.
async fn transfer(actor: &Actor, stream: Stream, ear: &str, len: usize, checks: &[u64]) {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut both = JoinSet::new();
    let sender = actor.clone();
    both.spawn_local(async move {
        sender.until(500).await;
        to.write_all(&vec![7; len]).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let (actor, ear, checks) = (actor.clone(), ear.to_owned(), checks.to_vec());
    both.spawn_local(async move {
        let (mut come, mut buffer) = (0, vec![0; 65_536]);
        for check in checks {
            let until = Duration::from_millis(check).saturating_sub(actor.clock.elapsed());
            let reading = async {
                loop {
                    match from.read(&mut buffer).await.unwrap() {
                        0 => std::future::pending().await,
                        some => come += some,
                    }
                }
            };
            let never: Result<(), _> = timeout(until, reading).await;
            assert!(never.is_err());
            actor.say_of(&ear, come.to_string());
        }
        while from.read(&mut buffer).await.unwrap() > 0 {}
        actor.say_of(&ear, "end");
    });
    both.join_all().await;
}

fn count(log: &Log, ear: &str, check: usize) -> usize {
    said(log, ear)[check].1.parse().unwrap()
}

#[test]
fn bytes_trickle_in_at_the_rate_for_each_stream_by_itself() {
    for (target, direction, ears) in CASES {
        let log = play_ends(
            &[slow(target, direction, 3_000, 10_000)],
            async |actor, stream, ear| {
                transfer(&actor, stream, ear, 20_000, &[1_010, 1_510, 2_600]).await;
            },
        );
        for ear in EARS {
            let (half_a_second, second) = (count(&log, ear, 0), count(&log, ear, 1));
            if ears.contains(&ear) {
                assert!((3_000..=5_000).contains(&half_a_second), "{half_a_second}");
                assert!((8_000..=10_000).contains(&second), "{second}");
            } else {
                assert_eq!(half_a_second, 20_000);
            }
            assert_eq!(count(&log, ear, 2), 20_000);
        }
    }
}

#[test]
fn the_end_waits_behind_the_bytes() {
    let log = play_ends(
        &[slow("ann", Direction::Outbound, 3_000, 10_000)],
        async |actor, stream, ear| transfer(&actor, stream, ear, 20_000, &[]).await,
    );
    assert_said(&log, "server of ann", &[(2_510, "end")]);
    assert_said(&log, "ann", &[(510, "end")]);
}

#[test]
fn what_waits_for_the_link_goes_on_when_it_is_fast_again() {
    let log = play_ends(
        &[slow("server", Direction::Both, 1_000, 10_000)],
        async |actor, stream, ear| {
            transfer(&actor, stream, ear, 60_000, &[1_395, 1_450]).await;
        },
    );
    for ear in EARS {
        let before = count(&log, ear, 0);
        assert!((7_000..=9_000).contains(&before), "{before}");
        assert_eq!(count(&log, ear, 1), 60_000);
    }
}

#[test]
fn the_slowest_link_counts_and_a_change_is_felt_at_once() {
    let faster = Fault::Bandwidth {
        direction: Direction::Outbound,
        bytes_per_s: 20_000,
    };
    let log = play_ends(
        &[
            slow("ann", Direction::Outbound, 600, 1_000),
            step(FROM, 3_000, "clients", faster),
        ],
        async |actor, stream, ear| {
            transfer(&actor, stream, ear, 20_000, &[995, 1_510]).await;
        },
    );
    // 500 bytes in the first half second, ten thousand in the next; then the rest.
    let (slowly, faster) = (
        count(&log, "server of ann", 0),
        count(&log, "server of ann", 1),
    );
    assert!(slowly <= 1_000, "{slowly}");
    assert!((9_000..=11_000).contains(&faster), "{faster}");
    let bob = count(&log, "server of bob", 0);
    assert!((8_000..=10_000).contains(&bob), "{bob}");
}

#[test]
fn a_writer_meets_the_window_behind_a_slow_link_and_moves_at_its_rate() {
    let log = play(
        &[slow("ann", Direction::Outbound, 4_000, 100_000)],
        async |_, mut stream| {
            let mut sink = vec![0; WINDOW_BYTES];
            while stream.read(&mut sink).await.unwrap() > 0 {}
        },
        async |client| {
            if client.node == "ann" {
                let mut stream = client.dial().await.unwrap();
                client.until(500).await;
                stream.write_all(&vec![0; WINDOW_BYTES]).await.unwrap();
                client.say("window full");
                stream.write_all(&vec![0; 100_000]).await.unwrap();
                client.say("a second more");
            }
        },
    );
    assert_said(
        &log,
        "ann",
        &[(500, "window full"), (1_500, "a second more")],
    );
}
