//! What a line promises: the same lines however they arrive, and little kept for an endless one.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::*;

fn codec() -> LineCodec {
    LineCodec::new(Limits::default())
}

fn decode_all(codec: &mut LineCodec, pieces: &[&[u8]]) -> Result<Vec<Bytes>, Error> {
    let mut read = BytesMut::new();
    let mut lines = Vec::new();
    for piece in pieces {
        read.extend_from_slice(piece);
        while let Some(line) = codec.decode(&mut read)? {
            lines.push(line);
        }
    }
    while let Some(line) = codec.decode_eof(&mut read)? {
        lines.push(line);
    }
    Ok(lines)
}

#[test]
fn lines_end_in_newlines_and_lose_one_carriage_return() {
    for (text, expected) in [
        ("", &[][..]),
        ("\n", &[""]),
        ("\r\n", &[""]),
        ("{}\n", &["{}"]),
        ("{}\r\n[]\n", &["{}", "[]"]),
        ("a\rb\r\r\n", &["a\rb\r"]),
    ] {
        let lines = decode_all(&mut codec(), &[text.as_bytes()]).unwrap();
        assert_eq!(lines, expected, "{text:?}");
    }
}

#[test]
fn what_follows_the_last_newline_is_an_error() {
    for (text, rest) in [("{", 1), ("{}\n{}", 2), ("\r", 1)] {
        let error = decode_all(&mut codec(), &[text.as_bytes()]).unwrap_err();
        assert!(
            matches!(error, Error::Unterminated { buffered } if buffered == rest),
            "{text:?}: {error:?}"
        );
    }
}

// contract: link-1
#[test]
fn a_line_over_the_limit_is_refused_whether_its_end_came_or_not() {
    let limits = Limits::new(4, 6).unwrap();
    for (text, before, after) in [
        ("1234\n", true, true),
        ("12345\n", false, true),
        ("12345", false, true),
        ("123\r\n", true, true),
        ("1234\r\n", false, true),
        ("123456\n", false, true),
        ("1234567\n", false, false),
        ("1234567", false, false),
    ] {
        let mut codec = LineCodec::new(limits);
        let fits = codec.decode(&mut BytesMut::from(text)).is_ok();
        assert_eq!(fits, before, "{text:?} before");
        let mut codec = LineCodec::new(limits);
        codec.authenticated();
        let fits = codec.decode(&mut BytesMut::from(text)).is_ok();
        assert_eq!(fits, after, "{text:?} after");
    }
}

// contract: link-1
#[test]
fn ten_mebibytes_without_an_end_cost_little_more_than_the_limit() {
    const CHUNK: usize = 4096;
    let limit = Limits::default().before_authentication();
    let mut codec = codec();
    let mut read = BytesMut::new();
    let chunks = 10 * 1024 * 1024 / CHUNK;
    let refused = (0..chunks).find_map(|_| {
        read.extend_from_slice(&[b'x'; CHUNK]);
        codec.decode(&mut read).err()
    });
    assert!(
        matches!(refused, Some(Error::LineTooLong { limit: 8192 })),
        "{refused:?}"
    );
    assert!(read.len() <= limit + CHUNK, "{}", read.len());
    assert!(
        read.capacity() <= 2 * (limit + CHUNK),
        "{}",
        read.capacity()
    );

    // What was refused stays refused, also when its end comes after all.
    read.extend_from_slice(b"\n{}\n");
    codec.decode(&mut read).unwrap_err();
    codec.decode_eof(&mut read).unwrap_err();
}

#[test]
fn what_was_searched_is_not_searched_again() {
    let mut codec = codec();
    let mut read = BytesMut::new();
    for length in 1..100 {
        read.put_u8(b'x');
        assert_eq!(codec.decode(&mut read).unwrap(), None);
        assert_eq!(codec.searched, length);
    }
    read.put_slice(b"\nnext");
    assert_eq!(codec.decode(&mut read).unwrap().unwrap().len(), 99);
    assert_eq!(codec.searched, 0);
    assert_eq!(codec.decode(&mut read).unwrap(), None);
    assert_eq!(codec.searched, 4);
}

#[test]
fn a_payload_that_would_not_arrive_as_one_line_is_not_sent() {
    let mut wire = BytesMut::new();
    for (line, break_at) in [("a\nb", 1), ("\n", 0), ("ab\r", 2), ("a\nb\r", 1)] {
        let error = codec().encode(line, &mut wire).unwrap_err();
        assert!(
            matches!(error, Error::LineBreak { at } if at == break_at),
            "{line:?}: {error:?}"
        );
    }
    let endless = vec![b'x'; FRAME_BYTES_MAX + 1];
    let error = codec().encode(endless, &mut wire).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert!(wire.is_empty());
    codec().encode("a\rb", &mut wire).unwrap();
    assert_eq!(wire, "a\rb\n");
}

#[tokio::test(start_paused = true)]
async fn a_read_dropped_inside_a_line_loses_none_of_it() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut lines = FramedRead::new(far, codec());
    near.write_all(b"{\"op\":").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), lines.next()).await;
    assert!(dropped.is_err());
    near.write_all(b"\"ping\"}\n").await.unwrap();
    let line = lines.next().await.unwrap().unwrap();
    assert_eq!(line, r#"{"op":"ping"}"#);
}

proptest! {
    #[test]
    fn lines_are_the_same_wherever_the_bytes_are_split(
        lines in prop::collection::vec("[a-c\r]{0,12}[a-c]|", 1..6),
    ) {
        let mut wire = BytesMut::new();
        for line in &lines {
            codec().encode(line, &mut wire).unwrap();
        }
        for at in 0..=wire.len() {
            let (head, tail) = wire.split_at(at);
            prop_assert_eq!(&decode_all(&mut codec(), &[head, tail]).unwrap(), &lines);
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        prop_assert_eq!(&decode_all(&mut codec(), &bytes).unwrap(), &lines);
    }

    // contract: link-1
    #[test]
    fn random_bytes_make_short_lines_or_an_error(
        noise in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..128),
        piece in 1..16_usize,
    ) {
        let mut codec = LineCodec::new(Limits::new(8, 16).unwrap());
        let pieces: Vec<&[u8]> = noise.chunks(piece).collect();
        let longest = noise.split(|&b| b == b'\n').map(<[u8]>::len).max();
        match decode_all(&mut codec, &pieces) {
            Ok(lines) => prop_assert!(lines.iter().all(|line| line.len() <= 8)),
            Err(Error::LineTooLong { limit: 8 }) => prop_assert!(longest > Some(8)),
            Err(Error::Unterminated { .. }) => prop_assert!(!noise.ends_with(b"\n")),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
    }
}
