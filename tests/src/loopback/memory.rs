//! A server that keeps its history in memory forgets it, and says so.

use bowline_sim::check::Store;

use super::record::{assert_kept, history, last_word};
use super::server::Server;
use super::talker::{Link, Talker, notices};
use super::transcript::Transcript;

// contract: chat-1, chat-3
#[test]
fn without_a_store_a_killed_server_says_that_it_has_forgotten() {
    let transcript = Transcript::default();
    let mut server = Server::start(&transcript, &["--memory"]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    ann.say("before");
    ann.wait_for_notices("acked", 1);
    ann.wait_for_messages(1);
    server.process.kill();
    ann.wait_until(Link::Out);
    server.start_again();
    ann.wait_until(Link::In);
    ann.say("after");
    assert_eq!(ann.wait_for_messages(2), ["ann: before", "ann: after"]);
    ann.wait_for_notices("acked", 2);
    let held = last_word(server.chat);
    ann.leaves_content();

    let entries = transcript.entries();
    let told = |name, field: &str| {
        let told = notices(&entries, "ann", name).map(|entry| entry.json[field].clone());
        told.collect::<Vec<_>>()
    };
    assert!(
        told("connected", "durable")
            .iter()
            .all(|durable| durable == false)
    );
    let [first, again] = <[_; 2]>::try_from(told("joined", "recovered")).unwrap();
    assert!(first.is_null() && again == false, "{first}, {again}");
    let [first, again] = <[_; 2]>::try_from(told("joined", "epoch")).unwrap();
    assert_ne!(first, again, "the log is another");
    let mut history = history(&entries, &["ann"]);
    history.push(held);
    assert_kept(Store::Volatile, &["ann"], &history);
}
