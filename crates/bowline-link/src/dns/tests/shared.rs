//! Those who ask for one thing at once ask once, and none of them holds the answer for the
//! others in his hands.

use tokio::time::{sleep, timeout};

use super::*;

const SECOND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 54)), 53);

/// Of two servers only the second one answers, and so only after an attempt; addresses are
/// good for 10 s.
fn late() -> (Resolver<Scripted>, Scripted) {
    let known = knows(10);
    let settings = Settings::new([SERVER, SECOND]).unwrap();
    resolver_of(settings, move |question, server, tcp| {
        let answers = known(question, server, tcp);
        let answers = answers.into_iter().filter(|_| server == SECOND);
        answers.map(|(it, _)| (it, server)).collect()
    })
}

fn count(net: &Scripted) -> usize {
    net.asked.lock().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_links_that_redial_at_one_moment_ask_one_pair_of_questions() {
    let (resolver, net) = late();
    resolve(&resolver, "chat.example").await.unwrap();
    advance(Duration::from_secs(20)).await;
    net.asked.lock().unwrap().clear();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut links = JoinSet::new();
    for link in 0..1_000 {
        let (resolver, order) = (resolver.clone(), Arc::clone(&order));
        let host = if link % 2 == 0 {
            "chat.example"
        } else {
            "CHAT.example."
        };
        links.spawn(async move {
            let found = resolve(&resolver, host).await.unwrap();
            order.lock().unwrap().push(link);
            found
        });
    }
    while let Some(found) = links.join_next().await {
        assert_eq!(found.unwrap(), ["10.0.0.1:7"]);
    }
    assert_eq!(count(&net), 4, "both kinds, of both servers");
    let order = order.lock().unwrap();
    assert!(
        order.is_sorted(),
        "they go on in the order in which they came"
    );
    assert_eq!(order.len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_first_takes_nobody_down_with_him() {
    let (resolver, net) = late();
    let mut links = JoinSet::new();
    for link in 0..10 {
        let resolver = resolver.clone();
        links.spawn(async move {
            // The first ones give up while the first server is silent.
            let limit = Duration::from_millis(if link < 9 { 100 * (link + 1) } else { 60_000 });
            timeout(limit, resolve(&resolver, "chat.example"))
                .await
                .ok()
        });
    }
    let found: Vec<_> = links.join_all().await.into_iter().flatten().collect();
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0].as_ref().unwrap(), ["10.0.0.1:7"]);
    assert_eq!(count(&net), 4, "and nothing was asked again");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_asked_on() {
    let (resolver, net) = late();
    for _ in 0..2 {
        net.asked.lock().unwrap().clear();
        let mut links = JoinSet::new();
        for _ in 0..3 {
            let resolver = resolver.clone();
            links.spawn(async move { resolve(&resolver, "chat.example").await });
        }
        sleep(Duration::from_millis(500)).await;
        links.shutdown().await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!(count(&net), 2, "the second server was never asked");
    }
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
}

#[tokio::test(start_paused = true)]
async fn all_who_share_a_question_get_its_error() {
    let (resolver, net) = resolver_of(settings(), |_, _, _| Vec::new());
    let mut links = JoinSet::new();
    for _ in 0..5 {
        let resolver = resolver.clone();
        links.spawn(async move { resolver.addresses("chat.example").await.unwrap_err() });
    }
    for error in links.join_all().await {
        assert_eq!(
            error.to_string(),
            "no answer for chat.example from 1 name servers, each asked up to 2 times, within 4s"
        );
    }
    assert_eq!(count(&net), 4);
}

#[test]
fn an_error_that_is_shared_keeps_what_the_network_said() {
    for source in [
        io::Error::from_raw_os_error(1),
        io::ErrorKind::AddrInUse.into(),
    ] {
        let (kind, said) = (source.kind(), source.to_string());
        let name = "chat.example".to_owned();
        let server = SERVER;
        let error = Error::Network {
            name,
            server,
            source,
        };
        let Error::Network { source, .. } = error.again() else {
            panic!("it became another error");
        };
        assert_eq!((source.kind(), source.to_string()), (kind, said));
    }
}

#[tokio::test(start_paused = true)]
async fn services_are_asked_for_once_by_all_who_ask_at_once() {
    let settings = Settings::new([SERVER, SECOND]).unwrap();
    let (resolver, net) = resolver_of(settings, |question, server, _| {
        let asked = question.queries[0].name.clone();
        let service = RData::SRV(SRV::new(1, 1, 7400, name("a.example.")));
        let message = answer(question, [Record::from_rdata(asked, 30, service)]);
        let answers = (server == SECOND).then(|| (message.to_vec().unwrap(), server));
        answers.into_iter().collect()
    });
    let mut links = JoinSet::new();
    for _ in 0..100 {
        let resolver = resolver.clone();
        links.spawn(async move { resolver.services("_chat._tcp.example").await.unwrap() });
    }
    for found in links.join_all().await {
        assert_eq!(found.records.len(), 1);
    }
    assert_eq!(count(&net), 2);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_different_names_are_asked_for_at_once() {
    let known = knows(10);
    let (resolver, net) = resolver_of(settings(), move |question, server, tcp| {
        match question.queries[0].name.to_string().as_str() {
            "chat.example." => known(question, server, tcp),
            _ => Vec::new(),
        }
    });
    resolve(&resolver, "chat.example").await.unwrap();
    advance(Duration::from_secs(20)).await;
    net.asked.lock().unwrap().clear();
    let mut links = JoinSet::new();
    for nth in 0..ASKED_AT_ONCE_MAX {
        let resolver = resolver.clone();
        links.spawn(async move { resolver.addresses(&format!("n{nth}.example")).await });
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(count(&net), 2 * ASKED_AT_ONCE_MAX);
    let error = resolver.addresses("new.example").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "new.example was not asked for: 1024 other names are under way"
    );
    assert!(error.is_passing());
    // What is old serves, and what is under way is shared by any number.
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
    let limit = Duration::from_millis(10);
    let shared = timeout(limit, resolver.addresses("n0.example")).await;
    assert!(shared.is_err(), "it waits with the others");
    assert_eq!(count(&net), 2 * ASKED_AT_ONCE_MAX);
    links.shutdown().await;
    let error = resolver.addresses("new.example").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}
