//! What the header promises: the same frames however they arrive, and nothing kept for a liar.

use proptest::prelude::*;

use super::*;

const JOIN: Command = Command::new(3);

fn codec() -> HeaderCodec {
    HeaderCodec::new(Limits::default())
}

fn frame(cmd: Command, payload: &'static [u8]) -> Frame {
    Frame {
        cmd,
        payload: Bytes::from_static(payload),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Everything `codec` makes of `pieces`, arriving one by one.
fn decode_all(codec: &mut HeaderCodec, pieces: &[&[u8]]) -> Result<Vec<Frame>, Error> {
    let mut read = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        read.extend_from_slice(piece);
        while let Some(frame) = codec.decode(&mut read)? {
            frames.push(frame);
        }
    }
    while let Some(frame) = codec.decode_eof(&mut read)? {
        frames.push(frame);
    }
    Ok(frames)
}

fn encode_all(frames: &[Frame]) -> BytesMut {
    let mut wire = BytesMut::new();
    for frame in frames {
        codec().encode(frame.clone(), &mut wire).unwrap();
    }
    wire
}

#[test]
fn the_first_byte_belongs_to_nobody_else() {
    let first = MAGIC.to_be_bytes()[0];
    assert!(first > 0x80 && !first.is_ascii(), "{first:#x}");
}

#[test]
fn frames_are_these_bytes_both_ways() {
    for (hex, frame) in [
        ("b01e 0001 00000000", frame(Command::new(1), b"")),
        (
            "b01e 8003 00000002 cafe",
            frame(JOIN.response(), &[0xca, 0xfe]),
        ),
        (
            "b01e 4fff 00000001 00",
            frame(Command::new(0xFFF).ignorable(), &[0]),
        ),
        (
            "b01e c003 00000001 ff",
            frame(JOIN.response().ignorable(), &[0xff]),
        ),
        // The two bits without a meaning come through as they were.
        ("b01e 3003 00000000", frame(Command::from_bits(0x3003), b"")),
    ] {
        let wire = bytes(hex);
        assert_eq!(encode_all(std::slice::from_ref(&frame)), wire, "{hex}");
        assert_eq!(
            decode_all(&mut codec(), &[&wire]).unwrap(),
            [frame],
            "{hex}"
        );
    }
}

#[test]
fn a_command_takes_apart_into_what_it_was_made_of() {
    let answer = JOIN.response();
    assert!(answer.is_response() && !answer.is_ignorable());
    let hint = JOIN.ignorable();
    assert!(!hint.is_response() && hint.is_ignorable());
    let unknown = Command::from_bits(0xFFFF);
    assert!(unknown.is_response() && unknown.is_ignorable());
    for cmd in [JOIN, answer, hint] {
        assert_eq!(cmd.opcode(), 3);
    }
    assert_eq!(unknown.opcode(), OPCODE_MAX);
}

// contract: link-1
#[test]
fn a_claim_over_the_limit_is_refused_before_anything_is_reserved() {
    for (hex, claimed) in [
        ("b01e 0001 ffffffff", 0xFFFF_FFFF),
        ("b01e 0001 00100001", FRAME_BYTES_MAX + 1),
        ("b01e 0001 00002001", 8 * 1024 + 1),
    ] {
        let mut codec = codec();
        let mut read = BytesMut::from(&bytes(hex)[..]);
        let capacity = read.capacity();
        // Twice: what was refused stays refused.
        for _ in 0..2 {
            let error = codec.decode(&mut read).unwrap_err();
            assert!(
                matches!(error, Error::TooLarge { claimed: c, limit: 8192 } if c == claimed),
                "{error:?}"
            );
        }
        assert_eq!(read.capacity(), capacity, "{hex}");
    }
}

// contract: link-1
#[test]
fn the_limit_is_higher_after_authentication_and_never_above_its_own() {
    let allowed = |codec: &mut HeaderCodec, length: u32| {
        let mut read = BytesMut::new();
        put_header(&mut read, JOIN, length);
        codec.decode(&mut read).is_ok()
    };
    let mut codec = HeaderCodec::new(Limits::new(10, 20).unwrap());
    assert!(allowed(&mut codec, 10));
    assert!(!allowed(&mut codec, 11));
    codec.authenticated();
    assert!(allowed(&mut codec, 20));
    assert!(!allowed(&mut codec, 21));
}

#[test]
fn what_a_frame_still_misses_is_reserved_once() {
    let mut read = BytesMut::new();
    put_header(&mut read, JOIN, 8192);
    assert!(codec().decode(&mut read).unwrap().is_none());
    assert!(read.capacity() >= HEADER_BYTES + 8192);
    assert!(read.capacity() <= 2 * (HEADER_BYTES + 8192));
}

#[test]
fn a_stranger_is_known_by_two_bytes() {
    for (text, found) in [
        ("GET / HTTP/1.1", 0x4745),
        ("{\"", 0x7b22),
        ("\x16\x03", 0x1603),
    ] {
        let error = codec().decode(&mut BytesMut::from(text)).unwrap_err();
        assert!(
            matches!(error, Error::Magic { found: f } if f == found),
            "{error:?}"
        );
    }
    assert!(codec().decode(&mut BytesMut::from("G")).unwrap().is_none());
    let error = Error::Magic { found: 0x4745 };
    assert_eq!(
        error.to_string(),
        "a frame begins with 0xb01e, not with 0x4745"
    );
}

#[test]
fn an_end_inside_a_frame_is_an_error_and_between_frames_it_is_not() {
    let wire = encode_all(&[frame(JOIN, b"ahoy"), frame(JOIN, b"")]);
    for end in 0..=wire.len() {
        let decoded = decode_all(&mut codec(), &[&wire[..end]]);
        match end {
            0 | 12 | 20 => assert_eq!(decoded.unwrap().len(), end / 10, "{end}"),
            _ => {
                let error = decoded.unwrap_err();
                let rest = if end < 12 { end } else { end - 12 };
                assert!(
                    matches!(error, Error::Unterminated { buffered } if buffered == rest),
                    "{end}: {error:?}"
                );
            }
        }
    }
}

#[test]
fn a_payload_over_the_hard_cap_is_not_sent() {
    let mut buffer = BytesMut::from("before");
    let payload = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    let frame = Frame { cmd: JOIN, payload };
    let error = codec().encode(frame.clone(), &mut buffer).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    let error = encode_into(&mut buffer, JOIN, |to| to.put_slice(&frame.payload)).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(buffer, "before");
}

#[test]
fn a_batch_written_in_place_is_what_the_encoder_writes() {
    let frames = [frame(JOIN, b"ahoy"), frame(JOIN.response(), b"")];
    let mut batch = BytesMut::new();
    for frame in &frames {
        encode_into(&mut batch, frame.cmd, |to| to.put_slice(&frame.payload)).unwrap();
    }
    assert_eq!(batch, encode_all(&frames));
}

fn any_frames() -> impl Strategy<Value = Vec<Frame>> {
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let frame = (any::<u16>(), payload).prop_map(|(bits, payload)| Frame {
        cmd: Command::from_bits(bits),
        payload: payload.into(),
    });
    prop::collection::vec(frame, 1..5)
}

proptest! {
    // contract: link-1
    #[test]
    fn frames_are_the_same_wherever_the_bytes_are_split(
        frames in any_frames(),
        cuts in prop::collection::btree_set(0..160_usize, 0..8),
    ) {
        let wire = encode_all(&frames);
        for at in 0..=wire.len() {
            let (head, tail) = wire.split_at(at);
            prop_assert_eq!(&decode_all(&mut codec(), &[head, tail]).unwrap(), &frames);
        }
        let mut rest = &wire[..];
        let mut pieces = Vec::new();
        for cut in cuts.into_iter().rev().filter(|&cut| cut < wire.len()) {
            pieces.push(&rest[cut..]);
            rest = &rest[..cut];
        }
        pieces.push(rest);
        pieces.reverse();
        prop_assert_eq!(&decode_all(&mut codec(), &pieces).unwrap(), &frames);
    }

    // contract: link-1
    #[test]
    fn random_bytes_cost_an_error_at_most(
        noise in prop::collection::vec(any::<u8>(), 0..64),
        like_a_frame in any::<bool>(),
    ) {
        let mut wire = BytesMut::new();
        if like_a_frame {
            wire.put_u16(MAGIC);
        }
        wire.put_slice(&noise);
        let mut read = wire.clone();
        while let Ok(Some(frame)) = codec().decode(&mut read) {
            prop_assert!(frame.payload.len() <= wire.len());
        }
        prop_assert!(read.capacity() <= 2 * (HEADER_BYTES + 8192));
    }
}

#[test]
fn a_frame_in_a_log_tells_no_secret() {
    let frame = Frame {
        cmd: Command::new(1),
        payload: Bytes::from_static(b"token=ahoy"),
    };
    assert_eq!(
        format!("{frame:?}"),
        "Frame { cmd: Command(1), bytes: 10, .. }"
    );
}
