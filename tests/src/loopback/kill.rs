//! `kill -9` in the middle of a sentence: nobody loses, repeats or reorders a word.

use std::collections::BTreeSet;

use bowline_sim::check::Store;
use bowline_sim::history::{History, Record, What};

use super::record::{assert_kept, broken, history, last_word};
use super::server::Server;
use super::talker::{Link, Talker, notices};
use super::transcript::Transcript;

/// How often the server is killed.
const KILLS: usize = 3;

/// How many lines each of them says.
const LINES: usize = 100;

/// How many of them are said in one go: before, between and after the kills.
const LINES_AT_ONCE: usize = LINES / (KILLS + 1);

/// How many of those are said while the server is down.
const LINES_TO_NOBODY: usize = 5;

/// The line after which the server dies, counted in acknowledgements since it came
/// up: at once, in the first batches, and when most has been said.
const ACKS_BEFORE_KILL: [usize; KILLS] = [1, 0, LINES_AT_ONCE / 2];

const PEOPLE: [&str; 2] = ["ann", "bob"];

/// Two people and what is between them.
struct Evening {
    transcript: Transcript,
    server: Server,
    people: Vec<Talker>,
    said: usize,
}

impl Evening {
    fn begin(data: &str) -> Self {
        let transcript = Transcript::default();
        let server = Server::start(&transcript, &["--data", data]);
        let people = PEOPLE.map(|nick| Talker::joined(&transcript, server.chat, nick));
        Self {
            transcript,
            server,
            people: people.into(),
            said: 0,
        }
    }

    fn everybody_says(&mut self, lines: usize) {
        for number in self.said..self.said + lines {
            for person in &mut self.people {
                person.say(&number.to_string());
            }
        }
        self.said += lines;
    }

    fn acked(&self) -> usize {
        let entries = self.transcript.entries();
        let acked = PEOPLE.map(|nick| notices(&entries, nick, "acked").count());
        acked.iter().sum()
    }

    fn wait_for_acks(&self, count: usize) {
        let acked = |nick, entries: &_| notices(entries, nick, "acked").count();
        self.transcript
            .wait_for(&format!("{count} acknowledgements"), |entries| {
                let of_all: usize = PEOPLE.iter().map(|nick| acked(nick, entries)).sum();
                (of_all >= count).then_some(())
            });
    }

    /// Kills the server and starts it again once everybody has noticed: what was
    /// read before that was then known before anybody came back.
    fn kill_and_restart(&mut self) {
        self.server.process.kill();
        self.everybody_says(LINES_TO_NOBODY);
        for person in &self.people {
            person.wait_until(Link::Out);
        }
        assert!(self.acked() < PEOPLE.len() * self.said);
        self.server.start_again();
        for person in &self.people {
            person.wait_until(Link::In);
            let entries = self.transcript.entries();
            let joined = notices(&entries, &person.nick, "joined").last().unwrap();
            assert_eq!(joined.json["recovered"], true, "{joined:?}");
        }
    }
}

// contract: chat-1, chat-2, chat-3
#[test]
fn a_server_killed_in_the_middle_loses_repeats_and_reorders_nothing() {
    let data = tempfile::tempdir().unwrap();
    let mut evening = Evening::begin(data.path().to_str().unwrap());
    for acks in ACKS_BEFORE_KILL {
        let before = evening.acked();
        evening.everybody_says(LINES_AT_ONCE - LINES_TO_NOBODY);
        evening.wait_for_acks(before + acks);
        evening.kill_and_restart();
    }
    evening.everybody_says(LINES - evening.said);
    let all = PEOPLE.len() * LINES;
    evening.wait_for_acks(all);
    let [to_ann, to_bob] = [0, 1].map(|at| evening.people[at].wait_for_messages(all));

    assert_eq!(to_ann, to_bob);
    assert_eq!(to_ann.len(), all);
    let each: BTreeSet<_> = to_ann.iter().collect();
    assert_eq!(each.len(), all, "something was shown twice: {to_ann:?}");
    for nick in PEOPLE {
        let own = to_ann.iter().filter_map(|text| text.strip_prefix(nick));
        let in_order = (0..LINES).map(|number| format!(": {number}"));
        assert!(own.eq(in_order), "{nick}'s lines: {to_ann:?}");
    }

    let held = last_word(evening.server.chat);
    assert!(matches!(&held.what, What::Final { log, .. } if log.len() == all));
    for person in &mut evening.people {
        person.leaves_content();
    }
    let mut history = history(&evening.transcript.entries(), &PEOPLE);
    history.push(held);
    for nick in PEOPLE {
        let lost = Record::new(nick, What::Lost);
        let losses = history.records().iter().filter(|record| **record == lost);
        assert!(losses.count() >= KILLS, "{nick} was there all the time");
    }
    assert_kept(Store::Durable, &PEOPLE, &history);
    assert_the_checks_can_fail(&history);
}

/// The verdict is worth something: with any one thing changed it is another.
fn assert_the_checks_can_fail(history: &History) {
    let is_shown = |what: &What| matches!(what, What::Delivered { .. });
    let records = history.records();
    let shown = |nick: &str, at: usize| {
        let of = records.iter().enumerate();
        let mut of =
            of.filter(|(_, record)| record.process.as_str() == nick && is_shown(&record.what));
        of.nth(at).unwrap().0
    };
    let (one, next) = (shown("bob", LINES), shown("bob", LINES + 1));
    let mut lost = records.to_vec();
    lost.remove(one);
    let mut repeated = records.to_vec();
    repeated.insert(next, records[one].clone());
    let mut swapped = records.to_vec();
    swapped.swap(one, next);
    for edited in [lost, repeated, swapped] {
        let edited: History = edited.into_iter().collect();
        assert!(!broken(Store::Durable, &PEOPLE, &edited).is_empty());
    }
}
