//! Answers are taken from whom they were asked of, for as long as they say, and no longer
//! than anybody waits. Servers here are scripts; real ones are asked elsewhere.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_policy::from_fn;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use super::*;
use crate::{Endpoint, Resolve};

mod away;
mod hostile;
mod kinds;
mod shared;

const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)), 53);
const FORGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 6, 6, 6)), 53);

/// What a server does with a question: the datagrams that come back, from whom.
type Serve = dyn Fn(&Message, SocketAddr, bool) -> Vec<(Vec<u8>, SocketAddr)> + Send + Sync;

#[derive(Clone)]
struct Scripted {
    serve: Arc<Serve>,
    asked: Arc<Mutex<Vec<(u16, u16, String)>>>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

struct Socket {
    net: Scripted,
    port: u16,
    send: mpsc::Sender<(Vec<u8>, SocketAddr)>,
    received: tokio::sync::Mutex<mpsc::Receiver<(Vec<u8>, SocketAddr)>>,
}

impl Sockets for Scripted {
    type Udp = Socket;
    type Tcp = DuplexStream;

    async fn bind(&self, local: SocketAddr) -> io::Result<Socket> {
        let (send, received) = mpsc::channel(16);
        Ok(Socket {
            net: self.clone(),
            port: local.port(),
            send,
            received: tokio::sync::Mutex::new(received),
        })
    }

    async fn connect(&self, server: SocketAddr) -> io::Result<DuplexStream> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let serve = Arc::clone(&self.serve);
        self.tasks.lock().unwrap().spawn(async move {
            let len = theirs.read_u16().await.unwrap();
            let mut question = vec![0; len.into()];
            theirs.read_exact(&mut question).await.unwrap();
            let question = Message::from_vec(&question).unwrap();
            for (answer, from) in serve(&question, server, true) {
                let len = u16::try_from(answer.len()).unwrap();
                // What is no server's own answer breaks off in the middle.
                let missing = if from == server { 0 } else { 7 };
                theirs.write_u16(len + missing).await.unwrap();
                theirs.write_all(&answer).await.unwrap();
            }
        });
        Ok(ours)
    }
}

impl Datagrams for Socket {
    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<()> {
        let question = Message::from_vec(bytes).unwrap();
        let name = question.queries[0].name.to_string();
        let asked = (question.metadata.id, self.port, name);
        self.net.asked.lock().unwrap().push(asked);
        for answer in (self.net.serve)(&question, to, false) {
            self.send.try_send(answer).unwrap();
        }
        Ok(())
    }

    async fn receive(&self, bytes: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let received = self.received.lock().await.recv().await;
        let (answer, from) = received.expect("the socket holds a sender itself");
        bytes[..answer.len()].copy_from_slice(&answer);
        Ok((answer.len(), from))
    }
}

fn settings() -> Settings {
    Settings::new([SERVER]).unwrap()
}

fn resolver_of(
    settings: Settings,
    serve: impl Fn(&Message, SocketAddr, bool) -> Vec<(Vec<u8>, SocketAddr)> + Send + Sync + 'static,
) -> (Resolver<Scripted>, Scripted) {
    let net = Scripted {
        serve: Arc::new(serve),
        asked: Arc::default(),
        tasks: Arc::default(),
    };
    let secrets = Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(7)));
    (Resolver::new(settings, net.clone(), secrets), net)
}

fn answer(question: &Message, records: impl IntoIterator<Item = Record>) -> Message {
    let mut message = Message::response(question.metadata.id, question.metadata.op_code);
    message.add_query(question.queries[0].clone());
    message.insert_answers(records.into_iter().collect());
    message
}

fn failure(question: &Message, code: ResponseCode) -> Message {
    let mut message = answer(question, []);
    message.metadata.response_code = code;
    message
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(of: &str, ttl: u32, last: u8) -> Record {
    Record::from_rdata(name(of), ttl, RData::A(A::new(10, 0, 0, last)))
}

fn alias(of: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(of), ttl, RData::CNAME(CNAME(name(target))))
}

fn asks_for(question: &Message, kind: RecordType) -> bool {
    question.queries[0].query_type == kind
}

fn sent(message: &Message) -> Vec<(Vec<u8>, SocketAddr)> {
    vec![(message.to_vec().unwrap(), SERVER)]
}

/// A server that knows one address of each name, for `ttl` seconds.
fn knows(ttl: u32) -> impl Fn(&Message, SocketAddr, bool) -> Vec<(Vec<u8>, SocketAddr)> {
    move |question, _, _| {
        let asked = question.queries[0].name.to_string();
        let records = asks_for(question, RecordType::A).then(|| a(&asked, ttl, 1));
        sent(&answer(question, records))
    }
}

async fn resolve(resolver: &Resolver<Scripted>, host: &str) -> Result<Vec<String>, Error> {
    let addresses = resolver.resolve(Endpoint::new(host, 7)).await?;
    Ok(addresses.into_iter().map(|it| it.to_string()).collect())
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_remembered_for_its_time_to_live_and_no_longer() {
    let (resolver, net) = resolver_of(settings(), knows(30));
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
    advance(Duration::from_millis(29_900)).await;
    resolve(&resolver, "CHAT.example.").await.unwrap();
    assert_eq!(net.asked.lock().unwrap().len(), 2, "A and AAAA, once");
    advance(Duration::from_millis(200)).await;
    resolve(&resolver, "chat.example").await.unwrap();
    assert_eq!(net.asked.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn each_question_has_an_id_and_a_port_of_its_own() {
    let (resolver, net) = resolver_of(settings(), knows(0));
    for _ in 0..20 {
        resolve(&resolver, "chat.example").await.unwrap();
    }
    let asked = net.asked.lock().unwrap();
    let distinct = |of: fn(&(u16, u16, String)) -> u16| {
        let all: std::collections::BTreeSet<_> = asked.iter().map(of).collect();
        all.len()
    };
    assert_eq!(asked.len(), 40);
    assert!(distinct(|it| it.0) > 36 && distinct(|it| it.1) > 36);
    assert!(asked.iter().all(|it| it.1 >= 49_152));
}

#[tokio::test(start_paused = true)]
async fn what_a_forger_sends_first_is_passed_over() {
    let (resolver, _) = resolver_of(settings(), |question, _, _| {
        let asked = question.queries[0].name.to_string();
        let right = answer(question, [a(&asked, 30, 1)]);
        let forged = answer(question, [a(&asked, 30, 66)]);
        let mut other_id = forged.clone();
        other_id.metadata.id ^= 1;
        let mut other_question = forged.clone();
        other_question.queries[0].name = name("bank.example.");
        vec![
            (b"no message".to_vec(), SERVER),
            (forged.to_vec().unwrap(), FORGER),
            (other_id.to_vec().unwrap(), SERVER),
            (other_question.to_vec().unwrap(), SERVER),
            (right.to_vec().unwrap(), SERVER),
        ]
    });
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
}

#[tokio::test(start_paused = true)]
async fn silence_ends_after_every_server_had_every_attempt() {
    let second: SocketAddr = "10.0.0.54:53".parse().unwrap();
    let settings = Settings::new([SERVER, second]).unwrap();
    let settings = settings.timeout(Duration::from_secs(1)).unwrap();
    let (resolver, net) = resolver_of(settings.attempts(3).unwrap(), |_, _, _| Vec::new());
    let begun = Instant::now();
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no answer for chat.example from 2 name servers, each asked up to 3 times, within 6s"
    );
    assert!(Instant::now() - begun <= Duration::from_millis(6_010));
    assert_eq!(net.asked.lock().unwrap().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_is_passed_over_and_named_where_all_do() {
    let second: SocketAddr = "10.0.0.54:53".parse().unwrap();
    let (resolver, _) = resolver_of(
        Settings::new([SERVER, second]).unwrap(),
        move |question, server, _| {
            let asked = question.queries[0].name.to_string();
            let message = match (server == second, asked.as_str()) {
                (true, "chat.example.") => answer(question, [a(&asked, 30, 1)]),
                _ => failure(question, ResponseCode::ServFail),
            };
            vec![(message.to_vec().unwrap(), server)]
        },
    );
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
    let error = resolve(&resolver, "other.example").await.unwrap_err();
    assert!(
        matches!(&error, Error::ServerFailure { server, .. } if *server == second),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_such_name_and_no_such_record_are_different_and_end_what_is_remembered() {
    let gone = Arc::new(Mutex::new(ResponseCode::NoError));
    let code = Arc::clone(&gone);
    let known = knows(1);
    let (resolver, _) = resolver_of(settings(), move |question, server, tcp| {
        let code = *code.lock().unwrap();
        match (code, question.queries[0].name.to_string().as_str()) {
            (_, "empty.example.") => sent(&answer(question, [])),
            (ResponseCode::NoError, _) => known(question, server, tcp),
            (code, _) => sent(&failure(question, code)),
        }
    });
    let error = resolve(&resolver, "empty.example").await.unwrap_err();
    assert!(matches!(error, Error::NoData { .. }), "{error}");
    resolve(&resolver, "chat.example").await.unwrap();
    advance(Duration::from_secs(2)).await;
    *gone.lock().unwrap() = ResponseCode::NXDomain;
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no name chat.example");
    // Nothing stale is left of a name that is gone.
    *gone.lock().unwrap() = ResponseCode::ServFail;
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_old_addresses_serve_until_they_are_too_old() {
    let away = Arc::new(Mutex::new(false));
    let is_away = Arc::clone(&away);
    let known = knows(10);
    let settings = settings().max_stale(Duration::from_secs(60)).unwrap();
    let (resolver, net) = resolver_of(settings, move |question, server, tcp| {
        match *is_away.lock().unwrap() {
            true => Vec::new(),
            false => known(question, server, tcp),
        }
    });
    let ages = Arc::new(Mutex::new(VecDeque::new()));
    let seen = Arc::clone(&ages);
    let resolver = resolver.observe(Arc::new(from_fn(move |event: &Event| {
        if let Event::ServedStale { age, .. } = event {
            seen.lock().unwrap().push_back(age.as_secs());
        }
    })));
    resolve(&resolver, "chat.example").await.unwrap();
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(20)).await;
    // The first one waits for an answer once, the second one does not.
    let begun = Instant::now();
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
    let took = (Instant::now() - begun).as_secs();
    assert_eq!(took, TIMEOUT_DEFAULT.as_secs());
    let asked = net.asked.lock().unwrap().len();
    assert_eq!(
        resolve(&resolver, "chat.example").await.unwrap(),
        ["10.0.0.1:7"]
    );
    assert_eq!(net.asked.lock().unwrap().len(), asked);
    assert_eq!(*ages.lock().unwrap(), [22, 22]);
    advance(RECHECK_AFTER).await;
    *away.lock().unwrap() = false;
    resolve(&resolver, "chat.example").await.unwrap();
    assert!(net.asked.lock().unwrap().len() > asked);
    *away.lock().unwrap() = true;
    advance(Duration::from_secs(71)).await;
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn aliases_are_followed_within_an_answer_and_beyond_and_not_for_ever() {
    let (resolver, _) = resolver_of(settings(), |question, _, _| {
        let asked = question.queries[0].name.to_string();
        let four = asks_for(question, RecordType::A);
        sent(&match asked.as_str() {
            "www.example." => answer(question, [alias("www.example.", 60, "a.example.")]),
            "a.example." => {
                let mut records = vec![alias("a.example.", 9, "b.example.")];
                records.extend(four.then(|| a("b.example.", 30, 2)));
                answer(question, records)
            }
            "b.example." => answer(question, []),
            chain if chain.starts_with('c') => {
                let nth: usize = chain[1..].split_once('.').unwrap().0.parse().unwrap();
                match nth {
                    0 => answer(question, four.then(|| a(chain, 30, 3))),
                    _ => {
                        let next = format!("c{}.example.", nth - 1);
                        answer(question, [alias(chain, 60, &next)])
                    }
                }
            }
            "loop.example." => answer(question, [alias("loop.example.", 60, "loop.example.")]),
            "lost.example." => {
                let mut message = answer(question, [alias("lost.example.", 60, "no.example.")]);
                message.metadata.response_code = ResponseCode::NXDomain;
                message
            }
            other => panic!("{other}"),
        })
    });
    let found = resolver.addresses("www.example").await.unwrap();
    assert_eq!(found.records, [IpAddr::from([10, 0, 0, 2])]);
    assert_eq!(found.ttl, Duration::from_secs(9));
    let longest = format!("c{ALIASES_MAX}.example");
    let found = resolver.addresses(&longest).await.unwrap();
    assert_eq!(found.records, [IpAddr::from([10, 0, 0, 3])]);
    let longer = format!("c{}.example", ALIASES_MAX + 1);
    let error = resolver.addresses(&longer).await.unwrap_err();
    assert!(matches!(error, Error::TooManyAliases { .. }), "{error}");
    let error = resolver.addresses("loop.example").await.unwrap_err();
    assert!(
        matches!(error, Error::TooManyAliases { max: 8, .. }),
        "{error}"
    );
    let error = resolver.addresses("lost.example").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no name no.example");
}

#[tokio::test(start_paused = true)]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let (resolver, _) = resolver_of(settings(), |question, _, tcp| {
        let asked = question.queries[0].name.to_string();
        let all = answer(question, (1..=200).map(|last| a(&asked, 30, last)));
        match (tcp, asked.as_str()) {
            (true, "long.example.") => sent(&all),
            _ => sent(&all.truncate()),
        }
    });
    let found = resolver.addresses("long.example").await.unwrap();
    assert_eq!(found.records.len(), 200);
    let error = resolver.addresses("longer.example").await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn services_keep_their_numbers_and_one_that_is_not_offered_says_so() {
    let (resolver, _) = resolver_of(settings(), |question, _, _| {
        let asked = &question.queries[0].name;
        let record = |srv| Record::from_rdata(asked.clone(), 30, RData::SRV(srv));
        sent(&match asked.to_string().as_str() {
            "_chat._tcp.example." => answer(
                question,
                [
                    record(SRV::new(20, 0, 7401, name("b.example."))),
                    record(SRV::new(10, 5, 7400, name("a.example."))),
                ],
            ),
            _ => answer(question, [record(SRV::new(0, 0, 0, Name::root()))]),
        })
    });
    let mut lookup = Services::new(resolver.clone(), "_chat._tcp.example");
    let found = crate::discovery::Lookup::look_up(&mut lookup)
        .await
        .unwrap();
    let targets: Vec<_> = found
        .targets
        .iter()
        .map(|it| (it.priority, it.weight, it.endpoint.to_string()))
        .collect();
    assert_eq!(
        targets,
        [
            (10, 5, "a.example:7400".to_owned()),
            (20, 0, "b.example:7401".to_owned())
        ]
    );
    assert_eq!(found.ttl, Some(Duration::from_secs(30)));
    let error = resolver.services("_mail._tcp.example").await.unwrap_err();
    assert!(matches!(error, Error::NotOffered { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_server_asks_none_and_what_is_no_name_neither() {
    let (resolver, net) = resolver_of(settings(), |_, _, _| Vec::new());
    assert_eq!(
        resolve(&resolver, "192.0.2.7").await.unwrap(),
        ["192.0.2.7:7"]
    );
    assert_eq!(resolve(&resolver, "::1").await.unwrap(), ["[::1]:7"]);
    assert_eq!(
        resolve(&resolver, "chat.LocalHost").await.unwrap(),
        ["[::1]:7", "127.0.0.1:7"]
    );
    for text in ["", ".", "a..b", &"x".repeat(64), &"x.".repeat(130)] {
        let error = resolve(&resolver, text).await.unwrap_err();
        assert!(matches!(error, Error::NotAName { .. }), "{text:?}: {error}");
    }
    assert_eq!(net.asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_question_leaves_the_resolver_as_it_was() {
    let (resolver, net) = resolver_of(settings(), |_, _, _| Vec::new());
    for _ in 0..3 {
        let question = resolve(&resolver, "chat.example");
        let given_up = tokio::time::timeout(Duration::from_millis(100), question).await;
        assert!(given_up.is_err());
    }
    assert_eq!(net.asked.lock().unwrap().len(), 6);
    let error = resolve(&resolver, "chat.example").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn name_servers_are_read_from_a_text_as_its_readers_take_them() {
    let text = "# ours\nsearch example\nnameserver 10.0.0.53\nnameserver ::1 # second\n\
                options ndots:2\nnameserver 10.0.0.54\nnameserver 10.0.0.55\nnameserver x\n";
    let read = name_servers(text).unwrap();
    assert_eq!(read.skipped, []);
    let servers: Vec<_> = read.into_iter().map(|it| it.to_string()).collect();
    assert_eq!(servers, ["10.0.0.53:53", "[::1]:53", "10.0.0.54:53"]);
}

#[test]
fn a_line_that_cannot_be_used_is_told_and_takes_no_other_with_it() {
    let text = "nameserver fe80::1%eth0\nnameserver\nnameserver 2001:db8::1%2\n\
                nameserver fe80::1%2\nnameserver ten\nnameserver 10.0.0.53\n";
    let read = name_servers(text).unwrap();
    let skipped: Vec<_> = read.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        [
            "line 1: \"fe80::1%eth0\" is no address of a name server",
            "line 2: \"\" is no address of a name server",
            "line 3: \"2001:db8::1%2\" is no address of a name server",
            "line 5: \"ten\" is no address of a name server",
        ]
    );
    let servers: Vec<_> = read.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["[fe80::1%2]:53", "10.0.0.53:53"]);
    Settings::new(read).unwrap();
}

#[test]
fn a_text_without_a_server_that_can_be_used_is_refused_with_its_lines() {
    let error = name_servers("\nnameserver fe80::1%eth0\nnameserver ten\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no name server that could be asked: line 2: \"fe80::1%eth0\" is no address of a name \
         server; line 3: \"ten\" is no address of a name server"
    );
    let error = name_servers("search example\n").unwrap_err();
    assert_eq!(error.to_string(), "no name server that could be asked");
    let error = name_servers(&"nameserver ten\n".repeat(SKIPPED_MAX + 1)).unwrap_err();
    assert_eq!(error.skipped.len(), SKIPPED_MAX);
}

#[test]
fn settings_that_would_ask_nobody_or_for_ever_are_refused_with_the_values() {
    let said = |refused: Result<Settings, InvalidSettings>| refused.unwrap_err().to_string();
    assert_eq!(
        said(Settings::new([])),
        "0 name servers, and there must be from 1 to 3"
    );
    assert_eq!(
        said(Settings::new([SERVER; 4])),
        "4 name servers, and there must be from 1 to 3"
    );
    assert_eq!(
        said(settings().attempts(6)),
        "attempts is 6, and must be from 1 to 5"
    );
    assert_eq!(
        said(settings().timeout(Duration::ZERO)),
        "timeout is 0ns, and must be from 10ms to 30s"
    );
    assert_eq!(
        said(settings().max_stale(Duration::from_secs(604_801))),
        "max_stale is 604801s, and must be from 0ns to 604800s"
    );
}
