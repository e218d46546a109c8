//! What a delimiter promises: the same frames however they arrive, and no search twice.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::*;
use crate::codec::testing::{check_vectors, decode_every_way, encode, limits, noise, refusal};

fn codec(delimiter: &'static [u8]) -> DelimiterCodec {
    DelimiterCodec::new(delimiter, limits()).unwrap()
}

#[test]
fn frames_are_these_bytes_both_ways() {
    check_vectors(
        &codec(b"\0"),
        &[
            ("", &[]),
            ("00", &[""]),
            ("61 00 00 6263 00", &["61", "", "6263"]),
            ("0d0a ff 00", &["0d0aff"]),
        ],
    );
    check_vectors(
        &codec(b"\r\n\r\n"),
        &[
            ("0d0a0d0a", &[""]),
            ("61 0d0a0d 62 0d0a0d0a", &["610d0a0d62"]),
            ("0a 0d0a0d0a 61 0d0a0d0a", &["0a", "61"]),
        ],
    );
    check_vectors(&codec(b"aab"), &[("62 61 616162 616162", &["6261", ""])]);
}

#[test]
fn an_empty_delimiter_and_an_endless_one_are_refused_with_their_length() {
    for length in [0, DELIMITER_BYTES_MAX + 1] {
        let refused = DelimiterCodec::new(vec![b'x'; length], limits()).unwrap_err();
        assert_eq!(refused, InvalidDelimiter { length });
        assert!(refused.to_string().contains(&length.to_string()));
    }
    DelimiterCodec::new(vec![b'x'; DELIMITER_BYTES_MAX], limits()).unwrap();
}

// contract: link-1
#[test]
fn a_frame_over_the_limit_is_refused_whether_its_end_came_or_not() {
    let stranger = codec(b"--");
    let mut friend = stranger.clone();
    friend.authenticated();
    for (wire, before, after) in [
        ("12345678--", "in order", "in order"),
        ("123456789--", "limit of 8", "in order"),
        ("1234567890", "limit of 8", "after 10 bytes"),
        ("1234567890123456--", "limit of 8", "in order"),
        ("12345678901234567--", "limit of 8", "limit of 16"),
        ("12345678-", "after 9 bytes", "after 9 bytes"),
        ("", "in order", "in order"),
    ] {
        for (codec, expected) in [(&stranger, before), (&friend, after)] {
            let said = refusal(codec, wire.as_bytes());
            assert!(said.contains(expected), "{wire}: {said}");
        }
    }
}

#[test]
fn what_was_searched_is_not_searched_again() {
    let mut codec = DelimiterCodec::new("--", Limits::default()).unwrap();
    let mut read = BytesMut::new();
    for length in 1..100 {
        read.put_u8(b'x');
        assert_eq!(codec.decode(&mut read).unwrap(), None);
        assert_eq!(codec.searched, length - 1);
    }
    read.put_slice(b"--next");
    assert_eq!(codec.decode(&mut read).unwrap().unwrap().len(), 99);
    assert_eq!(codec.searched, 0);
    assert_eq!(codec.decode(&mut read).unwrap(), None);
    assert_eq!(codec.searched, 3);
    read.clear();
    read.put_slice(b"--");
    assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "");
}

#[test]
fn what_was_refused_stays_refused() {
    let mut codec = codec(b"--");
    let mut read = BytesMut::from("1234567890");
    for _ in 0..2 {
        codec.decode(&mut read).unwrap_err();
        read.put_slice(b"--");
    }
    codec.decode_eof(&mut read).unwrap_err();
}

#[test]
fn a_frame_that_would_end_too_early_is_not_sent() {
    let mut wire = BytesMut::from("kept");
    for (delimiter, frame, place) in [
        ("\r\n\r\n", "a\r\n\r\nb", 1),
        // Only together with the delimiter behind it.
        ("\r\n\r\n", "a\r\n", 1),
        ("aa", "a", 0),
        ("\0", "\0", 0),
    ] {
        let error = codec(delimiter.as_bytes()).encode(frame, &mut wire);
        assert!(
            matches!(error, Err(Error::Delimiter { at }) if at == place),
            "{delimiter:?} {frame:?}: {error:?}"
        );
    }
    let endless = vec![b'x'; super::super::FRAME_BYTES_MAX + 1];
    let error = codec(b"\0").encode(endless, &mut wire).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(wire, "kept");
}

#[tokio::test(start_paused = true)]
async fn a_read_dropped_inside_a_delimiter_loses_none_of_it() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut frames = FramedRead::new(far, codec(b"\r\n\r\n"));
    near.write_all(b"ahoy\r\n\r").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), frames.next()).await;
    assert!(dropped.is_err());
    near.write_all(b"\n").await.unwrap();
    drop(near);
    assert_eq!(frames.next().await.unwrap().unwrap(), "ahoy");
}

proptest! {
    #[test]
    fn what_was_sent_arrives_wherever_the_bytes_are_split(
        frames in prop::collection::vec("[ab-]{0,6}", 0..6),
    ) {
        let codec = codec(b"-a-");
        let mut wire = BytesMut::new();
        let mut sent = Vec::new();
        for frame in frames {
            if codec.clone().encode(&frame, &mut wire).is_ok() {
                sent.push(Bytes::from(frame));
            }
        }
        prop_assert_eq!(decode_every_way(&codec, &wire, 10), (sent, None));
    }

    // contract: link-1
    #[test]
    fn random_bytes_are_short_frames_or_an_error(noise in noise(b"-a")) {
        let codec = codec(b"-a-");
        let (frames, _) = decode_every_way(&codec, &noise, 10);
        prop_assert!(frames.iter().all(|frame| frame.len() <= 8));
        prop_assert!(noise.starts_with(&encode(&codec, &frames)));
    }
}
