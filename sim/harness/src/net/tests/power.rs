//! What the other end sees when the power goes.

use super::*;

const AT: u64 = 500;
const BACK: u64 = 1_500;

fn power_loss(target: &str) -> Step {
    step(AT, BACK - AT, target, Fault::PowerLoss)
}

async fn echo(_: Actor, mut stream: Stream) {
    let (mut from, mut to) = tokio::io::split(&mut stream);
    tokio::io::copy(&mut from, &mut to).await.unwrap();
}

#[test]
fn a_power_loss_is_silence_and_afterwards_the_first_write_finds_out() {
    let log = play(&[power_loss("server")], echo, async |client| {
        let mut stream = client.dial().await.unwrap();
        stream.write_all(b"hi").await.unwrap();
        client.say_result("read", read_some(&mut stream).await);
        let wait = Duration::from_millis(2_000);
        let silent = timeout(wait, read_some(&mut stream)).await.is_err();
        client.say(format!("silent {silent}"));
        client.say_result("write", stream.write(b"anybody?").await);
        client.say_result("read", read_some(&mut stream).await);
        client.say_result("write", stream.write(b"x").await);
    });
    for node in ["ann", "bob"] {
        assert_said(
            &log,
            node,
            &[
                (START_MS, "read 2"),
                (START_MS + 2_000, "silent true"),
                (START_MS + 2_000, "write 8"),
                (START_MS + 2_020, "read ConnectionReset"),
                (START_MS + 2_020, "write BrokenPipe"),
            ],
        );
    }
}

#[test]
fn what_was_written_into_the_silence_is_answered_with_a_reset_once_power_is_back() {
    let log = play(&[power_loss("server")], echo, async |client| {
        let mut stream = client.dial().await.unwrap();
        client.until(AT + 100).await;
        if client.node == "ann" {
            client.say_result("write", stream.write_all(b"hello?").await);
            client.say_result("read", read_some(&mut stream).await);
        } else {
            let more = vec![0; WINDOW_BYTES];
            client.say_result("write", stream.write_all(&more).await);
            client.say_result("write", stream.write_all(b"x").await);
        }
    });
    assert_said(
        &log,
        "ann",
        &[(AT + 100, "write ()"), (BACK + 20, "read ConnectionReset")],
    );
    assert_said(
        &log,
        "bob",
        &[(AT + 100, "write ()"), (BACK + 20, "write ConnectionReset")],
    );
}

#[test]
fn dials_hang_while_the_power_is_out_even_those_on_their_way() {
    let log = play(&[power_loss("server")], echo, async |client| {
        let begins = if client.node == "bob" {
            AT - 4
        } else {
            AT + 300
        };
        client.until(begins).await;
        let mut first = true;
        loop {
            match client.dial().await {
                // Power is back a little before somebody listens.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    assert!(std::mem::take(&mut first), "it listens by now");
                }
                other => {
                    other.unwrap();
                    return client.say("up");
                }
            }
        }
    });
    assert_said(&log, "ann", &[(BACK, "up")]);
    assert_said(&log, "bob", &[(BACK, "up")]);
}

#[test]
fn a_power_loss_of_the_dialing_host_is_silence_at_the_server() {
    let log = play(
        &[power_loss("clients")],
        async |server, mut stream| {
            server.say_result("read", read_some(&mut stream).await);
            let wait = Duration::from_millis(3_000);
            let silent = timeout(wait, read_some(&mut stream)).await.is_err();
            server.say(format!("silent {silent}"));
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
    assert_said(
        &log,
        "server",
        &[(START_MS, "read 2"), (START_MS + 3_000, "silent true")],
    );
}

#[test]
fn an_established_stream_of_others_goes_on() {
    let log = play(&[power_loss("clients")], echo, async |client| {
        if client.node == "ann" && client.clock.elapsed().as_millis() > 400 {
            // A stream opened after the loss has nothing to do with it.
            let mut stream = client.dial().await.unwrap();
            stream.write_all(b"hi").await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
        }
    });
    assert_said(&log, "ann", &[(BACK + START_MS, "read 2")]);
}

#[test]
fn a_dial_whose_answer_was_stalled_until_the_loss_is_made_again() {
    let stall = Fault::Stall {
        direction: Direction::Both,
    };
    let log = play(
        &[
            step(500, 1_500, "ann", stall),
            step(700, 500, "server", Fault::PowerLoss),
        ],
        async |server, stream| {
            server.say("accepted");
            echo(server, stream).await;
        },
        async |client| {
            if client.node == "ann" {
                client.until(496).await;
                let mut stream = client.dial().await.unwrap();
                stream.write_all(b"hi").await.unwrap();
                client.say_result("read", read_some(&mut stream).await);
            }
        },
    );
    assert_said(&log, "server", &[(2_000, "accepted")]);
    assert_said(&log, "ann", &[(2_000, "read 2")]);
}
