//! A kind of address for which the servers fail stays as it was, whatever becomes of the other.

use super::*;

/// What a server does for one kind: answers with this address, denies it, fails, or is silent.
#[derive(Clone, Copy)]
enum Does {
    Answers(u8),
    Denies,
    Fails,
    Nothing,
}

type Script = Arc<Mutex<(Does, Does)>>;

/// Does as the script says for AAAA and A; both are good for 10 s.
fn scripted(max_stale: u64) -> (Resolver<Scripted>, Scripted, Script) {
    let script = Arc::new(Mutex::new((Does::Answers(6), Does::Answers(4))));
    let does = Arc::clone(&script);
    let settings = settings()
        .max_stale(Duration::from_secs(max_stale))
        .unwrap();
    let (resolver, net) = resolver_of(settings, move |question, _, _| {
        let asked = question.queries[0].name.clone();
        let (six, four) = *does.lock().unwrap();
        let is_four = asks_for(question, RecordType::A);
        match if is_four { four } else { six } {
            Does::Nothing => Vec::new(),
            Does::Fails => sent(&failure(question, ResponseCode::ServFail)),
            Does::Denies => sent(&answer(question, [])),
            Does::Answers(last) => {
                let data = match is_four {
                    true => RData::A(A::new(10, 0, 0, last)),
                    false => RData::AAAA(format!("fd00::{last}").parse().unwrap()),
                };
                sent(&answer(question, [Record::from_rdata(asked, 10, data)]))
            }
        }
    });
    (resolver, net, script)
}

const BOTH: [&str; 2] = ["[fd00::6]:7", "10.0.0.4:7"];

#[tokio::test(start_paused = true)]
async fn a_kind_for_which_the_servers_fail_keeps_its_addresses_beside_the_other() {
    let failing = [
        (Does::Fails, Does::Answers(5), ["[fd00::6]:7", "10.0.0.5:7"]),
        (
            Does::Nothing,
            Does::Answers(5),
            ["[fd00::6]:7", "10.0.0.5:7"],
        ),
        (Does::Answers(7), Does::Fails, ["[fd00::7]:7", "10.0.0.4:7"]),
        (
            Does::Answers(7),
            Does::Nothing,
            ["[fd00::7]:7", "10.0.0.4:7"],
        ),
    ];
    for (six, four, expected) in failing {
        let (resolver, _, script) = scripted(60);
        let stale = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&stale);
        let resolver = resolver.observe(Arc::new(from_fn(move |event: &Event| {
            if let Event::ServedStale { addresses, age, .. } = event {
                seen.lock().unwrap().push((addresses.len(), age.as_secs()));
            }
        })));
        assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), BOTH);
        advance(Duration::from_secs(20)).await;
        *script.lock().unwrap() = (six, four);
        let begun = Instant::now();
        assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), expected);
        let age = 20 + (Instant::now() - begun).as_secs();
        assert_eq!(*stale.lock().unwrap(), [(1, age)]);
        // And from memory, where nobody is asked.
        assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_for_discovery_keeps_the_kind_for_which_the_servers_fail() {
    let (resolver, _, script) = scripted(60);
    let found = resolver.addresses("chat.example").await.unwrap();
    assert_eq!((found.records.len(), found.ttl.as_secs()), (2, 10));
    *script.lock().unwrap() = (Does::Fails, Does::Answers(4));
    advance(Duration::from_secs(7)).await;
    let found = resolver.addresses("chat.example").await.unwrap();
    let left = "the old ones are good for so long still";
    assert_eq!((found.records.len(), found.ttl.as_secs()), (2, 3), "{left}");
    advance(Duration::from_secs(33)).await;
    let found = resolver.addresses("chat.example").await.unwrap();
    assert_eq!((found.records.len(), found.ttl.as_secs()), (2, 10));
}

#[tokio::test(start_paused = true)]
async fn what_a_failing_kind_had_is_dropped_once_it_is_too_old() {
    let (resolver, _, script) = scripted(60);
    assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), BOTH);
    *script.lock().unwrap() = (Does::Fails, Does::Answers(4));
    for (after, expected) in [(69, &BOTH[..]), (2, &BOTH[1..])] {
        advance(Duration::from_secs(after)).await;
        let found = resolver.addresses("chat.example").await.unwrap();
        assert_eq!(found.records.len(), expected.len());
        assert!(found.ttl <= Duration::from_secs(10));
        assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_is_denied_goes_and_the_failing_one_stays() {
    let (resolver, _, script) = scripted(60);
    assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), BOTH);
    advance(Duration::from_secs(20)).await;
    *script.lock().unwrap() = (Does::Denies, Does::Fails);
    let found = resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(found, ["10.0.0.4:7"]);
    *script.lock().unwrap() = (Does::Denies, Does::Denies);
    advance(RECHECK_AFTER).await;
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(matches!(error, Error::NoData { .. }), "{error}");
    *script.lock().unwrap() = (Does::Fails, Does::Fails);
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_old_kind_beside_a_long_lived_one_is_asked_for_again_soon() {
    let (resolver, net) = resolver_of(settings(), {
        let begun = Instant::now();
        move |question, _, _| {
            let asked = question.queries[0].name.clone();
            let (ttl, data) = match asks_for(question, RecordType::A) {
                true => (3_600, RData::A(A::new(10, 0, 0, 4))),
                false if Instant::now() > begun => {
                    return sent(&failure(question, ResponseCode::ServFail));
                }
                false => (10, RData::AAAA("fd00::6".parse().unwrap())),
            };
            sent(&answer(question, [Record::from_rdata(asked, ttl, data)]))
        }
    });
    resolve(&resolver, "chat.example").await.unwrap();
    advance(Duration::from_secs(20)).await;
    let found = resolver.addresses("chat.example").await.unwrap();
    assert_eq!(found.ttl, STALE_TTL);
    let asked = net.asked.lock().unwrap().len();
    advance(STALE_TTL - Duration::from_millis(1)).await;
    assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), BOTH);
    assert_eq!(net.asked.lock().unwrap().len(), asked);
    advance(Duration::from_millis(2)).await;
    assert_eq!(resolve(&resolver, "chat.example").await.unwrap(), BOTH);
    assert!(net.asked.lock().unwrap().len() > asked);
}
