//! What back to back values promise: each found once, wherever it is cut, and no bottomless nest.

use std::time::Duration;

use futures_util::StreamExt;
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::FramedRead;

use super::*;
use crate::codec::testing::{
    check_vectors, decode, decode_every_way, encode, limits, noise, refusal,
};

fn codec() -> ConcatenatedJsonCodec {
    ConcatenatedJsonCodec::new(limits())
}

fn friend() -> ConcatenatedJsonCodec {
    let mut codec = codec();
    codec.authenticated();
    codec
}

#[test]
fn values_are_these_bytes_both_ways() {
    check_vectors(
        &friend(),
        &[
            ("", &[]),
            ("7b7d 5b5d 2222", &["7b7d", "5b5d", "2222"]),
            // 1\n2\n{}true\n
            (
                "310a 320a 7b7d 747275650a",
                &["31", "32", "7b7d", "74727565"],
            ),
            // ["\"]\\"]
            ("5b 22 5c22 5d 5c5c 22 5d", &["5b225c225d5c5c225d"]),
        ],
    );
}

#[test]
fn values_end_where_they_end_whatever_is_between() {
    for (wire, values) in [
        (
            r#"{..}{..}[..] 1 2 "#,
            &["{..}", "{..}", "[..]", "1", "2"][..],
        ),
        (" \t\r\n", &[]),
        (" {} \n\n [] ", &["{}", "[]"]),
        (
            r#""a""b"null"c"7[]"#,
            &[r#""a""#, r#""b""#, "null", r#""c""#, "7", "[]"],
        ),
        (r#"{"a":"}"}"#, &[r#"{"a":"}"}"#]),
        (r#"["[\"["]-1.5e+3 "#, &[r#"["[\"["]"#, "-1.5e+3"]),
        (r#"{"é":[{}]}"#, &[r#"{"é":[{}]}"#]),
        (r#""\\""\"""#, &[r#""\\""#, r#""\"""#]),
    ] {
        assert_eq!(
            decode_every_way(&friend(), wire.as_bytes(), 16),
            (
                values.iter().map(|&value| Bytes::from(value)).collect(),
                None
            ),
            "{wire}"
        );
    }
}

#[test]
fn a_stream_that_may_have_lost_the_end_of_its_value_did_not_end_in_order() {
    for (wire, left) in [
        ("1", 1),
        ("{} true", 4),
        ("{", 1),
        ("\"ab", 3),
        ("\"\\", 2),
        ("[\"]\"", 4),
    ] {
        assert_eq!(
            refusal(&codec(), wire.as_bytes()),
            format!("the stream ended inside a frame, after {left} bytes of it"),
            "{wire}"
        );
    }
    assert_eq!(refusal(&codec(), b"{} 1\n"), "in order");
}

#[test]
fn what_cannot_be_json_is_refused_at_its_byte() {
    for (wire, at, found) in [
        ("x", 0, b'x'),
        ("]", 0, b']'),
        ("[}", 1, b'}'),
        ("{]", 1, b']'),
        ("[[]}", 3, b'}'),
        ("1,2", 0, b','),
        ("{}\u{b}", 0, 0x0b),
        (" +1", 0, b'+'),
    ] {
        assert_eq!(
            refusal(&codec(), wire.as_bytes()),
            format!("byte {at} of a JSON value cannot be {found:#04x}"),
            "{wire}"
        );
    }
}

// contract: link-1
#[test]
fn a_value_over_the_limit_is_refused_whether_its_end_came_or_not() {
    for (wire, before, after) in [
        ("[345678]", "in order", "in order"),
        ("[3456789]", "limit of 8", "in order"),
        ("[3456789", "after 8 bytes", "after 8 bytes"),
        ("[34567890", "limit of 8", "after 9 bytes"),
        ("\"345678\"", "in order", "in order"),
        ("\"3456789\"", "limit of 8", "in order"),
        ("12345678 ", "in order", "in order"),
        ("12345678{}", "in order", "in order"),
        ("123456789 ", "limit of 8", "in order"),
        ("[345678901234567]", "limit of 8", "limit of 16"),
        // What is between values does not count.
        ("            [345678]            ", "in order", "in order"),
    ] {
        for (codec, expected) in [(codec(), before), (friend(), after)] {
            let said = refusal(&codec, wire.as_bytes());
            assert!(said.contains(expected), "{wire}: {said}");
        }
    }
}

#[test]
fn nesting_has_a_floor() {
    let codec = ConcatenatedJsonCodec::new(Limits::default());
    let nest = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(refusal(&codec, nest(JSON_DEPTH_MAX).as_bytes()), "in order");
    assert_eq!(
        refusal(&codec, nest(JSON_DEPTH_MAX + 1).as_bytes()),
        "a JSON value nests deeper than 127"
    );
    let mixed = format!("{}{}", r#"{"":["#.repeat(63), "]}".repeat(63));
    assert_eq!(refusal(&codec, mixed.as_bytes()), "in order");
    let mut wire = BytesMut::new();
    let error = { codec }
        .encode(nest(JSON_DEPTH_MAX + 1), &mut wire)
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooDeep {
                limit: JSON_DEPTH_MAX
            }
        ),
        "{error:?}"
    );
}

#[test]
fn white_space_ends() {
    let spaces = [b' '; GAP_BYTES_MAX + 1];
    let gap = "more than 1024 bytes came between two frames";
    let bytes: Vec<&[u8]> = spaces.chunks(10).collect();
    assert_eq!(decode(codec(), &bytes, 0), (vec![], Some(gap.to_owned())));
    assert_eq!(decode(codec(), &[&spaces], 0).1.unwrap(), gap);
    let halves = [&spaces[..600], b"{}", &spaces[..600]].concat();
    assert_eq!(decode(codec(), &[&halves], 0).1, None);
}

#[test]
fn what_was_scanned_is_not_scanned_again() {
    let mut codec = ConcatenatedJsonCodec::new(Limits::default());
    let mut read = BytesMut::from("[");
    for length in 1..100 {
        assert_eq!(codec.decode(&mut read).unwrap(), None);
        assert_eq!(codec.scan.scanned(), length);
        read.put_u8(b'1');
    }
    read.clear();
    read.put_slice(b"{}");
    assert_eq!(codec.decode(&mut read).unwrap().unwrap(), "{}");
}

#[test]
fn what_was_refused_stays_refused() {
    for wire in ["x", "[}", "[34567890", "[[[[[[[[[", "123456789"] {
        let mut codec = codec();
        let mut read = BytesMut::from(wire);
        let first = codec.decode(&mut read).unwrap_err().to_string();
        read.put_slice(b"]{}");
        assert_eq!(codec.decode(&mut read).unwrap_err().to_string(), first);
    }
}

#[test]
fn what_is_not_exactly_one_value_is_not_sent() {
    let mut wire = BytesMut::new();
    for value in ["", " 1", "1 ", "{}{}", "{", "\"a", "]", "1{}", "x", "[}"] {
        let error = codec().encode(value, &mut wire).unwrap_err();
        assert!(
            matches!(error, Error::NotOneValue { length } if length == value.len()),
            "{value}: {error:?}"
        );
    }
    assert!(wire.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_dropped_inside_a_value_loses_none_of_it() {
    let (mut near, far) = tokio::io::duplex(64);
    let mut values = FramedRead::new(far, friend());
    near.write_all(b"{\"op\":\"\\").await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_secs(1), values.next()).await;
    assert!(dropped.is_err());
    near.write_all(b"\"}\"}").await.unwrap();
    drop(near);
    assert_eq!(values.next().await.unwrap().unwrap(), r#"{"op":"\"}"}"#);
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?[1-9][0-9]{0,3}",
        Just("true".to_owned()),
        Just("null".to_owned()),
        r#""([a{}\[\]]|\\"|\\\\){0,4}""#,
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|all| format!("[{}]", all.join(","))),
            inner.prop_map(|one| format!("{{\"\":{one}}}")),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_sent_arrives_wherever_the_bytes_are_split(values in prop::collection::vec(value(), 0..6)) {
        let codec = ConcatenatedJsonCodec::new(Limits::default());
        let values: Vec<Bytes> = values.into_iter().map(Bytes::from).collect();
        let wire = encode(&codec, &values);
        prop_assert_eq!(decode_every_way(&codec, &wire, 1024), (values, None));
    }

    // contract: link-1
    #[test]
    fn random_bytes_are_short_values_or_an_error(noise in noise(b"{}[]\"\\ 1\n")) {
        let (values, _) = decode_every_way(&codec(), &noise, 8);
        prop_assert!(values.iter().all(|value| value.len() <= 8));
        prop_assert_eq!(decode_every_way(&codec(), &encode(&codec(), &values), 8), (values, None));
    }
}
