//! A link that comes and goes stalls by turns, down first.

use super::*;

fn flap(target: &str) -> Step {
    let fault = Fault::Flap {
        down_ms: 300,
        up_ms: 200,
    };
    step(400, 1_000, target, fault)
}

// Down from 400 to 700 and from 900 to 1200, and up in between and from then on.
const TIMES: [u64; 7] = [300, 500, 650, 750, 950, 1_250, 1_380];

#[test]
fn bytes_wait_while_it_is_down_and_come_when_it_is_up() {
    for (target, ears) in [
        ("ann", ["ann", "server of ann"].as_slice()),
        ("server", &EARS),
        ("clients", &EARS),
    ] {
        let log = play_ends(&[flap(target)], async |actor, stream, ear| {
            talk(&actor, stream, ear, &TIMES).await;
        });
        let arrives = [310, 700, 700, 760, 1_200, 1_260, 1_390];
        let numbers = ["0", "1", "2", "3", "4", "5", "6"];
        let flapped: Vec<_> = arrives.into_iter().zip(numbers).collect();
        let usual: Vec<_> = TIMES.map(|at| at + 10).into_iter().zip(numbers).collect();
        assert_heard(&log, ears, &flapped, &usual);
        // As soon as it is up, not some time later.
        for ear in ears {
            assert!(said(&log, ear)[1].0 <= 710);
            assert!(said(&log, ear)[4].0 <= 1_210);
        }
    }
}

#[test]
fn dials_hang_while_it_is_down() {
    let log = play(
        &[flap("server")],
        async |_, mut stream| stream.write_all(b"hello").await.unwrap(),
        async |client| {
            let begins = if client.node == "ann" { 450 } else { 1_000 };
            client.until(begins).await;
            client.say_result("dial", client.dial().await.map(drop));
            client.until(1_500).await;
            client.say_result("dial", client.dial().await.map(drop));
        },
    );
    assert_said(&log, "ann", &[(700, "dial ()"), (1_500, "dial ()")]);
    assert_said(&log, "bob", &[(1_200, "dial ()"), (1_500, "dial ()")]);
}

#[test]
fn lifted_while_it_is_down_it_is_up() {
    let fault = Fault::Flap {
        down_ms: 2_000,
        up_ms: 10,
    };
    let log = play_ends(
        &[step(400, 500, "ann", fault)],
        async |actor, stream, ear| {
            talk(&actor, stream, ear, &[500]).await;
        },
    );
    for (ear, at) in [("ann", 900), ("server of ann", 900), ("bob", 510)] {
        assert_said(&log, ear, &[(at, "0")]);
    }
}
