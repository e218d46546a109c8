//! One direction ends, as behind a proxy that shut down one side; the other goes on.

use super::*;

const AT: u64 = 500;

fn half_close(target: &str, direction: Direction) -> Step {
    step(AT, 0, target, Fault::HalfClose { direction })
}

#[test]
fn the_reader_is_told_the_end_and_the_writer_nothing() {
    for (target, direction, ears) in CASES {
        let log = play_ends(
            &[half_close(target, direction)],
            async |actor, mut stream, ear| {
                // On its way when the direction ends.
                actor.until(AT - 4).await;
                stream.write_all(b"before").await.unwrap();
                actor.until(AT + 100).await;
                stream.write_all(b"after").await.unwrap();
                for _ in 0..2 {
                    let wait = Duration::from_millis(1_000);
                    match timeout(wait, read_some(&mut stream)).await {
                        Ok(read) => actor.say_of(ear, format!("read {}", read.unwrap())),
                        Err(_) => actor.say_of(ear, "silence"),
                    }
                }
                actor.until(2_500).await;
                stream.write_all(b"and after").await.unwrap();
                stream.shutdown().await.unwrap();
                std::future::pending().await
            },
        );
        let ended = [(AT + 100, "read 6"), (AT + 100, "read 0")];
        let whole = [(AT + 100, "read 6"), (AT + 110, "read 5")];
        assert_heard(&log, ears, &ended, &whole);
    }
}

#[test]
fn a_reader_that_waits_is_woken_and_so_is_a_writer() {
    let log = play(
        &[half_close("server", Direction::Inbound)],
        async |server, mut stream| {
            let mut some = vec![0; 10];
            stream.read_exact(&mut some).await.unwrap();
            if some == [1; 10] {
                server.say_result("read", read_some(&mut stream).await);
            }
            std::future::pending().await
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            if client.node == "ann" {
                stream.write_all(&[1; 10]).await.unwrap();
                std::future::pending::<()>().await;
            } else {
                stream.write_all(&vec![0; WINDOW_BYTES + 10]).await.unwrap();
                stream.write_all(&vec![0; 3 * WINDOW_BYTES]).await.unwrap();
                client.say("written");
            }
        },
    );
    assert_said(&log, "server", &[(AT, "read 0")]);
    assert_said(&log, "bob", &[(AT, "written")]);
}

#[test]
fn whoever_never_reads_cannot_stop_the_clock_of_whoever_writes_for_ever() {
    let log = play(
        &[half_close("ann", Direction::Outbound)],
        async |_, _stream| std::future::pending().await,
        async |client| {
            if client.node == "ann" {
                let mut stream = client.dial().await.unwrap();
                while client.clock.elapsed() < Duration::from_millis(1_000) {
                    stream.write_all(&[0; SEGMENT_BYTES]).await.unwrap();
                }
                client.say("a second has passed");
            }
        },
    );
    assert_said(&log, "ann", &[(1_000, "a second has passed")]);
}

#[test]
fn new_streams_are_whole() {
    let log = play(
        &[half_close("server", Direction::Both)],
        async |server, mut stream| server.say_result("read", read_some(&mut stream).await),
        async |client| {
            client.until(AT + 10).await;
            let mut stream = client.dial().await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        },
    );
    assert_said(&log, "server", &[(AT + 10, "read 5"), (AT + 10, "read 5")]);
}
