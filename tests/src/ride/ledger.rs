//! What the server carried out, and whether it is what callers were told.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Call;

/// The file into which the server writes each id before it answers.
pub(super) struct Ledger {
    folder: TempDir,
}

/// What a caller was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    NotSent(String),
    MaybeSent(String),
}

impl Ledger {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ledger"), "").unwrap();
        Self { folder }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    /// Fails unless all that may be repeated was answered, nothing else was done
    /// twice, and what each caller was told is true.
    #[track_caller]
    pub(super) fn compare(&self, outcomes: &[(Call, Outcome)], replays: usize) {
        let text = fs::read_to_string(self.path()).unwrap();
        let mut done = BTreeMap::<&str, usize>::new();
        for id in text.lines() {
            *done.entry(id).or_default() += 1;
        }
        let faults = faults(&done, outcomes);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        // The kills struck something: otherwise nothing was tried here.
        let unknown = outcomes
            .iter()
            .filter(|(_, told)| matches!(told, Outcome::MaybeSent(_)));
        let unknown = unknown.count();
        let twice = done.values().filter(|times| **times > 1).count();
        assert!(replays > 0, "nothing was made again");
        assert!(unknown + twice > 0, "no call was under way at any kill");
    }
}

/// What contradicts the promises, for a person to read.
fn faults(done: &BTreeMap<&str, usize>, outcomes: &[(Call, Outcome)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (call, told) in outcomes {
        let times = done.get(call.id.as_str()).copied().unwrap_or(0);
        let mut fault =
            |what: &str| faults.push(format!("{what}: {call:?} {told:?}, {times} times"));
        if call.replayable && *told != Outcome::Answered {
            fault("failed although it may be repeated");
        }
        if !call.replayable && times > 1 {
            fault("done twice");
        }
        match told {
            Outcome::Answered if times == 0 => fault("answered and never done"),
            Outcome::NotSent(_) if times > 0 => fault("done although not sent"),
            Outcome::Answered | Outcome::NotSent(_) | Outcome::MaybeSent(_) => {}
        }
    }
    faults
}

mod tests {
    use super::*;

    #[track_caller]
    fn check(replayable: bool, told: Outcome, times: usize, expected: &[&str]) {
        let id = "0-0".to_owned();
        let done = BTreeMap::from([("0-0", times)]);
        let faults = faults(&done, &[(Call { id, replayable }, told)]);
        assert_eq!(faults.len(), expected.len(), "{faults:?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.starts_with(part), "{fault}");
        }
    }

    #[test]
    fn what_contradicts_a_promise_is_found() {
        let maybe = || Outcome::MaybeSent(String::new());
        let unsent = || Outcome::NotSent(String::new());
        check(true, Outcome::Answered, 2, &[]);
        check(false, maybe(), 1, &[]);
        check(false, maybe(), 0, &[]);
        check(false, unsent(), 0, &[]);
        check(true, maybe(), 1, &["failed although"]);
        check(false, Outcome::Answered, 2, &["done twice"]);
        check(false, Outcome::Answered, 0, &["answered and never"]);
        check(false, unsent(), 1, &["done although"]);
    }
}
