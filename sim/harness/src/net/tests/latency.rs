//! Latency makes everything late, and nothing else.

use super::*;

const FROM: u64 = 400;
const UNTIL: u64 = 1_400;

fn latency(target: &str, direction: Direction, ms: u64, jitter_ms: u64) -> Step {
    let fault = Fault::Latency {
        direction,
        ms,
        jitter_ms,
    };
    step(FROM, UNTIL - FROM, target, fault)
}

#[test]
fn bytes_take_longer_and_stay_in_order_when_it_is_over() {
    for (target, direction, ears) in CASES {
        let log = play_ends(
            &[latency(target, direction, 300, 0)],
            async |actor, stream, ear| {
                talk(&actor, stream, ear, &[300, 600, 1_350, 1_420, 2_000]).await;
            },
        );
        let late = [
            (310, "0"),
            (910, "1"),
            (1_660, "2"),
            (1_660, "3"),
            (2_010, "4"),
        ];
        let usual = [
            (310, "0"),
            (610, "1"),
            (1_360, "2"),
            (1_430, "3"),
            (2_010, "4"),
        ];
        assert_heard(&log, ears, &late, &usual);
    }
}

#[test]
fn a_dial_takes_longer_there_and_back_even_if_it_is_refused() {
    for (target, direction, longer_ms) in [
        ("ann", Direction::Outbound, 300),
        ("ann", Direction::Inbound, 300),
        ("server", Direction::Both, 600),
        ("clients", Direction::Both, 600),
    ] {
        let log = play(
            &[latency(target, direction, 300, 0)],
            async |_, _| {},
            async |client| {
                client.until(500).await;
                client.say_result("dial", client.dial().await.map(drop));
                client.until(1_300).await;
                let to = Endpoint::new("server", 1);
                let refused = dial(client.net.dialer(client.node), to).await;
                client.say_result("no port", refused.map(drop));
            },
        );
        let expected = |longer_ms: u64| {
            [
                (500 + longer_ms, "dial ()"),
                (1_300 + longer_ms, "no port ConnectionRefused"),
            ]
        };
        assert_said(&log, "ann", &expected(longer_ms));
        let bob = if target == "ann" { 0 } else { longer_ms };
        assert_said(&log, "bob", &expected(bob));
    }
}

#[test]
fn an_end_is_late_and_a_reset_is_not() {
    let log = play(
        &[
            latency("clients", Direction::Inbound, 500, 0),
            step(700, 0, "bob", Fault::Reset),
        ],
        async |_, mut stream| {
            stream.read_u8().await.unwrap();
            if stream.read_u8().await.is_ok() {
                stream.shutdown().await.unwrap();
                std::future::pending::<()>().await;
            }
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            stream.write_u8(0).await.unwrap();
            client.until(600).await;
            if client.node == "ann" {
                stream.write_u8(0).await.unwrap();
            }
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    assert_said(&log, "ann", &[(1_120, "read 0")]);
    assert_said(&log, "bob", &[(700, "read ConnectionReset")]);
}

// The end of a stream that is dropped comes as late as the last bytes, and behind them.
#[test]
fn a_dropped_stream_ends_as_late_as_its_bytes_come() {
    let log = play(
        &[latency("server", Direction::Outbound, 500, 0)],
        async |server, mut stream| {
            server.until(600).await;
            stream.write_all(b"goodbye").await.unwrap();
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    for node in ["ann", "bob"] {
        assert_said(&log, node, &[(1_110, "read 7"), (1_110, "read 0")]);
    }
}

fn jittered(bob_talks: bool) -> Vec<u64> {
    const COUNT: u64 = 80;
    let log = play(
        &[latency("clients", Direction::Outbound, 0, 200)],
        async |server, mut stream| {
            let ear = ["ann", "bob"][usize::from(stream.read_u8().await.unwrap())];
            let mut expected = 0;
            while let Ok(n) = stream.read_u8().await {
                assert_eq!(n, expected, "in order");
                expected += 1;
                server.say_of(ear, n.to_string());
            }
        },
        async move |client| {
            let bob = client.node == "bob";
            let mut stream = client.dial().await.unwrap();
            stream.write_u8(u8::from(bob)).await.unwrap();
            let count = if bob && !bob_talks { 0 } else { COUNT };
            for n in 0..count {
                client.until(500 + 10 * n).await;
                stream.write_u8(u8::try_from(n).unwrap()).await.unwrap();
            }
            client.until(2_000).await;
        },
    );
    let heard = said(&log, "ann").into_iter();
    let late: Vec<_> = (0..COUNT)
        .zip(heard)
        .map(|(n, (at, _))| at - (500 + 10 * n))
        .collect();
    assert_eq!(late.len(), 80);
    late
}

#[test]
fn jitter_is_drawn_for_each_write_and_each_stream_by_itself() {
    let late = jittered(true);
    assert!(late.iter().all(|ms| (10..=220).contains(ms)), "{late:?}");
    assert!(late.iter().any(|ms| *ms < 120), "{late:?}");
    assert!(late.iter().any(|ms| *ms > 180), "{late:?}");
    assert_eq!(late, jittered(false), "another stream moves nothing");
}
