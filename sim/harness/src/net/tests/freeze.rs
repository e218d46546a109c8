//! To the network a frozen process is a stall both ways.

use super::*;

#[test]
fn a_frozen_host_neither_hears_nor_is_heard_until_it_goes_on() {
    for (target, ears) in [("server", EARS), ("clients", EARS)] {
        let log = play_ends(
            &[step(400, 600, target, Fault::Freeze)],
            async |actor, stream, ear| talk(&actor, stream, ear, &[300, 500]).await,
        );
        let frozen = [(310, "0"), (1_000, "1")];
        assert_heard(&log, &ears, &frozen, &[]);
    }
}

#[test]
fn a_dial_to_a_frozen_host_hangs() {
    let log = play(
        &[step(400, 600, "server", Fault::Freeze)],
        async |_, _| {},
        async |client| {
            client.until(500).await;
            client.say_result("dial", client.dial().await.map(drop));
        },
    );
    assert_said(&log, "ann", &[(1_000, "dial ()")]);
}
