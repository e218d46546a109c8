//! Servers that are away cost a dial less than its own limit, where something is remembered.

use tokio::time::timeout;

use super::*;
use crate::discovery::Lookup;
use crate::log::testing::Written;

/// As many servers as there may be: patience is longer than the limit of a dial.
fn three() -> Settings {
    let servers = [1, 2, 3].map(|last| SocketAddr::from(([10, 0, 0, last], 53)));
    Settings::new(servers).unwrap()
}

/// Knows one address for 10 s, from whichever server is asked, until it is away.
fn until_away(away: &Arc<Mutex<bool>>) -> (Resolver<Scripted>, Scripted) {
    let away = Arc::clone(away);
    let known = knows(10);
    resolver_of(three(), move |question, server, tcp| {
        let answers = match *away.lock().unwrap() {
            true => Vec::new(),
            false => known(question, server, tcp),
        };
        answers.into_iter().map(|(it, _)| (it, server)).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn old_addresses_are_served_once_each_server_was_asked_once() {
    let away = Arc::default();
    let (resolver, net) = until_away(&away);
    resolve(&resolver, "chat.example").await.unwrap();
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(20)).await;
    net.asked.lock().unwrap().clear();
    let begun = Instant::now();
    let found = resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(found, ["10.0.0.1:7"]);
    let took = Instant::now() - begun;
    assert!(took < Duration::from_millis(6_010), "{took:?}");
    assert_eq!(net.asked.lock().unwrap().len(), 6);
    // Where nothing is remembered, all of the patience is worth it.
    resolve(&resolver, "new.example").await.unwrap_err();
    assert_eq!(net.asked.lock().unwrap().len(), 6 + 12);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_ends_before_our_patience_has_asked_in_vain_for_the_next() {
    let away = Arc::default();
    let (resolver, net) = until_away(&away);
    resolve(&resolver, "chat.example").await.unwrap();
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(20)).await;
    let limit = Duration::from_secs(3);
    let dial = timeout(limit, resolve(&resolver, "chat.example"));
    assert!(dial.await.is_err(), "the servers are away for longer");
    let asked = net.asked.lock().unwrap().len();
    let begun = Instant::now();
    let found = resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(found, ["10.0.0.1:7"]);
    assert_eq!(Instant::now(), begun);
    assert_eq!(net.asked.lock().unwrap().len(), asked);
    advance(RECHECK_AFTER).await;
    *away.lock().unwrap() = false;
    resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(net.asked.lock().unwrap().len(), asked + 2);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_given_up_at_once_says_nothing_of_the_servers() {
    let away = Arc::default();
    let (resolver, net) = until_away(&away);
    resolve(&resolver, "chat.example").await.unwrap();
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(20)).await;
    let limit = Duration::from_millis(100);
    let dial = timeout(limit, resolve(&resolver, "chat.example"));
    assert!(dial.await.is_err());
    *away.lock().unwrap() = false;
    net.asked.lock().unwrap().clear();
    resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(net.asked.lock().unwrap().len(), 2, "they were asked");
}

#[tokio::test(start_paused = true)]
async fn a_kind_of_address_that_a_network_swallows_holds_the_other_up_for_an_attempt_and_a_half() {
    for swallowed in [RecordType::AAAA, RecordType::A] {
        let (resolver, _) = resolver_of(three(), move |question, server, _| {
            if asks_for(question, swallowed) {
                return Vec::new();
            }
            let asked = question.queries[0].name.clone();
            let data = match swallowed {
                RecordType::A => RData::AAAA("fd00::1".parse().unwrap()),
                _ => RData::A(A::new(10, 0, 0, 1)),
            };
            let message = answer(question, [Record::from_rdata(asked, 30, data)]);
            vec![(message.to_vec().unwrap(), server)]
        });
        let failed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&failed);
        let resolver = resolver.observe(Arc::new(from_fn(move |event: &Event| {
            if let Event::Failed { kind, took, .. } = event {
                seen.lock().unwrap().push((kind.to_string(), *took));
            }
        })));
        let begun = Instant::now();
        let found = resolver.addresses("chat.example").await.unwrap();
        assert_eq!(found.records.len(), 1);
        let most = TIMEOUT_DEFAULT + TIMEOUT_DEFAULT / 2;
        let took = Instant::now() - begun;
        assert!(took <= most + Duration::from_millis(2), "{took:?}");
        assert_eq!(*failed.lock().unwrap(), [(swallowed.to_string(), most)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_asks_nobody_for_addresses_nor_for_this_machine() {
    let (resolver, net) = resolver_of(settings(), |_, _, _| Vec::new());
    for (endpoint, expected) in [
        ("127.0.0.1:7", &["127.0.0.1:7"][..]),
        ("[fe80::1%2]:7", &["[fe80::1%2]:7"]),
        ("localhost:7", &["[::1]:7", "127.0.0.1:7"]),
    ] {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        let found = Addresses::new(resolver.clone(), endpoint).look_up().await;
        let targets = found.unwrap().targets;
        let targets: Vec<_> = targets.iter().map(|it| it.endpoint.to_string()).collect();
        assert_eq!(targets, expected);
    }
    let path = Endpoint::unix("/run/chat.sock");
    let error = Addresses::new(resolver.clone(), path.clone());
    let error = error.clone().look_up().await.unwrap_err();
    assert!(matches!(error, Error::NotAName { .. }), "{error}");
    let error = resolver.resolve(path).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"unix:/run/chat.sock\" is no name that could be asked for"
    );
    assert_eq!(net.asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_late_was_not_asked_for_in_vain() {
    let second = SocketAddr::from(([10, 0, 0, 2], 53));
    let known = knows(1);
    let (resolver, net) = resolver_of(three(), move |question, server, tcp| {
        let answers = known(question, server, tcp);
        let answers = answers.into_iter().filter(|_| server == second);
        answers.map(|(it, _)| (it, server)).collect()
    });
    for _ in 0..2 {
        resolve(&resolver, "chat.example").await.unwrap();
        advance(Duration::from_millis(1_500)).await;
    }
    net.asked.lock().unwrap().clear();
    resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(net.asked.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_not_served_though_somebody_asked_in_vain_just_now() {
    let away = Arc::new(Mutex::new(false));
    let is_away = Arc::clone(&away);
    let known = knows(10);
    let settings = settings().max_stale(Duration::from_secs(60)).unwrap();
    let (resolver, _) = resolver_of(settings, move |question, server, tcp| {
        match *is_away.lock().unwrap() {
            true => Vec::new(),
            false => known(question, server, tcp),
        }
    });
    resolve(&resolver, "chat.example").await.unwrap();
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(67)).await;
    resolve(&resolver, "chat.example").await.unwrap();
    advance(Duration::from_millis(1_500)).await;
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn by_default_what_is_asked_is_logged_and_what_makes_it_unguessable_is_not() {
    let lines = Written::here();
    let away = Arc::default();
    let (resolver, net) = until_away(&away);
    resolve(&resolver, "chat.example").await.unwrap();
    let mut found = lines.take();
    found.sort();
    let [answered, failed] = &found[..] else {
        panic!("{found:?}");
    };
    let what = "DEBUG name servers answered name=\"chat.example\" kind=A took=0ns ttl=10s";
    assert_eq!(answered, what);
    let what = "DEBUG name servers gave no answer name=\"chat.example\" kind=Aaaa took=0ns error=";
    assert!(failed.starts_with(what), "{failed}");

    *away.lock().unwrap() = true;
    advance(Duration::from_secs(20)).await;
    resolve(&resolver, "chat.example").await.unwrap();
    found.extend(lines.take());
    let stale = found.last().unwrap();
    let what = "WARN served old addresses name=\"chat.example\" addresses=[10.0.0.1] age=26";
    assert!(stale.starts_with(what), "{stale}");
    for (id, port, _) in &*net.asked.lock().unwrap() {
        for secret in [id, port].map(u16::to_string) {
            assert!(!found.concat().contains(&secret), "{secret}: {found:?}");
        }
    }
}
