//! A stream that is cut after some bytes is cut both ways, wherever in a message that is.

use super::*;

const FROM: u64 = 400;
const UNTIL: u64 = 1_500;

fn truncate(target: &str, direction: Direction, after_bytes: u64) -> Step {
    let fault = Fault::Truncate {
        direction,
        after_bytes,
    };
    step(FROM, UNTIL - FROM, target, fault)
}

/// Says how many bytes come before the end, and then how that end looks to it.
async fn read_out(actor: &Actor, stream: &mut Stream, ear: &str) {
    let mut all = Vec::new();
    let end = stream.read_to_end(&mut all).await;
    assert!(all.iter().all(|byte| *byte == 7));
    actor.say_of(ear, format!("{} then {:?}", all.len(), end.map(|_| "end")));
}

#[test]
fn the_reader_gets_the_bytes_before_the_cut_and_both_ends_are_told() {
    // Who writes into the cut, who reads, and who is not concerned.
    for (target, direction, writer, reader, streams) in [
        ("ann", Direction::Outbound, "client", "server", 1),
        ("ann", Direction::Inbound, "server", "client", 1),
        ("clients", Direction::Outbound, "client", "server", 2),
        ("server", Direction::Outbound, "server", "client", 2),
        ("server", Direction::Inbound, "client", "server", 2),
    ] {
        let log = play_ends(
            &[truncate(target, direction, 10)],
            async move |actor, mut stream, ear| {
                let client = !ear.starts_with("server");
                actor.until(300).await;
                stream.write_all(&[7; 100]).await.unwrap();
                actor.until(600).await;
                let writes = client == (writer == "client");
                if writes {
                    // One write, of which the network takes all and passes a part.
                    stream.write_all(&[7; 16]).await.unwrap();
                    actor.until(700).await;
                    actor.say_result(&format!("{ear} write"), stream.write(b"x").await);
                }
                let quiet = Duration::from_millis(700);
                let reading = read_out(&actor, &mut stream, ear);
                if timeout(quiet, reading).await.is_err() {
                    actor.say_of(ear, "goes on");
                    return std::future::pending().await;
                }
                if !writes {
                    actor.say_result(&format!("{ear} write"), stream.write(b"x").await);
                    sleep(Duration::from_millis(50)).await;
                    actor.say_result(&format!("{ear} write"), stream.write(b"x").await);
                }
            },
        );
        let name = |who: &str, node: &str| match who {
            "server" => format!("server of {node}"),
            _ => node.to_owned(),
        };
        for (index, node) in ["ann", "bob"].into_iter().enumerate() {
            let (writer, reader) = (name(writer, node), name(reader, node));
            let wrote = |who: &str| -> Vec<String> {
                let lines = log.lock().unwrap();
                let prefix = format!("{who} write ");
                lines
                    .iter()
                    .filter_map(|(_, _, text)| text.strip_prefix(&prefix).map(str::to_owned))
                    .collect()
            };
            let heard = |who: &str| -> Vec<String> {
                let lines = said(&log, who).into_iter();
                let lines = lines.filter(|(_, text)| !text.contains(" write "));
                lines.map(|(_, text)| text).collect()
            };
            if index < streams {
                assert_eq!(heard(&reader), ["110 then Ok(\"end\")"], "{target}");
                assert_eq!(heard(&writer), ["100 then Ok(\"end\")"], "{target}");
                assert_eq!(wrote(&writer), ["BrokenPipe"], "{target}");
                assert_eq!(wrote(&reader), ["1", "BrokenPipe"], "{target}");
            } else {
                assert_eq!(heard(&reader), ["goes on"]);
                assert_eq!(wrote(&writer), ["1"]);
            }
        }
    }
}

#[test]
fn bytes_are_counted_for_each_stream_from_its_beginning() {
    let log = play(
        &[truncate("server", Direction::Inbound, 10)],
        async |server, mut stream| {
            let ear = if server.clock.elapsed() < Duration::from_millis(FROM) {
                "old"
            } else {
                "new"
            };
            read_out(&server, &mut stream, ear).await;
        },
        async |client| {
            let old = client.node == "bob";
            client.until(if old { START_MS } else { 600 }).await;
            let mut stream = client.dial().await.unwrap();
            if old {
                stream.write_all(&[7; 5]).await.unwrap();
            }
            client.until(800).await;
            stream.write_all(&[7; 10]).await.unwrap();
            client.until(1_000).await;
            client.say_result("write", stream.write(&[7]).await);
            client.say_result("read", read_some(&mut stream).await);
            client.say_result("write", stream.write(&[7]).await);
            client.say_result("shutdown", stream.shutdown().await);
        },
    );
    // Ten bytes go through unharmed; the byte after them is what cuts.
    assert_said(&log, "new", &[(1_000, "10 then Ok(\"end\")")]);
    assert_said(&log, "old", &[(1_000, "15 then Ok(\"end\")")]);
    for node in ["ann", "bob"] {
        assert_said(
            &log,
            node,
            &[
                (1_000, "write 1"),
                (1_020, "read 0"),
                (1_020, "write BrokenPipe"),
                (1_020, "shutdown NotConnected"),
            ],
        );
    }
}

#[test]
fn lifted_before_the_cut_it_has_done_nothing() {
    let log = play(
        &[
            truncate("server", Direction::Both, 10),
            step(FROM, 200, "clients", truncate("", Direction::Both, 3).fault),
        ],
        async |server, mut stream| read_out(&server, &mut stream, "server").await,
        async |client| {
            if client.node == "bob" {
                return;
            }
            let mut stream = client.dial().await.unwrap();
            client.until(500).await;
            stream.write_all(&[7; 3]).await.unwrap();
            client.until(700).await;
            stream.write_all(&[7; 7]).await.unwrap();
            client.until(UNTIL + 100).await;
            stream.write_all(&[7; 100]).await.unwrap();
        },
    );
    assert_said(&log, "server", &[(UNTIL + 100, "110 then Ok(\"end\")")]);
}

#[test]
fn a_writer_that_waits_for_room_the_other_way_is_told() {
    let log = play(
        &[truncate("ann", Direction::Inbound, 0)],
        async |server, mut stream| {
            server.until(600).await;
            stream.write_all(&[7]).await.unwrap();
            std::future::pending().await
        },
        async |client| {
            if client.node == "ann" {
                let mut stream = client.dial().await.unwrap();
                let more = vec![7; 20 * WINDOW_BYTES];
                client.say_result("write", stream.write_all(&more).await);
                client.say_result("read", read_some(&mut stream).await);
            }
        },
    );
    assert_said(&log, "ann", &[(600, "write BrokenPipe"), (600, "read 0")]);
}
