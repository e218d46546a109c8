//! Each way of answering as an application sees it, through its resolver and its dials.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::dns::{Datagrams, Sockets as _};
use bowline_link::race::ATTEMPT_DELAY;
use bowline_link::{BoxError, Endpoint, Listen, Resolving, dns};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::Zone;
use crate::net::Sockets;
use crate::plan::Invalid;
use crate::scenario::{Node, Play};
use crate::{Answers, Direction, Fault, Kind, Plan, RunError, Scenario, Shape, Step, Topology};

const NAME: &str = "chat.example";
const TTL: Duration = Duration::from_secs(2);
const ATTEMPT: Duration = Duration::from_secs(1);

fn zone() -> Zone {
    Zone::new(TTL).name(NAME, ["blue"]).service(
        "_chat._tcp.example",
        [(10, 5, 7400, NAME), (20, 0, 7401, "green")],
    )
}

/// Two servers that say who they are, a name server, and ann, who does what she is told.
fn world<F, Fut>(ann: F) -> Scenario
where
    F: Fn(Node) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + 'static,
{
    Scenario::new("names")
        .hosts(["blue", "green"], async |node| {
            let mut listener = node.listen(7400).await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                drop(stream.write_all(node.name().as_bytes()).await);
            }
        })
        .name_server("names", zone())
        .clients(["ann"], ann)
        .trouble(Duration::from_secs(20))
}

fn settings(node: &Node) -> dns::Settings {
    let settings = node.dns().timeout(ATTEMPT).unwrap();
    settings.attempts(2).unwrap()
}

fn lie(target: &str, answers: Answers) -> Step {
    fault(target, Fault::DnsAnswers { answers })
}

fn fault(target: &str, fault: Fault) -> Step {
    Step {
        at_ms: 10,
        for_ms: Some(15_000),
        target: target.to_owned(),
        fault,
    }
}

fn plan(scenario: &Scenario, steps: impl IntoIterator<Item = Step>) -> Plan {
    Plan {
        steps: steps.into_iter().collect(),
        ..Plan::calm(3, scenario.topology())
    }
}

/// What ann's resolver says of the name at once and after all faults, and how long it took.
fn observed(steps: impl IntoIterator<Item = Step>) -> (Result<Vec<IpAddr>, dns::Error>, Duration) {
    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    let scenario = world(move |node| {
        let sees = Arc::clone(&sees);
        async move {
            let blue = turmoil::lookup("blue");
            let resolver = node.resolver(settings(&node));
            let begun = Instant::now();
            let found = resolver.addresses(NAME).await;
            let found = found.map(|found| found.records);
            *sees.lock().unwrap() = Some((found, Instant::now() - begun));
            node.healed().await;
            let healed = resolver.addresses(NAME).await?;
            assert_eq!(healed.records, [blue]);
            assert_eq!(healed.ttl, TTL);
            Ok(())
        }
    });
    let outcome = scenario.play(plan(&scenario, steps));
    assert!(outcome.is_good(), "{outcome}");
    seen.lock().unwrap().take().unwrap()
}

#[test]
fn names_are_answered_for_within_a_round_trip() {
    let (found, took) = observed([]);
    assert_eq!(found.unwrap().len(), 1);
    assert!(took <= Duration::from_millis(50), "{took:?}");
}

#[test]
fn each_way_of_answering_looks_as_it_says() {
    let (found, _) = observed([lie("blue", Answers::Several { strangers: 3 })]);
    let found = found.unwrap();
    assert_eq!(found.len(), 4);
    assert_eq!(found[0].to_string(), "198.18.0.1");

    // Too many for a datagram: they come over TCP.
    let (found, took) = observed([lie("blue", Answers::Several { strangers: 255 })]);
    assert_eq!(found.unwrap().len(), 256);
    assert!(took < ATTEMPT, "{took:?}");

    let (found, took) = observed([lie("blue", Answers::None)]);
    let error = found.unwrap_err();
    assert!(matches!(error, dns::Error::NoData { .. }), "{error}");
    assert!(took < ATTEMPT, "{took:?}");

    let (found, took) = observed([lie("blue", Answers::Slow { ms: 700 })]);
    assert_eq!(found.unwrap().len(), 1);
    let late = Duration::from_millis(700);
    assert!(late <= took && took < ATTEMPT, "{took:?}");

    let (found, _) = observed([lie("blue", Answers::Stale)]);
    assert_eq!(found.unwrap(), ["198.18.0.1".parse::<IpAddr>().unwrap()]);

    let (found, _) = observed([lie("blue", Answers::NoSuchName)]);
    let error = found.unwrap_err();
    assert!(matches!(error, dns::Error::NoSuchName { .. }), "{error}");

    let (found, _) = observed([lie("blue", Answers::Failure)]);
    let error = found.unwrap_err();
    assert!(matches!(error, dns::Error::ServerFailure { .. }), "{error}");

    for steps in [
        lie("blue", Answers::Silence),
        lie("blue", Answers::Slow { ms: 1_200 }),
    ] {
        let (found, took) = observed([steps]);
        let error = found.unwrap_err();
        assert!(matches!(error, dns::Error::Timeout { .. }), "{error}");
        assert!(
            2 * ATTEMPT <= took && took < 2 * ATTEMPT + ATTEMPT / 10,
            "{took:?}"
        );
    }
}

#[test]
fn what_is_told_of_one_host_is_told_of_no_other() {
    let (found, _) = observed([lie("green", Answers::NoSuchName)]);
    assert_eq!(found.unwrap().len(), 1);
}

#[test]
fn what_bars_the_way_loses_questions_or_answers() {
    let direction = Direction::Both;
    for (target, lost) in [
        ("names", Fault::Stall { direction }),
        (
            "ann",
            Fault::Stall {
                direction: Direction::Inbound,
            },
        ),
        (
            "ann",
            Fault::Stall {
                direction: Direction::Outbound,
            },
        ),
        ("names", Fault::BlackHole),
        ("names", Fault::Refuse),
        ("names", Fault::Freeze),
        ("names", Fault::Crash),
        ("names", Fault::PowerLoss),
        ("clients", Fault::BlackHole),
        (
            "names",
            Fault::Corrupt {
                direction,
                one_in: 1,
            },
        ),
    ] {
        let (found, took) = observed([fault(target, lost)]);
        let error = found.expect_err(&format!("{lost} of {target}"));
        assert!(
            matches!(error, dns::Error::Timeout { .. }),
            "{lost}: {error}"
        );
        assert!(took < 2 * ATTEMPT + ATTEMPT / 10, "{lost}: {took:?}");
    }
}

#[test]
fn latency_makes_answers_late_there_and_back() {
    let direction = Direction::Both;
    let (ms, jitter_ms) = (300, 0);
    let late = Fault::Latency {
        direction,
        ms,
        jitter_ms,
    };
    for target in ["ann", "names"] {
        let (found, took) = observed([fault(target, late)]);
        assert_eq!(found.unwrap().len(), 1);
        let there_and_back = Duration::from_millis(600);
        assert!(there_and_back <= took && took < ATTEMPT, "{took:?}");
    }
}

#[test]
fn what_concerns_streams_alone_harms_no_question() {
    let direction = Direction::Both;
    for harmless in [
        Fault::Reset,
        Fault::HalfClose { direction },
        Fault::Truncate {
            direction,
            after_bytes: 0,
        },
        Fault::Slice {
            direction,
            bytes_max: 1,
        },
        Fault::Bandwidth {
            direction,
            bytes_per_s: 1,
        },
        Fault::AcceptStall,
    ] {
        let mut step = fault("names", harmless);
        step.for_ms = step.for_ms.filter(|_| !harmless.is_instant());
        let (found, _) = observed([step]);
        assert_eq!(found.unwrap().len(), 1, "{harmless}");
    }
}

#[test]
fn a_service_names_hosts_and_ports_and_is_struck_with_its_hosts() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        let error = resolver.services("_chat._tcp.example").await.unwrap_err();
        assert!(matches!(error, dns::Error::NoSuchName { .. }), "{error}");
        node.healed().await;
        let found = resolver.services("_chat._tcp.example").await?;
        let endpoints: Vec<_> = found
            .records
            .iter()
            .map(|it| it.endpoint.to_string())
            .collect();
        assert_eq!(endpoints, ["chat.example:7400", "green:7401"]);
        assert_eq!(
            (found.records[0].priority, found.records[0].weight),
            (10, 5)
        );
        Ok(())
    });
    let plan = plan(&scenario, [lie("green", Answers::NoSuchName)]);
    let outcome = scenario.play(plan);
    assert!(outcome.is_good(), "{outcome}");
}

/// Who answers at the name, dialed as software does it: resolved, and its addresses raced.
async fn who_answers(node: &Node, resolver: &dns::Resolver<Sockets>) -> Result<String, BoxError> {
    let dialer = Resolving::new(resolver.clone(), node.dialer());
    let dialed = dialer.oneshot(Endpoint::new(NAME, 7400));
    let mut stream = timeout(3 * ATTEMPT, dialed).await??;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[test]
fn strangers_before_the_true_address_delay_a_dial_and_do_not_stop_it() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        let begun = Instant::now();
        assert_eq!(who_answers(&node, &resolver).await?, "blue");
        let took = Instant::now() - begun;
        let delays = 3 * ATTEMPT_DELAY;
        assert!(delays <= took && took <= delays + ATTEMPT_DELAY, "{took:?}");
        Ok(())
    });
    let plan = plan(&scenario, [lie("blue", Answers::Several { strangers: 3 })]);
    let outcome = scenario.play(plan);
    assert!(outcome.is_good(), "{outcome}");
}

#[test]
fn an_address_that_nobody_has_hangs_and_one_dial_that_fails_says_why() {
    for (answers, said) in [
        (Answers::Stale, "deadline has elapsed"),
        (Answers::None, "chat.example has no A records"),
        (Answers::NoSuchName, "there is no name chat.example"),
        (Answers::Failure, "Server Failure"),
        (Answers::Silence, "no answer for chat.example"),
    ] {
        let scenario = world(move |node: Node| async move {
            let resolver = node.resolver(settings(&node));
            let error = who_answers(&node, &resolver).await.unwrap_err();
            let cause = error.source().map(ToString::to_string);
            let text = cause.unwrap_or_else(|| error.to_string());
            assert!(text.contains(said), "{text}");
            node.healed().await;
            sleep(TTL).await;
            assert_eq!(who_answers(&node, &resolver).await?, "blue");
            Ok(())
        });
        let outcome = scenario.play(plan(&scenario, [lie("blue", answers)]));
        assert!(outcome.is_good(), "{answers}: {outcome}");
    }
}

#[test]
fn a_changed_address_is_found_as_soon_as_the_old_answer_is_over() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        assert_eq!(who_answers(&node, &resolver).await?, "blue");
        node.names().point(NAME, ["green"]);
        let changed = Instant::now();
        while who_answers(&node, &resolver).await? == "blue" {
            sleep(Duration::from_millis(100)).await;
        }
        let took = Instant::now() - changed;
        assert!(took <= TTL + Duration::from_millis(300), "{took:?}");
        assert!(
            took >= TTL / 2,
            "{took:?}: what was remembered was not used"
        );
        Ok(())
    });
    let outcome = scenario.play(plan(&scenario, []));
    assert!(outcome.is_good(), "{outcome}");
}

#[test]
fn stale_answers_lead_to_where_the_name_led_before() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        node.names().point(NAME, ["green"]);
        assert_eq!(who_answers(&node, &resolver).await?, "blue");
        node.healed().await;
        sleep(TTL).await;
        assert_eq!(who_answers(&node, &resolver).await?, "green");
        Ok(())
    });
    let outcome = scenario.play(plan(&scenario, [lie("green", Answers::Stale)]));
    assert!(outcome.is_good(), "{outcome}");
}

#[test]
fn a_name_server_that_is_away_leaves_what_is_remembered() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        assert_eq!(who_answers(&node, &resolver).await?, "blue");
        sleep(TTL + ATTEMPT).await;
        let begun = Instant::now();
        assert_eq!(who_answers(&node, &resolver).await?, "blue");
        let took = Instant::now() - begun;
        assert!(took >= ATTEMPT, "{took:?}: somebody answered");
        node.healed().await;
        Ok(())
    });
    let mut away = fault("names", Fault::Crash);
    (away.at_ms, away.for_ms) = (1_000, Some(14_000));
    let outcome = scenario.play(plan(&scenario, [away]));
    assert!(outcome.is_good(), "{outcome}");
}

#[test]
fn a_world_without_a_name_server_refuses_a_plan_of_answers_by_its_step() {
    let scenario = Scenario::new("nameless").hosts(["blue"], async |_| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let steps = [fault("blue", Fault::Crash), lie("blue", Answers::None)];
    let outcome = scenario.play(plan(&scenario, steps));
    let refused = outcome.end.unwrap_err();
    assert!(
        matches!(refused, RunError::NoNameServer { step: 1, .. }),
        "{refused}"
    );
    assert!(refused.is_refusal());

    let topology = Topology::new(Duration::from_secs(20)).nodes("clients", ["ann"]);
    let told = |target: &str, answers| Plan {
        steps: vec![lie(target, answers)],
        ..Plan::calm(1, topology.clone())
    };
    let refused = told("ann", Answers::None).validate().unwrap_err();
    assert!(
        matches!(refused, Invalid::NotAHost { step: 0, .. }),
        "{refused}"
    );
    for (answers, said) in [
        (
            Answers::Slow { ms: 0 },
            "step 0: DNS answers 0 ms late means nothing: ms is 0 and must be at least 1",
        ),
        (
            Answers::Several { strangers: 0 },
            "step 0: DNS answers with 0 strangers means nothing: strangers is 0 and must be at least 1",
        ),
    ] {
        let refused = told("clients", answers).validate().unwrap_err();
        assert_eq!(refused.to_string(), said);
    }
}

#[test]
fn every_way_of_answering_is_drawn_and_only_where_it_is_asked_for() {
    let topology = Topology::new(Duration::from_secs(20)).host("blue");
    let shape = Shape::new(1, 50..=500).may_any(Kind::DnsAnswers, ["blue"]);
    let mut drawn = std::collections::BTreeSet::new();
    for seed in 0..200 {
        for step in Plan::draw(seed, &topology, &shape).steps {
            let Fault::DnsAnswers { answers } = step.fault else {
                panic!("{step}");
            };
            drawn.insert(match answers {
                Answers::Several { .. } => 0,
                Answers::None => 1,
                Answers::Slow { .. } => 2,
                Answers::Stale => 3,
                Answers::NoSuchName => 4,
                Answers::Failure => 5,
                Answers::Silence => 6,
            });
        }
    }
    assert_eq!(drawn.len(), 7);
}

#[test]
fn worlds_that_ask_for_names_repeat() {
    let scenario = world(async |node: Node| {
        let resolver = node.resolver(settings(&node));
        while node.elapsed() < Duration::from_secs(20) {
            drop(who_answers(&node, &resolver).await);
            sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    })
    .shape(|topology| {
        Shape::new(5, 500..=5_000)
            .everything(topology)
            .may_any(Kind::DnsAnswers, ["blue", "green"])
    });
    for seed in 0..6 {
        let hash = || scenario.play_seed(seed).end.unwrap().trace_hash;
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}

#[test]
fn what_is_asked_and_what_changes_is_in_the_trace() {
    let hash = |asked: &'static str, behind: &'static str| {
        let scenario = world(move |node: Node| async move {
            let resolver = node.resolver(settings(&node));
            resolver.addresses(asked).await?;
            node.names().point(NAME, [behind]);
            Ok(())
        });
        scenario.play(plan(&scenario, [])).end.unwrap().trace_hash
    };
    let plain = hash("blue", "blue");
    assert_eq!(hash("blue", "blue"), plain);
    assert_ne!(hash("names", "blue"), plain);
    assert_ne!(hash("blue", "names"), plain);
}

#[test]
fn a_wait_for_a_late_answer_that_is_given_up_loses_none() {
    let scenario = world(async |node: Node| {
        let socket = node.sockets().bind("0.0.0.0:50000".parse()?).await?;
        let mut question = Message::new(7, MessageType::Query, OpCode::Query);
        question.add_query(Query::query(Name::from_ascii("blue.")?, RecordType::A));
        let server = node.names().address();
        sleep(Duration::from_millis(20)).await;
        socket.send_to(&question.to_vec()?, server).await?;
        let mut bytes = [0; 512];
        let wait = Duration::from_millis(10);
        let (len, from) = loop {
            assert!(node.elapsed() < 2 * ATTEMPT, "it was lost");
            if let Ok(received) = timeout(wait, socket.receive(&mut bytes)).await {
                break received?;
            }
        };
        assert_eq!(from, server);
        assert_eq!(Message::from_vec(&bytes[..len])?.metadata.id, 7);
        Ok(())
    });
    let late = Fault::Latency {
        direction: Direction::Both,
        ms: 300,
        jitter_ms: 0,
    };
    let outcome = scenario.play(plan(&scenario, [fault("ann", late)]));
    assert!(outcome.is_good(), "{outcome}");
}
