//! What is promised of values as types: that each is one, and that no error quotes one.

use super::*;
use crate::codec::JSON_DEPTH_MAX;
use crate::codec::testing::{decode, decode_every_way};

fn codec<T>() -> JsonCodec<T> {
    JsonCodec::new(Limits::default())
}

#[test]
fn values_arrive_as_their_type() {
    let wire = br#"{"a":1}{"b":2} {}"#;
    let (maps, error) =
        decode_every_way(&codec::<std::collections::BTreeMap<String, u8>>(), wire, 16);
    assert_eq!(error, None);
    assert_eq!(
        maps,
        [
            [("a".to_owned(), 1)].into(),
            [("b".to_owned(), 2)].into(),
            [].into()
        ]
    );
}

#[test]
fn what_serde_writes_comes_back() {
    let mut wire = BytesMut::new();
    let values = [Some("fair\n\"winds\""), None, Some("")];
    for value in values {
        codec::<()>().encode(value, &mut wire).unwrap();
    }
    assert_eq!(wire, "\"fair\\n\\\"winds\\\"\"null\n\"\"");
    let (read, error) = decode_every_way(&codec::<Option<String>>(), &wire, 32);
    assert_eq!(error, None);
    assert_eq!(read, values.map(|value| value.map(str::to_owned)));
}

#[test]
fn an_error_counts_the_values_and_quotes_none() {
    for (wire, expected) in [
        (
            "[1] \"secret\"",
            "value 2 is no such JSON at its line 1, column 8: not of the type asked for",
        ),
        (
            "[1][2]\n[\n3,\n]",
            "value 3 is no such JSON at its line 3, column 1: trailing comma",
        ),
        (
            "[secret]",
            "value 1 is no such JSON at its line 1, column 2: expected value",
        ),
        (
            "[300]",
            "value 1 is no such JSON at its line 1, column 4: not of the type asked for",
        ),
    ] {
        let (_, error) = decode_every_way(&codec::<Vec<u8>>(), wire.as_bytes(), 32);
        assert_eq!(error.unwrap(), expected);
    }
}

#[test]
fn a_value_of_another_type_does_not_hide_the_next() {
    let mut codec = codec::<Vec<u8>>();
    let mut read = BytesMut::from("{}[7]");
    codec.decode(&mut read).unwrap_err();
    assert_eq!(codec.decode(&mut read).unwrap(), Some(vec![7]));
}

#[test]
fn what_has_no_json_is_not_sent_and_not_quoted() {
    let mut wire = BytesMut::new();
    let no_key = std::collections::BTreeMap::from([(vec!["secret"], 1)]);
    let error = codec::<()>().encode(no_key, &mut wire).unwrap_err();
    assert_eq!(
        error.to_string(),
        "not to be written as JSON: key must be a string"
    );
    assert!(wire.is_empty());
}

// contract: link-1
#[test]
fn a_larger_value_is_read_after_authentication() {
    let limits = Limits::new(4, 8).unwrap();
    let stranger = JsonCodec::<Vec<u8>>::new(limits);
    let mut friend = stranger.clone();
    friend.authenticated();
    assert_eq!(
        decode(stranger, &[b"[1,2,3]"], 8).1.unwrap(),
        "a frame is longer than the limit of 4 bytes"
    );
    assert_eq!(
        decode(friend, &[b"[1,2,3]"], 8),
        (vec![vec![1, 2, 3]], None)
    );
}

#[test]
fn what_the_scanner_lets_nest_the_parser_reads() {
    let nest = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    parse::<serde_json::Value>(nest(JSON_DEPTH_MAX).as_bytes()).unwrap();
    let fault = parse::<serde_json::Value>(nest(JSON_DEPTH_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(fault.reason, "recursion limit exceeded");
}
