//! Ctrl-C and SIGTERM, and the end of input: who stops says so, and owes nothing.

use serde_json::json;

use super::ROOM;
use super::process::Signal;
use super::raw::Raw;
use super::server::Server;
use super::talker::{Link, Talker, notices};
use super::transcript::Transcript;

#[test]
fn a_server_asked_to_stop_tells_everybody_and_they_come_back() {
    let data = tempfile::tempdir().unwrap();
    let transcript = Transcript::default();
    let mut server = Server::start(&transcript, &["--data", data.path().to_str().unwrap()]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    ann.say("before");
    ann.wait_for_notices("acked", 1);
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let mut zoe = Raw::welcomed(server.chat, "zoe");
        zoe.join(ROOM, &json!({}));
        server.process.signal(signal);
        let close = zoe.hear();
        assert_eq!(
            (&close["op"], &close["code"]),
            (&json!("close"), &json!(3000))
        );
        assert!(zoe.rest().is_empty());
        let (code, said) = server.process.outcome();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.ends_with("bowline: stopped"), "{said}");
        ann.wait_until(Link::Out);
        server.start_again();
        ann.wait_until(Link::In);
    }
    ann.say("after");
    assert_eq!(ann.wait_for_messages(2), ["ann: before", "ann: after"]);
    ann.leaves_content();
    let entries = transcript.entries();
    let recovered = notices(&entries, "ann", "joined").map(|entry| entry.json["recovered"].clone());
    assert_eq!(
        recovered.collect::<Vec<_>>(),
        [json!(null), json!(true), json!(true)]
    );
    let reasons = notices(&entries, "ann", "lost").map(|entry| entry.json["reason"].to_string());
    let reasons: Vec<_> = reasons.collect();
    assert!(
        reasons.iter().all(|reason| reason.contains("3000")),
        "{reasons:?}"
    );
}

#[test]
fn a_client_asked_to_stop_leaves_content_when_it_owes_nothing() {
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--memory"]);
    for (nick, signal) in [("ann", Signal::Interrupt), ("bob", Signal::Terminate)] {
        let mut talker = Talker::joined(&transcript, server.chat, nick);
        talker.say("ahoy");
        talker.wait_for_notices("acked", 1);
        talker.process.signal(signal);
        let (code, said) = talker.process.outcome();
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn at_the_end_of_input_a_client_stays_until_all_of_it_is_acknowledged() {
    let transcript = Transcript::default();
    let mut server = Server::start(&transcript, &["--memory"]);
    server.process.kill();
    let mut ann = Talker::start(&transcript, server.chat, "ann");
    for line in ["one", "two", "three"] {
        ann.say(line);
    }
    ann.process.end_input();
    // Nobody is there, and still it waits: it tries for a third time.
    ann.wait_for_notices("published", 3);
    ann.wait_for_notices("retrying", 3);
    server.start_again();
    let (code, said) = ann.process.outcome();
    assert_eq!(code, Some(0), "{said}");
    let entries = transcript.entries();
    assert_eq!(notices(&entries, "ann", "acked").count(), 3);
    assert_eq!(
        ann.wait_for_messages(3),
        ["ann: one", "ann: two", "ann: three"]
    );
}

#[test]
fn a_client_stopped_while_the_server_is_gone_says_how_much_it_owes() {
    let transcript = Transcript::default();
    let mut server = Server::start(&transcript, &["--memory"]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    ann.say("heard");
    ann.wait_for_notices("acked", 1);
    server.process.kill();
    ann.wait_until(Link::Out);
    ann.say("unheard");
    ann.say("unheard as well");
    ann.process.end_input();
    ann.wait_for_notices("published", 3);
    ann.wait_for_notices("retrying", 2);
    ann.process.signal(Signal::Interrupt);
    let (code, said) = ann.process.outcome();
    assert_eq!(code, Some(1), "{said}");
    let entries = transcript.entries();
    let errors: Vec<_> = notices(&entries, "ann", "error").collect();
    assert_eq!(errors.len(), 1, "{said}");
    let reason = errors[0].json["reason"].as_str().unwrap();
    for part in ["2 lines", "not acknowledged"] {
        assert!(reason.contains(part), "{reason:?} lacks {part:?}");
    }
}
