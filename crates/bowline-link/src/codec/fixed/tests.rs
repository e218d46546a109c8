//! What a fixed length promises: every so many bytes a frame, and no length that nobody may send.

use proptest::prelude::*;

use super::*;
use crate::codec::testing::{check_vectors, decode_every_way, encode, limits, noise, refusal};

fn codec(length: usize) -> FixedCodec {
    FixedCodec::new(length, limits()).unwrap()
}

#[test]
fn frames_are_these_bytes_both_ways() {
    check_vectors(&codec(1), &[("", &[]), ("00ff0a", &["00", "ff", "0a"])]);
    check_vectors(&codec(3), &[("cafe00 00cafe", &["cafe00", "00cafe"])]);
}

#[test]
fn a_length_that_nobody_may_ever_send_is_refused_with_the_limit() {
    for length in [0, 17, usize::MAX] {
        let refused = FixedCodec::new(length, limits()).unwrap_err();
        assert_eq!(refused, InvalidLength { length, limit: 16 });
        let text = refused.to_string();
        assert!(text.contains(&length.to_string()) && text.contains("16"));
    }
    FixedCodec::new(16, limits()).unwrap();
}

// contract: link-1
#[test]
fn a_length_over_a_strangers_limit_waits_for_authentication() {
    let stranger = codec(9);
    let mut friend = stranger.clone();
    friend.authenticated();
    assert_eq!(
        refusal(&stranger, b"1"),
        "a frame of 9 bytes is over the limit of 8"
    );
    assert_eq!(refusal(&stranger, b""), "in order");
    assert_eq!(refusal(&friend, b"123456789"), "in order");

    let mut read = BytesMut::from("1");
    let capacity = read.capacity();
    { stranger }.decode(&mut read).unwrap_err();
    assert_eq!(read.capacity(), capacity);
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_told_from_one_that_ends_behind_it() {
    for (wire, expected) in [
        ("", "in order"),
        ("abc", "in order"),
        ("a", "the stream ended inside a frame, after 1 bytes of it"),
        (
            "abcde",
            "the stream ended inside a frame, after 2 bytes of it",
        ),
    ] {
        assert_eq!(refusal(&codec(3), wire.as_bytes()), expected);
    }
}

#[test]
fn a_frame_of_another_length_is_not_sent() {
    let mut wire = BytesMut::new();
    for frame in ["", "ab", "abcd"] {
        let error = codec(3).encode(frame, &mut wire).unwrap_err();
        assert!(
            matches!(error, Error::WrongLength { length, expected: 3 } if length == frame.len()),
            "{error:?}"
        );
    }
    assert!(wire.is_empty());
}

proptest! {
    // contract: link-1
    #[test]
    fn any_bytes_are_frames_and_a_rest(noise in noise(b"\0"), length in 1..9_usize) {
        let codec = codec(length);
        let (frames, error) = decode_every_way(&codec, &noise, length);
        prop_assert_eq!(frames.len(), noise.len() / length);
        prop_assert_eq!(error.is_some(), noise.len() % length > 0);
        prop_assert!(noise.starts_with(&encode(&codec, &frames)));
    }
}
