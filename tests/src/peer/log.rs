//! What the peer wrote down, line by line, through all its lives. It is the only witness of what
//! arrived.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// The log as the peer writes it.
pub(super) struct Book {
    file: File,
    life: usize,
    began: Instant,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Which of the peer's processes wrote it; 1 is the first.
    pub(super) life: usize,
    /// When, since that process began.
    pub(super) at: Duration,
    pub(super) what: What,
}

/// What happened. Connections have numbers, from 1 in each life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// It listens, and obeys orders.
    Listens,
    /// It listens no more, and told its callers.
    Goes,
    Accepted(u64),
    Heard(u64, String),
    Answered(u64, String),
    Ended(u64),
}

// === impl Book ===

impl Book {
    pub(super) fn open(path: &Path, life: usize) -> Self {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Self {
            file: file.unwrap(),
            life,
            began: Instant::now(),
        }
    }

    /// In one write, so that a kill finds the line written or not begun.
    pub(super) fn write(&self, what: &What) {
        let micros = (Instant::now() - self.began).as_micros();
        let what = match what {
            What::Listens => "listens".to_owned(),
            What::Goes => "goes".to_owned(),
            What::Accepted(number) => format!("accepted {number}"),
            What::Heard(number, line) => format!("heard {number} {line}"),
            What::Answered(number, line) => format!("answered {number} {line}"),
            What::Ended(number) => format!("ended {number}"),
        };
        let line = format!("{} {micros} {what}\n", self.life);
        (&self.file).write_all(line.as_bytes()).unwrap();
    }
}

// === impl Entry ===

impl Entry {
    fn parse(line: &str) -> Self {
        let mut words = line.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (life, micros, name, number) = (word(), word(), word(), word());
        let number = || number.parse().unwrap();
        let rest = word().to_owned();
        Self {
            life: life.parse().unwrap(),
            at: Duration::from_micros(micros.parse().unwrap()),
            what: match name {
                "listens" => What::Listens,
                "goes" => What::Goes,
                "accepted" => What::Accepted(number()),
                "heard" => What::Heard(number(), rest),
                "answered" => What::Answered(number(), rest),
                "ended" => What::Ended(number()),
                _ => panic!("{line:?}"),
            },
        }
    }
}

/// All that was written until now.
pub(super) fn read(path: &Path) -> Vec<Entry> {
    // There is none before the first process has begun.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(Entry::parse).collect()
}

/// How often it accepted somebody in this life.
pub(super) fn accepts(log: &[Entry], life: usize) -> usize {
    let accepted = |entry: &&Entry| entry.life == life && matches!(entry.what, What::Accepted(_));
    log.iter().filter(accepted).count()
}

/// How often each request was received.
pub(super) fn done(log: &[Entry]) -> BTreeMap<&str, usize> {
    let mut done = BTreeMap::new();
    for entry in log {
        if let What::Heard(_, line) = &entry.what
            && let Some(id) = line.strip_prefix("do ")
        {
            *done.entry(id).or_default() += 1;
        }
    }
    done
}

mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(read(&path), []);
        let all = [
            What::Listens,
            What::Accepted(1),
            What::Heard(1, "do 3-14".to_owned()),
            What::Heard(1, "hello".to_owned()),
            What::Answered(1, "done 3-14".to_owned()),
            What::Ended(1),
            What::Goes,
        ];
        for life in [1, 2] {
            let book = Book::open(&path, life);
            all.iter().for_each(|what| book.write(what));
        }
        let log = read(&path);
        let said: Vec<_> = log.iter().map(|entry| entry.what.clone()).collect();
        assert_eq!(said, [all.clone(), all].concat());
        assert_eq!((accepts(&log, 1), accepts(&log, 3)), (1, 0));
        assert_eq!(done(&log), BTreeMap::from([("3-14", 2)]));
    }
}
