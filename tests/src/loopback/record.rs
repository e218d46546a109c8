//! A transcript as the history that the simulator's checks judge.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bowline_sim::check::{self, Store, Violation};
use bowline_sim::history::{History, Id, Name, Position, Record, What};
use serde_json::{Value, json};

use super::ROOM;
use super::raw::Raw;
use super::transcript::Entry;

/// More than any room keeps.
const ALL: u64 = 10_000;

/// Everything that `people` said of themselves, in the transcript's order.
pub(super) fn history(entries: &[Entry], people: &[&str]) -> History {
    let mut connected = BTreeSet::new();
    let mut history = History::default();
    let theirs = entries.iter().filter(|entry| people.contains(&&*entry.who));
    for entry in theirs.filter(|entry| entry.line.is_some()) {
        assert!(entry.json.is_object(), "not a line of JSON: {entry:?}");
        let who = entry.who.as_str();
        // A connection too short to be told as lost is known by what follows it.
        let lost = match entry.notice() {
            Some("connected") => !connected.insert(who),
            Some("lost" | "retrying") => connected.remove(who),
            _ => false,
        };
        if lost {
            history.push(Record::new(who, What::Lost));
        }
        if let Some(what) = what(entry) {
            history.push(Record::new(who, what));
        }
    }
    history
}

/// Asks the server what the room holds now that all is over.
pub(super) fn last_word(server: SocketAddr) -> Record {
    let mut reader = Raw::welcomed(server, "reader");
    let joined = reader.join(ROOM, &json!({"history": ALL}));
    let before_first = position(&joined);
    let count = joined["count"].as_u64().unwrap();
    let log = (0..count).map(|_| {
        let message = reader.hear();
        assert_eq!(message["op"], "message", "{message}");
        (position(&message), id(&message))
    });
    let log = log.collect();
    let first_kept = Position {
        offset: before_first.offset + 1,
        ..before_first
    };
    let stream = ROOM.into();
    let held = What::Final {
        stream,
        first_kept,
        log,
    };
    Record::new("store", held)
}

/// Every promise that `history` breaks; all of `people` are to be in the room in the end.
pub(super) fn broken(store: Store, people: &[&str], history: &History) -> Vec<Violation> {
    let joined = people.iter().map(|&nick| Name::from(nick));
    check::all(&check::every(store, joined), history)
}

/// Asserts that `history` breaks no promise.
#[track_caller]
pub(super) fn assert_kept(store: Store, people: &[&str], history: &History) {
    let broken = broken(store, people, history);
    let texts: Vec<_> = broken.iter().map(Violation::to_string).collect();
    assert!(texts.is_empty(), "\n{}", texts.join("\n"));
}

fn what(entry: &Entry) -> Option<What> {
    let (json, stream) = (&entry.json, ROOM.into());
    Some(match entry.notice() {
        None => What::Delivered {
            stream,
            id: id(json),
            position: position(json),
            prev: Some(json["prev"].as_u64().unwrap()),
        },
        Some("published") => What::Invoked {
            stream,
            id: id(json),
        },
        Some("acked") => What::Acked {
            stream,
            id: id(json),
            position: position(json),
            duplicate: json["duplicate"].as_bool().unwrap(),
        },
        Some("failed") => match json["published"].as_str() {
            Some("no") => What::Failed {
                stream,
                id: id(json),
            },
            _ => What::Unknown {
                stream,
                id: id(json),
            },
        },
        Some("joined") => What::Resumed {
            stream,
            since: json["since"].is_object().then(|| position(&json["since"])),
            recovered: json["recovered"].as_bool(),
            position: position(json),
            count: json["count"].as_u64().unwrap(),
        },
        Some("connected" | "lost" | "retrying") => return None,
        Some(other) => panic!("{other} was not to be told: {json}"),
    })
}

fn position(json: &Value) -> Position {
    let epoch = json["epoch"].as_str().unwrap();
    Position {
        epoch: u64::from_str_radix(epoch, 16).unwrap(),
        offset: json["offset"].as_u64().unwrap(),
    }
}

fn id(json: &Value) -> Id {
    json["msg_id"].as_str().unwrap().parse().unwrap()
}
