//! What a length promises: the same frames however they arrive, and nothing kept for a liar.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::*;
use crate::codec::testing::{
    bytes, check_vectors, decode_every_way, encode, limits, noise, refusal,
};

use ByteOrder::{BigEndian, LittleEndian};

fn codec(width: usize, order: ByteOrder, offset: usize, adjustment: i64) -> LengthPrefixedCodec {
    let prefix = Prefix::new(width, order).unwrap().behind(offset).unwrap();
    LengthPrefixedCodec::new(prefix.adjusted(adjustment).unwrap(), limits())
}

#[test]
fn frames_are_these_bytes_both_ways() {
    for (codec, wire, frames) in [
        (
            codec(1, BigEndian, 0, 0),
            "00 01ff 020a0b",
            &["", "ff", "0a0b"][..],
        ),
        (
            codec(2, BigEndian, 0, 0),
            "0003 616263 0000",
            &["616263", ""],
        ),
        (codec(2, LittleEndian, 0, 0), "0300 616263", &["616263"]),
        (codec(3, LittleEndian, 0, 0), "010000 00", &["00"]),
        (
            codec(8, BigEndian, 0, 0),
            "0000000000000002 cafe",
            &["cafe"],
        ),
        (
            codec(8, LittleEndian, 0, 0),
            "0200000000000000 cafe",
            &["cafe"],
        ),
        // The length counts itself.
        (
            codec(4, BigEndian, 0, -4),
            "00000006 cafe 00000004",
            &["cafe", ""],
        ),
        // It leaves a checksum of two bytes out.
        (
            codec(1, BigEndian, 0, 2),
            "01 aa cafe 00 cafe",
            &["aacafe", "cafe"],
        ),
        // A type before it, which it counts too.
        (
            codec(3, BigEndian, 1, -4),
            "17 000006 cafe 18 000004",
            &["17cafe", "18"],
        ),
        // More before it than it is wide.
        (codec(1, BigEndian, 3, 0), "010203 02 cafe", &["010203cafe"]),
    ] {
        check_vectors(&codec, &[("", &[]), (wire, frames)]);
    }
}

#[test]
fn a_prefix_that_no_frame_can_have_is_refused_with_all_values() {
    let narrow = Prefix::new(1, BigEndian).unwrap();
    let wide = Prefix::new(8, LittleEndian).unwrap();
    let hard = FRAME_BYTES_MAX as i64;
    for refused in [
        Prefix::new(0, BigEndian),
        Prefix::new(9, BigEndian),
        wide.behind(PREFIX_OFFSET_MAX + 1),
        wide.adjusted(hard + 1),
        wide.adjusted(-hard - 1),
        wide.adjusted(i64::MIN),
        // 255 is the most that fits, and then 256 are taken away.
        narrow.adjusted(-256),
    ] {
        let invalid = refused.unwrap_err();
        let text = invalid.to_string();
        let InvalidPrefix {
            width,
            offset,
            adjustment,
        } = invalid;
        let said =
            format!("length of {width} bytes behind {offset} others and adjusted by {adjustment}");
        assert!(text.contains(&said), "{text}");
    }
    narrow.adjusted(-255).unwrap();
    wide.behind(PREFIX_OFFSET_MAX)
        .unwrap()
        .adjusted(-hard)
        .unwrap()
        .adjusted(hard)
        .unwrap();
}

// contract: link-1
#[test]
fn a_claim_over_the_limit_is_refused_before_anything_is_reserved() {
    for (codec, wire, claimed) in [
        (codec(1, BigEndian, 0, 0), "09", 9),
        (codec(4, BigEndian, 0, 0), "ffffffff", 0xFFFF_FFFF),
        (codec(8, BigEndian, 0, 0), "ffffffffffffffff", usize::MAX),
        (
            codec(8, LittleEndian, 3, 9),
            "010203 ffffffffffffffff",
            usize::MAX,
        ),
        // What the adjustment adds counts.
        (codec(1, BigEndian, 0, 1024), "00", 1024),
        // And what stands before the length.
        (codec(1, BigEndian, 3, 0), "000000 06", 9),
    ] {
        let mut stranger = codec;
        let mut read = BytesMut::from(&bytes(wire)[..]);
        let capacity = read.capacity();
        // Twice: what was refused stays refused.
        for _ in 0..2 {
            let error = stranger.decode(&mut read).unwrap_err();
            assert!(
                matches!(error, Error::TooLarge { claimed: c, limit: 8 } if c == claimed),
                "{wire}: {error:?}"
            );
        }
        assert_eq!(read.capacity(), capacity, "{wire}");
    }
}

// contract: link-1
#[test]
fn more_is_allowed_after_authentication() {
    let stranger = codec(1, BigEndian, 0, 0);
    let mut friend = stranger.clone();
    friend.authenticated();
    for (length, before, after) in [
        (8, "in order", "in order"),
        (9, "limit of 8", "in order"),
        (16, "limit of 8", "in order"),
        (17, "limit of 8", "limit of 16"),
    ] {
        let mut wire = vec![b'x'; length + 1];
        wire[0] = u8::try_from(length).unwrap();
        for (codec, expected) in [(&stranger, before), (&friend, after)] {
            let said = refusal(codec, &wire);
            assert!(said.contains(expected), "{length}: {said}");
        }
    }
}

#[test]
fn a_length_below_zero_is_an_error_that_names_it() {
    assert_eq!(
        refusal(&codec(2, BigEndian, 0, -2), &bytes("0001 ff")),
        "a length of 1, adjusted by -2, is below zero"
    );
}

#[test]
fn a_stream_that_ends_behind_a_length_did_not_end_in_order() {
    let codec = codec(2, BigEndian, 0, 0);
    for (wire, left) in [("00", 1), ("0002", 2), ("0002ca", 3), ("0001ff 0001", 2)] {
        let said = refusal(&codec, &bytes(wire));
        assert_eq!(
            said,
            format!("the stream ended inside a frame, after {left} bytes of it")
        );
    }
}

#[test]
fn what_has_no_length_is_not_sent() {
    let mut wire = BytesMut::new();
    for (codec, length, expected) in [
        (
            codec(1, BigEndian, 0, 0),
            256,
            "256 bytes is over the limit of 255",
        ),
        (
            codec(1, BigEndian, 2, -5),
            253,
            "253 bytes is over the limit of 252",
        ),
        (
            codec(1, BigEndian, 2, 0),
            1,
            "1 bytes, where the prefix asks for 2",
        ),
        (
            codec(1, BigEndian, 2, 3),
            4,
            "4 bytes, where the prefix asks for 5",
        ),
        (
            codec(8, BigEndian, 0, 0),
            FRAME_BYTES_MAX + 1,
            "1048577 bytes is over the limit of 1048576",
        ),
    ] {
        let mut codec = codec;
        let error = codec.encode(vec![0; length], &mut wire).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(wire.is_empty());
    codec(1, BigEndian, 2, -5)
        .encode([0; 252], &mut wire)
        .unwrap();
    assert_eq!(wire[2], 255);
}

#[tokio::test(start_paused = true)]
async fn a_read_dropped_behind_a_length_does_not_forget_it() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut frames = FramedRead::new(far, codec(2, BigEndian, 0, 0));
    near.write_all(b"\0\x04").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), frames.next()).await;
    assert!(dropped.is_err());
    near.write_all(b"ahoy").await.unwrap();
    drop(near);
    assert_eq!(frames.next().await.unwrap().unwrap(), "ahoy");
}

prop_compose! {
    fn any_codec()(
        width in 1..9_usize,
        little in any::<bool>(),
        offset in 0..4_usize,
        adjustment in -8..5_i64,
    ) -> LengthPrefixedCodec {
        codec(width, if little { LittleEndian } else { BigEndian }, offset, adjustment)
    }
}

proptest! {
    #[test]
    fn what_was_sent_arrives_wherever_the_bytes_are_split(
        codec in any_codec(),
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..6),
    ) {
        let mut wire = BytesMut::new();
        let mut sent = Vec::new();
        for frame in frames {
            if codec.clone().encode(&frame, &mut wire).is_ok() {
                sent.push(Bytes::from(frame));
            }
        }
        prop_assert_eq!(decode_every_way(&codec, &wire, 20), (sent, None));
    }

    // contract: link-1
    #[test]
    fn random_bytes_are_short_frames_or_an_error(
        codec in any_codec(),
        noise in noise(&[0, 1, 2, 4]),
    ) {
        let (frames, _) = decode_every_way(&codec, &noise, 8 + 8 + 3);
        prop_assert!(frames.iter().all(|frame| frame.len() <= 8));
        prop_assert!(noise.starts_with(&encode(&codec, &frames)));
    }
}
