//! What is read from PEM: what is wrong is said, with the file, and never with what stood in it.

use std::path::Path;

use super::*;

/// The problem that `error` names, and what a person reads.
fn problem(error: &Error) -> (PemKind, PemProblem, String) {
    match error {
        Error::Pem { kind, problem, .. } => (*kind, *problem, error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_fault_of_a_pem_text_has_its_name() {
    let issued = Ca::new("harbour").issue(1, &[HOST]);
    let (chain, key) = (issued.chain.as_str(), issued.key.as_str());
    let cut_chain = chain.replace("-----END CERTIFICATE-----", "");
    let cut_key = key.replace("-----END PRIVATE KEY-----", "");
    let hollow = key.replacen("\nMIG", "\nMIF", 1);
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let not_der = "-----BEGIN CERTIFICATE-----\nYWhveQ==\n-----END CERTIFICATE-----\n";
    use PemKind::{Certificate, PrivateKey};
    use PemProblem::{Damaged, Encrypted, Missing, NotUnderstood};
    for (chain, key, kind, expected) in [
        ("", key, Certificate, Missing),
        (key, key, Certificate, Missing),
        (&cut_chain, key, Certificate, Damaged),
        (not_der, key, Certificate, NotUnderstood),
        (chain, "", PrivateKey, Missing),
        (chain, chain, PrivateKey, Missing),
        (chain, &cut_key, PrivateKey, Damaged),
        (chain, &hollow, PrivateKey, NotUnderstood),
        (chain, &locked, PrivateKey, Encrypted),
    ] {
        let error = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
        let (found_in, found, text) = problem(&error);
        assert_eq!((found_in, found), (kind, expected), "{text}");
    }
    let error = Roots::from_pem(b"harbour").unwrap_err();
    assert_eq!(
        problem(&error).2,
        "cannot use the certificate: there is none (PEM text is expected, with its BEGIN and END lines)"
    );
    RevocationLists::from_pem(chain.as_bytes()).unwrap_err();
}

#[test]
fn a_root_that_is_none_is_not_skipped() {
    let good = Ca::new("harbour").pem();
    let bad = "-----BEGIN CERTIFICATE-----\nYWhveQ==\n-----END CERTIFICATE-----\n";
    let error = Roots::from_pem(format!("{good}{bad}").as_bytes()).unwrap_err();
    assert_eq!(problem(&error).1, PemProblem::NotUnderstood);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ca = Ca::new("harbour");
    let (one, other) = (ca.issue(1, &[HOST]), ca.issue(2, &[HOST]));
    let error = Identity::from_pem(one.chain.as_bytes(), other.key.as_bytes()).unwrap_err();
    assert!(
        matches!(error, Error::KeyMismatch { file: None }),
        "{error:?}"
    );
}

#[test]
fn a_file_is_named_in_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca = Ca::new("harbour");
    let (one, other) = (ca.issue(1, &[HOST]), ca.issue(2, &[HOST]));
    let chain = put("chain.pem", &one.chain);
    let names = |error: Error, path: &Path| {
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
    };
    let key = put("other.key", &other.key);
    names(Identity::from_files(&chain, &key).unwrap_err(), &key);
    names(Identity::from_files(&chain, &chain).unwrap_err(), &chain);
    names(Roots::from_file(&key).unwrap_err(), &key);
    let gone = folder.path().join("gone.pem");
    names(Roots::from_file(&gone).unwrap_err(), &gone);
    let garbage = "-----BEGIN X509 CRL-----\nYWhveQ==\n-----END X509 CRL-----\n";
    let list = put("list.crl", garbage);
    let lists = RevocationLists::from_file(&list).unwrap();
    let client = client(&ca).revocation_lists(lists);
    names(client.build().unwrap_err(), &list);

    let key = put("one.key", &one.key);
    Identity::from_files(&chain, &key).unwrap();
    Roots::from_file(put("ca.pem", &ca.pem())).unwrap();
}

#[test]
fn no_key_is_ever_shown() {
    let ca = Ca::new("harbour");
    let issued = ca.issue(1, &[HOST]);
    let secret: String = issued.key.lines().skip(1).take(1).collect();
    let server = server(&issued);
    let client = client(&ca).identity(issued.identity());
    let damaged = issued.key.replace("-----END", "----END");
    let error = Identity::from_pem(issued.chain.as_bytes(), damaged.as_bytes()).unwrap_err();
    let shown = [
        format!("{:?}", issued.identity()),
        format!("{server:?} {:?}", server.clone().build()),
        format!("{client:?} {:?}", client.clone().build()),
        format!("{error:?} {}", told(&error)),
    ];
    for shown in shown {
        for part in secret.as_bytes().windows(12) {
            let part = str::from_utf8(part).unwrap();
            assert!(!shown.contains(part), "{shown}");
        }
        assert!(!shown.to_lowercase().contains("der("), "{shown}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused_with_both() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let said = |error: Error| error.to_string();
    let client = client(&ca);
    let upside_down = client.clone().versions(Version::V1_3, Version::V1_2);
    assert_eq!(
        said(upside_down.build().unwrap_err()),
        "no version is at least TLS 1.3 and at most TLS 1.2"
    );
    let long = client.clone().alpn(["x".repeat(256)]);
    assert_eq!(
        said(long.build().unwrap_err()),
        "a protocol's name (ALPN) has 1 to 255 bytes, not 256"
    );
    client.clone().alpn([""]).build().unwrap_err();
    client.clone().alpn(["x".repeat(255)]).build().unwrap();
    let unnamed = client.server_name("not a name");
    assert_eq!(
        said(unnamed.build().unwrap_err()),
        "\"not a name\" is neither a DNS name nor an IP address"
    );
    let unasked = server(&shown).revocation_lists(ca.revocation_lists(&[]));
    assert_eq!(
        said(unasked.build().unwrap_err()),
        "1 revocation lists for client certificates, and none is asked for"
    );
}
