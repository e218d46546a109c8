//! What is promised of a function of one's own: that it gets its frames, and that it can do no harm.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::codec::testing::{bytes, decode, decode_every_way, limits, noise, refusal};

type Answer = Result<Split, Infallible>;

/// NUL bytes between frames; `<` how many bytes `>` and those bytes.
fn netstring(bytes: &[u8], _limit: usize) -> Answer {
    Ok(match bytes {
        [0, ..] => Split::Skip(bytes.iter().take_while(|&&b| b == 0).count()),
        [b'<', length, b'>', ..] => {
            let end = 3 + usize::from(*length);
            if bytes.len() < end {
                Split::Need(end)
            } else {
                Split::Frame {
                    frame: 3..end,
                    consumed: end,
                }
            }
        }
        _ if bytes.len() < 3 => Split::More,
        // In a real one, an error.
        _ => Split::Skip(1),
    })
}

fn always(answer: Split) -> SplitCodec<impl FnMut(&[u8], usize) -> Answer + Clone> {
    SplitCodec::new(move |_: &[u8], _| Ok(answer.clone()), limits())
}

#[test]
fn frames_are_these_bytes() {
    let codec = SplitCodec::new(netstring, limits());
    for (wire, frames) in [
        ("", &[][..]),
        ("3c003e", &[""]),
        ("3c023e cafe 3c013e00", &["cafe", "00"]),
        ("0000 3c023e cafe 00 3c013e00 00", &["cafe", "00"]),
    ] {
        let frames: Vec<Bytes> = frames.iter().map(|hex| bytes(hex).into()).collect();
        assert_eq!(
            decode_every_way(&codec, &bytes(wire), 11),
            (frames, None),
            "{wire}"
        );
    }
}

// contract: link-1
#[test]
fn a_frame_over_the_limit_is_refused_before_and_after_authentication() {
    let stranger = SplitCodec::new(netstring, limits());
    let mut friend = stranger.clone();
    friend.authenticated();
    for (length, before, after) in [
        (8, "in order", "in order"),
        (9, "limit of 8", "in order"),
        (16, "limit of 8", "in order"),
        (17, "limit of 8", "limit of 16"),
    ] {
        let mut wire = vec![b'x'; length + 3];
        wire[..3].copy_from_slice(&[b'<', u8::try_from(length).unwrap(), b'>']);
        for (codec, expected) in [(&stranger, before), (&friend, after)] {
            let said = refusal(codec, &wire);
            assert!(said.contains(expected), "{length}: {said}");
        }
    }
}

// contract: link-1
#[test]
fn a_function_that_waits_forever_is_refused_at_the_limit_and_the_gap() {
    const KEPT_MAX: usize = 8 + GAP_BYTES_MAX;
    let endless = vec![b'x'; KEPT_MAX];
    let pieces: Vec<&[u8]> = endless.chunks(100).collect();
    let (_, error) = decode(always(Split::More), &pieces, KEPT_MAX);
    assert_eq!(
        error.unwrap(),
        "a frame is longer than the limit of 8 bytes"
    );
    let (_, error) = decode(always(Split::More), &[&endless[1..]], KEPT_MAX);
    assert_eq!(
        error.unwrap(),
        "the stream ended inside a frame, after 1031 bytes of it"
    );
    // One that says so at once is refused at once.
    for needed in [KEPT_MAX + 1, usize::MAX] {
        assert_eq!(
            refusal(&always(Split::Need(needed)), b"1"),
            "a frame is longer than the limit of 8 bytes"
        );
    }
}

#[test]
fn a_function_that_takes_nothing_is_stopped() {
    for answer in [
        Split::Skip(0),
        Split::Need(0),
        Split::Need(3),
        Split::Frame {
            frame: 0..0,
            consumed: 0,
        },
    ] {
        let said = always(answer.clone())
            .decode(&mut BytesMut::from("abc"))
            .unwrap_err()
            .to_string();
        assert_eq!(
            said, "the split function took nothing of 3 bytes and waits for no more",
            "{answer:?}"
        );
    }
}

#[test]
#[expect(
    clippy::reversed_empty_ranges,
    reason = "a split function may be wrong"
)]
fn a_function_that_claims_more_than_there_is_is_stopped() {
    for (answer, claimed) in [
        (Split::Skip(4), 4),
        (Split::Skip(usize::MAX), usize::MAX),
        (
            Split::Frame {
                frame: 0..4,
                consumed: 4,
            },
            4,
        ),
        (
            Split::Frame {
                frame: 1..2,
                consumed: 1,
            },
            2,
        ),
        (
            Split::Frame {
                frame: 3..1,
                consumed: 3,
            },
            3,
        ),
        (
            Split::Frame {
                frame: 0..usize::MAX,
                consumed: usize::MAX,
            },
            usize::MAX,
        ),
    ] {
        let error = always(answer.clone())
            .decode(&mut BytesMut::from("abc"))
            .unwrap_err();
        assert!(
            matches!(error, Error::SplitClaim { claimed: c, .. } if c == claimed),
            "{answer:?}: {error:?}"
        );
    }
}

#[test]
fn what_belongs_to_no_frame_ends() {
    let zeros = [0; GAP_BYTES_MAX + 1];
    let codec = SplitCodec::new(netstring, limits());
    let gap = "more than 1024 bytes came between two frames";
    assert_eq!(refusal(&codec, &zeros), gap);
    assert_eq!(refusal(&codec, &zeros[1..]), "in order");
    let halves = [&zeros[..600], b"<\0>", &zeros[..600]].concat();
    assert_eq!(refusal(&codec, &halves), "in order");

    let wasteful = Split::Frame {
        frame: 0..1,
        consumed: GAP_BYTES_MAX + 2,
    };
    let mut read = BytesMut::from(&[0; GAP_BYTES_MAX + 8][..]);
    assert_eq!(
        always(wasteful).decode(&mut read).unwrap_err().to_string(),
        gap
    );
}

#[test]
fn a_function_that_knows_what_it_needs_is_not_asked_before() {
    let mut asked = 0;
    let count = |bytes: &[u8], limit| {
        asked += 1;
        netstring(bytes, limit)
    };
    let mut codec = SplitCodec::new(count, Limits::default());
    let mut read = BytesMut::from("<\u{64}>");
    for _ in 0..100 {
        assert_eq!(codec.decode(&mut read).unwrap(), None);
        read.extend_from_slice(b"x");
    }
    assert_eq!(codec.decode(&mut read).unwrap().unwrap().len(), 100);
    assert_eq!(asked, 2);
}

#[test]
fn its_own_refusal_is_the_cause() {
    let refuse = |_: &[u8], limit: usize| Err(format!("not within {limit}"));
    let error = SplitCodec::new(refuse, limits())
        .decode(&mut BytesMut::from("abc"))
        .unwrap_err();
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "not within 8");
}

proptest! {
    // contract: link-1
    #[test]
    fn random_bytes_are_short_frames_or_an_error(noise in noise(&[0, 1, 4, b'<', b'>'])) {
        let codec = SplitCodec::new(netstring, limits());
        let (frames, _) = decode_every_way(&codec, &noise, 8 + GAP_BYTES_MAX);
        prop_assert!(frames.iter().all(|frame| frame.len() <= 8));
    }

    #[test]
    fn a_function_that_answers_anything_does_no_harm(
        answers in prop::collection::vec((0..4_u8, 0..12_usize, 0..12_usize, 0..12_usize), 1..20),
        wire in noise(b"\0"),
    ) {
        let mut turn = 0;
        let anything = move |_: &[u8], _: usize| -> Answer {
            turn += 1;
            let (kind, start, end, consumed) = answers[turn % answers.len()];
            Ok(match kind {
                0 => Split::More,
                1 => Split::Need(start),
                2 => Split::Skip(start),
                _ => Split::Frame { frame: start..end, consumed },
            })
        };
        let bytes: Vec<&[u8]> = wire.chunks(3).collect();
        let (frames, _) = decode(SplitCodec::new(anything, limits()), &bytes, 8 + GAP_BYTES_MAX);
        prop_assert!(frames.iter().all(|frame| frame.len() <= 8));
    }
}
