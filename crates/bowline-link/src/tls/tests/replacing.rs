//! Certificates, roots and revocation lists change while connections run, whole or not at all.

use super::*;

#[tokio::test(start_paused = true)]
async fn new_handshakes_use_the_new_certificate_and_running_connections_go_on() {
    let (old_ca, new_ca) = (Ca::new("old"), Ca::new("new"));
    let acceptor = server(&old_ca.issue(1, &[HOST])).build().unwrap();
    let connector = client(&old_ca).build().unwrap();
    let (near, far) = meet(&connector, &acceptor).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());

    // A clone replaces for all.
    let handle = acceptor.clone();
    handle.replace(server(&new_ca.issue(2, &[HOST]))).unwrap();
    let error = meet(&connector, &acceptor).await.0.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer), "{error:?}");
    connector.clone().replace(client(&new_ca)).unwrap();
    meet(&connector, &acceptor).await.0.unwrap();

    say(&mut near, &mut far).await;
    say(&mut far, &mut near).await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_replacement_changes_nothing_and_says_why() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let (acceptor, connector) = (
        server(&shown).build().unwrap(),
        client(&ca).build().unwrap(),
    );

    // A good certificate comes with versions that contradict each other.
    let stranger = Ca::new("stranger").issue(2, &[HOST]);
    let server = server(&stranger).versions(Version::V1_3, Version::V1_2);
    let error = acceptor.replace(server).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no version is at least TLS 1.3 and at most TLS 1.2"
    );
    // Good roots come with a revocation list that is none.
    let garbage = "-----BEGIN X509 CRL-----\nYWhveQ==\n-----END X509 CRL-----\n";
    let lists = RevocationLists::from_pem(garbage.as_bytes()).unwrap();
    let stranger = Ca::new("stranger");
    let client = client(&stranger).revocation_lists(lists);
    let error = connector.replace(client).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot use the certificate revocation list: it is damaged or of an unknown sort"
    );

    meet(&connector, &acceptor).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_slips_past_a_new_revocation_list_on_an_old_session() {
    let ca = Ca::new("harbour");
    let (shown, person) = (ca.issue(1, &[HOST]), ca.issue(2, &["ana"]));
    for version in [Version::V1_2, Version::V1_3] {
        let server = server(&shown).require_clients(ca.roots());
        let client = client(&ca)
            .identity(person.identity())
            .versions(version, version);
        let (acceptor, connector) = (server.clone().build().unwrap(), client.build().unwrap());
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let (near, far) = meet(&connector, &acceptor).await;
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            // What resumes a session comes with the first words.
            say(&mut far, &mut near).await;
            resumed.push(near.is_resumed());
        }
        assert_eq!(resumed, [false, true], "{version}");

        let lists = ca.revocation_lists(&[&person]);
        acceptor.replace(server.revocation_lists(lists)).unwrap();
        let error = meet(&connector, &acceptor).await.1.unwrap_err();
        assert!(matches!(error, Error::Revoked), "{version}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_learns_of_a_revocation_resumes_nothing() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let (acceptor, connector) = (
        server(&shown).build().unwrap(),
        client(&ca).build().unwrap(),
    );
    let (near, far) = meet(&connector, &acceptor).await;
    say(&mut far.unwrap(), &mut near.unwrap()).await;
    let lists = ca.revocation_lists(&[&shown]);
    connector
        .replace(client(&ca).revocation_lists(lists))
        .unwrap();
    let error = meet(&connector, &acceptor).await.0.unwrap_err();
    assert!(matches!(error, Error::Revoked), "{error:?}");
}
