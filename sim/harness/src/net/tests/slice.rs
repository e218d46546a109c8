//! Reads and writes come in small pieces, and all bytes are there.

use super::*;

const FROM: u64 = 400;
const UNTIL: u64 = 1_000;

#[test]
fn writes_are_taken_and_reads_are_given_in_pieces_while_it_lasts() {
    for (target, direction, ears) in CASES {
        let slices = Fault::Slice {
            direction,
            bytes_max: 7,
        };
        let log = play_ends(
            &[step(FROM, UNTIL - FROM, target, slices)],
            async |actor, mut stream, ear| {
                for at_ms in [200, 600, 1_100] {
                    actor.until(at_ms).await;
                    let text = b"twenty bytes of text";
                    let wrote = stream.write(text).await.unwrap();
                    stream.write_all(&text[wrote..]).await.unwrap();
                    actor.until(at_ms + 100).await;
                    let mut pieces = Vec::new();
                    let mut all = Vec::new();
                    while all.len() < text.len() {
                        let mut piece = [0; 64];
                        let read = stream.read(&mut piece).await.unwrap();
                        all.extend_from_slice(&piece[..read]);
                        pieces.push(read);
                    }
                    assert_eq!(all, text);
                    actor.say_of(ear, format!("{pieces:?}"));
                    actor.say_of(&format!("{ear} wrote"), wrote.to_string());
                }
            },
        );
        let (whole, pieces) = ("[20]", "[7, 7, 6]");
        let during = [(300, whole), (700, pieces), (1_200, whole)];
        assert_heard(
            &log,
            ears,
            &during,
            &[(300, whole), (700, whole), (1_200, whole)],
        );
        for (writer, reader) in [
            ("ann", "server of ann"),
            ("bob", "server of bob"),
            ("server of ann", "ann"),
            ("server of bob", "bob"),
        ] {
            let sliced = if ears.contains(&reader) { "7" } else { "20" };
            let wrote = said(&log, &format!("{writer} wrote"));
            let wrote: Vec<_> = wrote.iter().map(|(_, text)| &**text).collect();
            assert_eq!(wrote, ["20", sliced, "20"], "{writer}");
        }
    }
}

#[test]
fn the_smallest_of_several_counts() {
    let slices = |bytes_max| Fault::Slice {
        direction: Direction::Both,
        bytes_max,
    };
    let log = play(
        &[
            step(FROM, 1_000, "ann", slices(5)),
            step(FROM, 1_000, "clients", slices(3)),
            step(FROM, 1_000, "server", slices(4)),
        ],
        async |_, _stream| std::future::pending().await,
        async |client| {
            let mut stream = client.dial().await.unwrap();
            client.until(500).await;
            client.say_result("write", stream.write(b"hello").await);
        },
    );
    assert_said(&log, "ann", &[(500, "write 3")]);
}

#[test]
fn what_was_written_in_one_piece_before_is_read_in_several() {
    let slices = Fault::Slice {
        direction: Direction::Inbound,
        bytes_max: 7,
    };
    let log = play(
        &[step(FROM, 1_000, "ann", slices)],
        async |_, mut stream| {
            stream.write_all(b"ten bytes.").await.unwrap();
            std::future::pending().await
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            client.until(500).await;
            client.say_result("read", read_some(&mut stream).await);
            if client.node == "ann" {
                client.say_result("read", read_some(&mut stream).await);
            }
        },
    );
    assert_said(&log, "ann", &[(500, "read 7"), (500, "read 3")]);
    assert_said(&log, "bob", &[(500, "read 10")]);
}
