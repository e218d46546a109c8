//! What both ends see when a process is killed.

use super::*;

const AT: u64 = 500;
const BACK: u64 = 1_500;

fn crash(target: &str) -> Step {
    step(AT, BACK - AT, target, Fault::Crash)
}

#[test]
fn a_crash_ends_streams_and_later_writes_are_lost_then_broken() {
    let log = play(
        &[crash("server")],
        async |_, mut stream| {
            stream.write_all(b"hello").await.unwrap();
            while read_some(&mut stream).await.unwrap() > 0 {}
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            client.until(AT + 100).await;
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("write", stream.write(b"x").await);
            client.say_result("write", stream.write(b"x").await);
            client.until(AT + 200).await;
            client.say_result("write", stream.write(b"x").await);
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    let expected = [
        (AT + 100, "read 5"),
        (AT + 100, "read 0"),
        (AT + 100, "write 1"),
        (AT + 100, "write 1"),
        (AT + 200, "write BrokenPipe"),
        (AT + 200, "read 0"),
    ];
    assert_said(&log, "ann", &expected);
    assert_said(&log, "bob", &expected);
}

#[test]
fn a_crash_with_unread_data_resets() {
    let log = play(
        &[crash("server")],
        async |_, _stream| std::future::pending().await,
        async |client| {
            let mut stream = client.dial().await.unwrap();
            stream.write_all(b"never read").await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("write", stream.write(b"x").await);
        },
    );
    let expected = [(AT, "read ConnectionReset"), (AT, "write BrokenPipe")];
    assert_said(&log, "ann", &expected);
}

#[test]
fn a_writer_that_waits_for_room_wakes_when_its_peer_crashes() {
    let log = play(
        &[crash("server")],
        async |_, _stream| std::future::pending().await,
        async |client| {
            let mut stream = client.dial().await.unwrap();
            let more = vec![0; WINDOW_BYTES + 1];
            client.say_result("write", stream.write_all(&more).await);
        },
    );
    assert_said(&log, "ann", &[(AT, "write BrokenPipe")]);
}

#[test]
fn during_a_crash_dials_are_refused_and_afterwards_they_succeed() {
    let log = play(
        &[crash("server")],
        async |_, mut stream| stream.write_all(b"hello").await.unwrap(),
        async |client| {
            // Bob's dial is on its way when the process dies.
            let begins = if client.node == "bob" {
                AT - 4
            } else {
                AT + 300
            };
            client.until(begins).await;
            client.say_result("dial", client.dial().await.map(drop));
            loop {
                sleep(Duration::from_millis(30)).await;
                if client.dial().await.is_ok() {
                    return client.say("up");
                }
            }
        },
    );
    let refused = "dial ConnectionRefused";
    assert_said(&log, "ann", &[(AT + 300, refused), (BACK, "up")]);
    assert_said(&log, "bob", &[(AT, refused), (BACK, "up")]);
}

#[test]
fn a_crash_of_the_dialing_host_ends_its_streams_at_the_server() {
    let log = play(
        &[crash("clients")],
        async |server, mut stream| {
            server.say_result("read", read_some(&mut stream).await);
            server.say_result("read", read_some(&mut stream).await);
        },
        async |client| {
            if client.node == "bob" || client.clock.elapsed().as_millis() > 400 {
                return;
            }
            let mut stream = client.dial().await.unwrap();
            stream.write_all(b"hi").await.unwrap();
            std::future::pending().await
        },
    );
    assert_said(&log, "server", &[(START_MS, "read 2"), (AT, "read 0")]);
}

// A dial every millisecond and several moments, so that some crash comes between each two
// stages of a dial.
#[test]
fn a_dial_that_its_process_did_not_live_to_see_is_no_ghost_at_the_server() {
    for moment in 0..8 {
        let log = play(
            &[step(AT + 5 * moment, 1_000, "clients", Fault::Crash)],
            async |server, mut stream| {
                server.say_of("came", "");
                let ended = read_some(&mut stream).await;
                assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
                server.say_of("ended", "");
            },
            async |client| {
                if client.node == "ann" && client.clock.elapsed() < Duration::from_millis(AT) {
                    let mut dials = JoinSet::new();
                    loop {
                        let client = client.clone();
                        dials.spawn_local(async move { drop(client.dial().await) });
                        sleep(Duration::from_millis(1)).await;
                    }
                }
            },
        );
        let (came, ended) = (said(&log, "came").len(), said(&log, "ended").len());
        assert!(came > 100, "only {came} came");
        assert_eq!(ended, came, "moment {moment}");
    }
}
