//! Dials are refused though somebody listens.

use super::*;

#[test]
fn dials_to_the_target_are_refused_and_streams_go_on() {
    for target in ["server", "ann", "clients"] {
        let log = play(
            &[step(500, 1_000, target, Fault::Refuse)],
            async |_, mut stream| {
                let (mut from, mut to) = tokio::io::split(&mut stream);
                tokio::io::copy(&mut from, &mut to).await.unwrap();
            },
            async |client| {
                let mut old = client.dial().await.unwrap();
                // Ann's is under way when it begins.
                let begins = if client.node == "ann" { 496 } else { 800 };
                client.until(begins).await;
                client.say_result("dial", client.dial().await.map(drop));
                old.write_all(b"hi").await.unwrap();
                client.say_result("read", read_some(&mut old).await);
                client.until(1_500).await;
                client.say_result("dial", client.dial().await.map(drop));
            },
        );
        // Only dials to the target are concerned.
        let dialed = match target {
            "server" => "dial ConnectionRefused",
            _ => "dial ()",
        };
        for (node, at) in [("ann", 500), ("bob", 800)] {
            let expected = [(at, dialed), (at, "read 2"), (1_500, "dial ()")];
            assert_said(&log, node, &expected);
            if target == "server" {
                let round_trip_later = at + 15;
                assert!(said(&log, node)[0].0 >= round_trip_later);
            }
        }
    }
}

#[test]
fn a_stall_hides_that_dials_are_refused() {
    let stall = Fault::Stall {
        direction: Direction::Inbound,
    };
    let log = play(
        &[
            step(400, 2_000, "server", Fault::Refuse),
            step(400, 1_000, "ann", stall),
        ],
        async |_, _| {},
        async |client| {
            client.until(500).await;
            client.say_result("dial", client.dial().await.map(drop));
        },
    );
    assert_said(&log, "ann", &[(1_400, "dial ConnectionRefused")]);
    assert_said(&log, "bob", &[(500, "dial ConnectionRefused")]);
}
