//! The kernel answers dials and the software is not told.

use super::*;

const FROM: u64 = 400;
const UNTIL: u64 = 1_500;

fn accept_stall() -> Step {
    step(FROM, UNTIL - FROM, "server", Fault::AcceptStall)
}

#[test]
fn dials_succeed_and_bytes_are_taken_and_the_software_hears_of_it_afterwards() {
    let log = play(
        &[accept_stall()],
        async |server, mut stream| {
            server.say("accepted");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            server.say(format!("read {}", all.len()));
        },
        async |client| {
            if client.node == "bob" {
                return;
            }
            client.until(600).await;
            let mut stream = client.dial().await.unwrap();
            client.say("up");
            stream.write_all(&[0; WINDOW_BYTES]).await.unwrap();
            client.say("window full");
            stream.write_all(b"more").await.unwrap();
            client.say("all written");
        },
    );
    assert_said(
        &log,
        "ann",
        &[(600, "up"), (600, "window full"), (UNTIL, "all written")],
    );
    let all = format!("read {}", WINDOW_BYTES + 4);
    assert_said(&log, "server", &[(UNTIL, "accepted"), (UNTIL, &all)]);
}

#[test]
fn established_streams_and_other_listeners_are_unharmed() {
    let log = play(
        &[step(FROM, UNTIL - FROM, "clients", Fault::AcceptStall)],
        async |server, mut stream| {
            server.say("accepted");
            let (mut from, mut to) = tokio::io::split(&mut stream);
            tokio::io::copy(&mut from, &mut to).await.unwrap();
        },
        async |client| {
            let mut old = client.dial().await.unwrap();
            client.until(600).await;
            old.write_all(b"hi").await.unwrap();
            client.say_result("read", read_some(&mut old).await);
            client.until(700).await;
            drop(client.dial().await.unwrap());
        },
    );
    assert_said(&log, "ann", &[(600, "read 2")]);
    let came = [START_MS, START_MS, 700, 700].map(|at| (at, "accepted"));
    assert_said(&log, "server", &came);
}

// A listener of a node is struck with the node, with its host, and with nobody else.
#[test]
fn it_strikes_the_listeners_of_its_target() {
    for (target, until) in [("ann", UNTIL), ("clients", UNTIL), ("bob", 600)] {
        let log = play(
            &[step(FROM, UNTIL - FROM, target, Fault::AcceptStall)],
            async |_, _| {},
            async |client| {
                if client.node == "ann" {
                    let mut listener = client.net.listen("ann", 7_500).await.unwrap();
                    client.say_result("accept", listener.accept().await.map(drop));
                } else {
                    client.until(600).await;
                    let to = Endpoint::new("ann", 7_500);
                    let stream = dial(client.net.dialer("bob"), to).await;
                    client.say_result("dial", stream.map(drop));
                }
            },
        );
        assert_said(&log, "bob", &[(600, "dial ()")]);
        assert_said(&log, "ann", &[(until, "accept ()")]);
    }
}

#[test]
fn streams_that_nobody_accepted_are_reset_with_their_listener() {
    let crash = step(1_000, 500, "server", Fault::Crash);
    let log = play(
        &[accept_stall(), crash],
        async |_, _| {},
        async |client| {
            client.until(600).await;
            let mut stream = client.dial().await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("write", stream.write(b"x").await);
        },
    );
    for node in ["ann", "bob"] {
        let expected = [(1_020, "read ConnectionReset"), (1_020, "write BrokenPipe")];
        assert_said(&log, node, &expected);
    }

    let log = play(
        &[],
        async |_, _| {},
        async |client| {
            if client.node == "ann" {
                let listener = client.net.listen("ann", 7_500).await.unwrap();
                client.until(1_000).await;
                drop(listener);
                let mut listener = client.net.listen("ann", 7_500).await.unwrap();
                client.say_result("accept", listener.accept().await.map(drop));
                return;
            }
            let to = || Endpoint::new("ann", 7_500);
            client.until(600).await;
            let mut stream = dial(client.net.dialer("bob"), to()).await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
            drop(dial(client.net.dialer("bob"), to()).await.unwrap());
        },
    );
    assert_said(&log, "bob", &[(1_020, "read ConnectionReset")]);
    assert_said(&log, "ann", &[(1_020, "accept ()")]);
}

#[test]
fn streams_that_nobody_accepted_are_silent_when_the_power_goes() {
    let log = play(
        &[accept_stall(), step(1_000, 500, "server", Fault::PowerLoss)],
        async |server, _| server.say("accepted"),
        async |client| {
            client.until(600).await;
            let mut stream = client.dial().await.unwrap();
            if client.node == "ann" {
                stream.write_all(b"hello").await.unwrap();
            }
            let wait = Duration::from_millis(2_000);
            match timeout(wait, read_some(&mut stream)).await {
                Ok(read) => client.say_result("read", read),
                Err(_) => client.say("silence"),
            }
        },
    );
    assert_said(&log, "ann", &[(1_520, "read ConnectionReset")]);
    assert_said(&log, "bob", &[(2_600, "silence")]);
    assert_said(&log, "server", &[]);
}

#[test]
fn dials_hang_while_the_backlog_is_full() {
    let log = play(
        &[accept_stall()],
        async |server, _| server.say_of("accepted", ""),
        async |client| {
            if client.node == "bob" {
                client.until(800).await;
                client.say_result("dial", client.dial().await.map(drop));
                return;
            }
            client.until(500).await;
            let mut dials = JoinSet::new();
            for _ in 0..BACKLOG + 1 {
                let client = client.clone();
                dials.spawn_local(async move {
                    let stream = client.dial().await.unwrap();
                    client.say("up");
                    stream
                });
            }
            drop(dials.join_all().await);
        },
    );
    let up = said(&log, "ann");
    let (before, after): (Vec<_>, Vec<_>) = up.iter().partition(|(at, _)| *at < UNTIL);
    assert_eq!((before.len(), after.len()), (BACKLOG, 1));
    assert_said(&log, "bob", &[(UNTIL, "dial ()")]);
    assert_eq!(said(&log, "accepted").len(), BACKLOG + 2);
}

#[test]
fn an_accept_that_is_given_up_loses_no_stream() {
    let log = play(
        &[],
        async |_, _| {},
        async |client| {
            if client.node == "ann" {
                let mut listener = client.net.listen("ann", 7_500).await.unwrap();
                let mut streams = Vec::new();
                while streams.len() < 100 {
                    let patience = Duration::from_millis(1);
                    if let Ok(accepted) = timeout(patience, listener.accept()).await {
                        streams.push(accepted.unwrap());
                    }
                }
                return client.say("all accepted");
            }
            sleep(Duration::from_millis(20)).await;
            let mut dials = JoinSet::new();
            for n in 0..100 {
                let (client, to) = (client.clone(), Endpoint::new("ann", 7_500));
                dials.spawn_local(async move {
                    client.until(200 + n).await;
                    dial(client.net.dialer("bob"), to).await.unwrap()
                });
            }
            std::future::pending().await
        },
    );
    assert_said(&log, "ann", &[(300, "all accepted")]);
}
