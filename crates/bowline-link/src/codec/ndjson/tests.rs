//! What a line of JSON promises: its type or an error with its number, never its text.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::*;
use crate::codec::testing::{bytes, decode, decode_every_way, limits, noise};

fn codec<T>() -> NdjsonCodec<T> {
    NdjsonCodec::new(Limits::default())
}

#[test]
fn lines_are_these_bytes_both_ways() {
    for (wire, values) in [
        ("", &[][..]),
        // 7\n
        ("37 0a", &["7"]),
        // [1,2]\n"a\nb"\nnull\n
        (
            "5b312c325d 0a 22615c6e6222 0a 6e756c6c 0a",
            &["[1,2]", r#""a\nb""#, "null"],
        ),
    ] {
        let values: Vec<serde_json::Value> = values
            .iter()
            .map(|value| serde_json::from_str(value).unwrap())
            .collect();
        let mut written = BytesMut::new();
        for value in &values {
            codec::<()>().encode(value, &mut written).unwrap();
        }
        assert_eq!(written, bytes(wire));
        assert_eq!(decode_every_way(&codec(), &bytes(wire), 16), (values, None));
    }
}

#[test]
fn blank_lines_are_skipped_and_counted() {
    let (values, error) = decode_every_way(&codec::<u8>(), b"\n1\r\n\r\n \t\n 2 \n\nx\n3\n", 16);
    assert_eq!(values, [1, 2]);
    assert_eq!(
        error.unwrap(),
        "line 7 is no such JSON at column 1: expected value"
    );
}

#[test]
fn blank_lines_end() {
    let blank = [b'\n'; GAP_BYTES_MAX + 1];
    let gap = "more than 1024 bytes came between two frames";
    assert_eq!(decode(codec::<u8>(), &[&blank], 0).1.unwrap(), gap);
    assert_eq!(decode(codec::<u8>(), &[&blank[1..]], 0).1, None);
    let halves = [&blank[..600], b"7\n", &blank[..600]].concat();
    assert_eq!(decode(codec::<u8>(), &[&halves], 0), (vec![7], None));

    // What was refused stays refused.
    let mut codec = codec::<u8>();
    let mut read = BytesMut::from(&blank[..]);
    codec.decode(&mut read).unwrap_err();
    read.extend_from_slice(b"7\n");
    codec.decode(&mut read).unwrap_err();
}

#[test]
fn a_bad_line_is_named_by_its_number_and_not_quoted() {
    for (wire, expected) in [
        (
            "1\n\"secret\"\n",
            "line 2 is no such JSON at column 8: not of the type asked for",
        ),
        (
            "1\n2\nsecret\n",
            "line 3 is no such JSON at column 1: expected value",
        ),
        (
            "1 secret\n",
            "line 1 is no such JSON at column 3: trailing characters",
        ),
        (
            "[1,\n2]\n",
            "line 1 is no such JSON at column 0: not of the type asked for",
        ),
        (
            "256\n",
            "line 1 is no such JSON at column 3: not of the type asked for",
        ),
        (
            "1\n2",
            "the stream ended inside a frame, after 1 bytes of it",
        ),
    ] {
        let (_, error) = decode_every_way(&codec::<u8>(), wire.as_bytes(), 32);
        assert_eq!(error.unwrap(), expected, "{wire}");
    }
    let endless = "[".repeat(200) + "\n";
    let (_, error) = decode(codec::<serde_json::Value>(), &[endless.as_bytes()], 256);
    assert_eq!(
        error.unwrap(),
        "line 1 is no such JSON at column 128: recursion limit exceeded"
    );
}

#[test]
fn a_bad_line_does_not_hide_the_next() {
    let mut codec = codec::<u8>();
    let mut read = BytesMut::from("{\n7\n");
    codec.decode(&mut read).unwrap_err();
    assert_eq!(codec.decode(&mut read).unwrap(), Some(7));
}

// contract: link-1
#[test]
fn a_longer_line_is_read_after_authentication() {
    let stranger = NdjsonCodec::<String>::new(limits());
    let mut friend = stranger.clone();
    friend.authenticated();
    assert_eq!(
        decode(stranger, &[b"\"1234567\"\n"], 16).1.unwrap(),
        "a line is longer than the limit of 8 bytes"
    );
    assert_eq!(
        decode(friend, &[b"\"1234567\"\n"], 16),
        (vec!["1234567".to_owned()], None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_dropped_inside_a_line_loses_none_of_it() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut lines = FramedRead::new(far, codec::<String>());
    near.write_all(b"\n\"ah").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), lines.next()).await;
    assert!(dropped.is_err());
    near.write_all(b"oy\"\n").await.unwrap();
    drop(near);
    assert_eq!(lines.next().await.unwrap().unwrap(), "ahoy");
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_was_sent(texts in prop::collection::vec(any::<String>(), 0..5)) {
        let mut wire = BytesMut::new();
        for text in &texts {
            codec::<()>().encode(text, &mut wire).unwrap();
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        prop_assert_eq!(decode(codec::<String>(), &bytes, 8192), (texts, None));
    }

    // contract: link-1
    #[test]
    fn random_bytes_are_values_or_an_error(noise in noise(b"\n\r 1[],\"")) {
        let codec = NdjsonCodec::<serde_json::Value>::new(limits());
        decode_every_way(&codec, &noise, 8);
    }
}

#[tokio::test]
async fn a_framed_goes_on_behind_a_bad_line_after_one_none() {
    let wire: &[u8] = b"1\nahoy\n2\n";
    let mut lines = FramedRead::new(wire, codec::<u32>());
    assert_eq!(lines.next().await.unwrap().unwrap(), 1);
    assert!(lines.next().await.unwrap().is_err());
    assert!(lines.next().await.is_none(), "not the end yet");
    assert_eq!(lines.next().await.unwrap().unwrap(), 2);
    assert!(lines.next().await.is_none());
    assert!(lines.next().await.is_none());
}
