//! Published vectors, and what a key refuses to show.

use data_encoding::HEXLOWER;

use super::*;

/// RFC 4231 section 4: secret, data, and the first 16 bytes of the tag. Case 5
/// is the one that the RFC itself truncates so.
#[test]
fn a_tag_is_the_first_half_of_hmac_sha_256() {
    for (secret, data, tag) in [
        (
            &[0x0b; 20][..],
            &b"Hi There"[..],
            "b0344c61d8db38535ca8afceaf0bf12b",
        ),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c7",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a7"),
        (
            &[0x0c; 20],
            b"Test With Truncation",
            "a3b6167473100ee06e0c796c2955552b",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f",
        ),
    ] {
        let made = truncated(hmac(secret).chain_update(data));
        assert_eq!(HEXLOWER.encode(&made), tag);
    }
}

#[test]
fn a_key_never_prints_its_secret() {
    let key = Key::new(3, b"it is very secret, and long enough").unwrap();
    assert_eq!(format!("{key:?}"), "Key { id: 3, .. }");
    let keys = Keys::new(key);
    assert!(!format!("{keys:?}").contains("mac"), "{keys:?}");
}

#[test]
fn a_short_secret_and_a_second_key_of_one_name_are_refused() {
    assert_eq!(
        Key::new(1, &[7; 31]).unwrap_err().to_string(),
        "a secret of 31 bytes is shorter than 32"
    );
    let [a, b] = [1, 2].map(|secret| Key::new(9, &[secret; 32]).unwrap());
    assert_eq!(
        Keys::new(a).accepting(b).unwrap_err().to_string(),
        "both keys have id 9"
    );
}

#[test]
fn one_changed_bit_anywhere_spoils_the_tag() {
    let key = Key::new(1, &[7; 32]).unwrap();
    let mut datagram = b"ahoy".to_vec();
    datagram.extend(key.tag(b"ahoy"));
    assert!(key.verifies(&datagram));
    for bit in 0..datagram.len() * 8 {
        let mut spoiled = datagram.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.verifies(&spoiled), "bit {bit}");
    }
    assert!(!key.verifies(&datagram[1..]));
    assert!(!key.verifies(&[]));
}
