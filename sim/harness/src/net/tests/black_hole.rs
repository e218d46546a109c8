//! Dials get no answer; streams are unharmed.

use super::*;

#[test]
fn dials_to_and_from_the_target_hang_until_it_is_lifted_and_streams_go_on() {
    for target in ["server", "ann", "clients"] {
        let log = play(
            &[step(500, 1_000, target, Fault::BlackHole)],
            async |server, mut stream| {
                server.say_of("accepted", "");
                let (mut from, mut to) = tokio::io::split(&mut stream);
                tokio::io::copy(&mut from, &mut to).await.unwrap();
            },
            async |client| {
                let mut old = client.dial().await.unwrap();
                client.until(700).await;
                old.write_all(b"hi").await.unwrap();
                client.say_result("read", read_some(&mut old).await);
                client.until(800).await;
                let mut new = client.dial().await.unwrap();
                client.say("up");
                new.write_all(b"hi").await.unwrap();
                client.say_result("read", read_some(&mut new).await);
            },
        );
        let through = [(700, "read 2"), (1_500, "up"), (1_500, "read 2")];
        assert_said(&log, "ann", &through);
        let at = if target == "ann" { 800 } else { 1_500 };
        assert_said(&log, "bob", &[(700, "read 2"), (at, "up"), (at, "read 2")]);
        assert_eq!(said(&log, "accepted").len(), 4);
    }
}

#[test]
fn a_dial_under_way_hangs_and_is_not_accepted_before() {
    let log = play(
        &[step(500, 1_000, "server", Fault::BlackHole)],
        async |server, _| server.say("accepted"),
        async |client| {
            if client.node == "ann" {
                client.until(496).await;
                client.say_result("dial", client.dial().await.map(drop));
            }
        },
    );
    assert_said(&log, "ann", &[(1_500, "dial ()")]);
    assert_said(&log, "server", &[(1_500, "accepted")]);
}

#[test]
fn a_dial_into_it_times_out_as_on_linux() {
    let log = play_for(
        Duration::from_secs(140),
        &[step(50, 135_000, "server", Fault::BlackHole)],
        async |_, _| {},
        async |client| client.say_result("dial", client.dial().await.map(drop)),
    );
    assert_said(&log, "ann", &[(START_MS + 127_000, "dial TimedOut")]);
}
