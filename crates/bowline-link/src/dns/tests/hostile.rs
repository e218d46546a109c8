//! Answers that mean harm, or are broken, end in a typed error or are passed over, in time.

use hickory_proto::rr::rdata::AAAA;

use super::*;

/// Answers both ways of asking with what `answers` makes of the question for addresses.
fn server_of(
    answers: impl Fn(&Message, Name, bool) -> Vec<(Vec<u8>, SocketAddr)> + Send + Sync + 'static,
) -> Resolver<Scripted> {
    let (resolver, _) = resolver_of(settings(), move |question, _, tcp| {
        let asked = question.queries[0].name.clone();
        answers(question, asked, tcp)
    });
    resolver
}

#[tokio::test(start_paused = true)]
async fn as_many_records_as_a_list_takes_are_taken_and_one_more_is_an_error() {
    let of = |count: usize| {
        server_of(move |question, asked, tcp| {
            let record = |n: usize| {
                let [.., high, low] = n.to_be_bytes();
                let data = RData::A(A::new(10, 0, high, low));
                Record::from_rdata(asked.clone(), 30, data)
            };
            let four = asks_for(question, RecordType::A);
            let records = (0..count).filter(|_| four).map(record);
            let whole = answer(question, records);
            sent(&if tcp { whole } else { whole.truncate() })
        })
    };
    let found = of(RECORDS_MAX).addresses("chat.example").await.unwrap();
    assert_eq!(found.records.len(), RECORDS_MAX);
    let error = of(RECORDS_MAX + 1).addresses("chat.example").await;
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "chat.example has more than 1024 A records"
    );
}

#[tokio::test(start_paused = true)]
async fn a_time_to_live_is_an_hour_at_most_and_one_with_the_top_bit_is_none() {
    let hour = Duration::from_secs(60 * 60);
    for (ttl, expected) in [
        (0, Duration::ZERO),
        (1, Duration::from_secs(1)),
        (3_600, hour),
        (3_601, hour),
        (0x7fff_ffff, hour),
        (0x8000_0000, Duration::ZERO),
        (u32::MAX, Duration::ZERO),
    ] {
        let (resolver, _) = resolver_of(settings(), knows(ttl));
        let found = resolver.addresses("chat.example").await.unwrap();
        assert_eq!(found.ttl, expected, "{ttl}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_aliases_in_one_answer_ends() {
    let resolver = server_of(|question, _, _| {
        let there = alias("a.example.", 60, "b.example.");
        let back = alias("b.example.", 60, "a.example.");
        sent(&answer(question, [there, back]))
    });
    let begun = Instant::now();
    let error = resolver.addresses("a.example").await.unwrap_err();
    assert!(matches!(error, Error::TooManyAliases { .. }), "{error}");
    assert_eq!(Instant::now(), begun);
}

#[tokio::test(start_paused = true)]
async fn records_of_another_name_and_questions_are_no_answers() {
    let resolver = server_of(|question, asked, _| {
        let stranger = a("bank.example.", 30, 66);
        let mut echo = answer(question, [a(&asked.to_string(), 30, 66)]);
        echo.metadata.message_type = hickory_proto::op::MessageType::Query;
        let mut both = sent(&echo);
        both.extend(sent(&answer(question, [stranger])));
        both
    });
    let error = resolver.addresses("chat.example").await.unwrap_err();
    assert!(matches!(error, Error::NoData { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn every_cut_and_every_changed_byte_of_an_answer_ends_in_time() {
    let whole = {
        let mut message = Message::response(0, hickory_proto::op::OpCode::Query);
        message.insert_answers(vec![a("chat.example.", 30, 1)]);
        message.to_vec().unwrap().len() + 18
    };
    for at in 0..whole {
        for cut in [true, false] {
            let resolver = server_of(move |question, asked, _| {
                let message = answer(question, [a(&asked.to_string(), 30, 1)]);
                let mut bytes = message.to_vec().unwrap();
                if cut {
                    bytes.truncate(at);
                } else if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 0xff;
                }
                vec![(bytes, SERVER)]
            });
            let begun = Instant::now();
            drop(resolver.addresses("chat.example").await);
            let took = Instant::now() - begun;
            let most = settings().patience() + Duration::from_millis(10);
            assert!(took <= most, "byte {at}: {took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_off_or_babbles_over_tcp_is_a_failed_attempt() {
    for broken in [0, 1, 2] {
        let resolver = server_of(move |question, asked, tcp| {
            let whole = answer(question, [a(&asked.to_string(), 30, 1)]);
            match (tcp, broken) {
                (false, _) => sent(&whole.truncate()),
                // In the middle of the answer, before it, and with something else.
                (true, 0) => vec![(whole.to_vec().unwrap(), FORGER)],
                (true, 1) => Vec::new(),
                (true, _) => vec![(b"no message".to_vec(), SERVER)],
            }
        });
        let error = resolver.addresses("chat.example").await.unwrap_err();
        assert!(matches!(error, Error::Network { .. }), "{broken}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_names_are_remembered_and_the_oldest_are_forgotten() {
    let (resolver, net) = resolver_of(settings(), knows(3_600));
    for n in 0..=NAMES_MAX {
        resolve(&resolver, &format!("n{n}.example")).await.unwrap();
        advance(Duration::from_millis(1)).await;
    }
    let asked = || net.asked.lock().unwrap().len();
    let before = asked();
    resolve(&resolver, "n1.example").await.unwrap();
    assert_eq!(asked(), before);
    resolve(&resolver, "n0.example").await.unwrap();
    assert_eq!(asked(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn names_beyond_ascii_are_asked_for_as_dns_has_them_and_odd_ones_not_at_all() {
    let (resolver, net) = resolver_of(settings(), |question, _, _| {
        sent(&failure(question, ResponseCode::NXDomain))
    });
    let error = resolve(&resolver, "B\u{fc}cher.example").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no name xn--bcher-kva.example");
    net.asked.lock().unwrap().clear();
    for text in [
        "fe80::1%eth0",
        "a b.example",
        "a\0b.example",
        "a/b.example",
        "chat.example..",
        ".chat.example",
        "\u{202e}chat.example",
    ] {
        let error = resolve(&resolver, text).await.unwrap_err();
        assert!(matches!(error, Error::NotAName { .. }), "{text:?}: {error}");
    }
    assert_eq!(net.asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn both_kinds_together_are_good_for_the_shorter_of_their_times() {
    for (six, four) in [(9, 30), (30, 9)] {
        let resolver = server_of(move |question, asked, _| {
            let (ttl, data) = match asks_for(question, RecordType::A) {
                true => (four, RData::A(A::new(10, 0, 0, 1))),
                false => (six, RData::AAAA("fd00::1".parse().unwrap())),
            };
            sent(&answer(question, [Record::from_rdata(asked, ttl, data)]))
        });
        let found = resolver.addresses("chat.example").await.unwrap();
        assert_eq!(found.records.len(), 2);
        assert_eq!(found.ttl, Duration::from_secs(9));
    }
}

#[tokio::test(start_paused = true)]
async fn more_addresses_of_both_kinds_than_a_list_takes_are_cut_off() {
    let resolver = server_of(|question, asked, tcp| {
        let four = asks_for(question, RecordType::A);
        let record = |n: u16| {
            let [high, low] = n.to_be_bytes();
            let data = match four {
                true => RData::A(A::new(10, 0, high, low)),
                false => RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, n)),
            };
            Record::from_rdata(asked.clone(), 30, data)
        };
        let whole = answer(question, (0..600).map(record));
        sent(&if tcp { whole } else { whole.truncate() })
    });
    let mut lookup = Addresses::new(resolver, Endpoint::new("chat.example", 7));
    let found = crate::discovery::Lookup::look_up(&mut lookup).await;
    let targets = found.unwrap().targets;
    assert_eq!(targets.len(), crate::discovery::TARGETS_MAX);
}
