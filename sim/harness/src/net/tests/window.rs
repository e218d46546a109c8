//! A slow reader holds its writer back.

use super::*;

#[test]
fn a_reader_that_does_not_read_stops_its_writer_at_the_window() {
    let log = play(
        &[],
        async |server, mut stream| {
            server.until(1_000).await;
            let mut some = vec![0; WINDOW_BYTES];
            stream.read_exact(&mut some).await.unwrap();
            server.until(2_000).await;
            stream.read_to_end(&mut some).await.unwrap();
            server.say(some.len().to_string());
        },
        async |client| {
            if client.node == "bob" {
                return;
            }
            let mut stream = client.dial().await.unwrap();
            let window = vec![7; WINDOW_BYTES];
            for _ in 0..3 {
                stream.write_all(&window).await.unwrap();
                client.say("wrote a window");
            }
        },
    );
    let wrote = "wrote a window";
    assert_said(
        &log,
        "ann",
        &[(START_MS, wrote), (1_000, wrote), (2_000, wrote)],
    );
    let all = (3 * WINDOW_BYTES).to_string();
    assert_said(&log, "server", &[(2_000, &all)]);
}

#[test]
fn a_peer_that_closes_wakes_the_writer_that_waits_for_it() {
    let log = play(
        &[],
        async |server, mut stream| {
            stream.read_u8().await.unwrap();
            server.until(1_000).await;
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            let more = vec![7; 2 * WINDOW_BYTES];
            client.say_result("write", stream.write_all(&more).await);
        },
    );
    assert_said(&log, "ann", &[(1_000, "write BrokenPipe")]);
}

#[test]
fn half_a_close_leaves_the_other_half_open() {
    let log = play(
        &[],
        async |server, mut stream| {
            let mut question = String::new();
            stream.read_to_string(&mut question).await.unwrap();
            server.say(question);
            stream.write_all(b"answer").await.unwrap();
        },
        async |client| {
            if client.node == "bob" {
                return;
            }
            let mut stream = client.dial().await.unwrap();
            stream.write_all(b"question").await.unwrap();
            stream.shutdown().await.unwrap();
            client.say_result("shutdown", stream.shutdown().await);
            client.say_result("write", stream.write(b"x").await);
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    assert_said(&log, "server", &[(START_MS + 10, "question")]);
    let ann = [
        (START_MS, "shutdown ()"),
        (START_MS, "write BrokenPipe"),
        (START_MS + 10, "read 6"),
    ];
    assert_said(&log, "ann", &ann);
}
