//! A tape shows where two runs part, and software that no seed decides is found out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::Scenario;

fn tape(events: &str) -> Tape {
    Tape::read_from(events.as_bytes()).unwrap()
}

/// One client that says `what` makes of it.
fn saying(what: impl Fn() -> String + Send + Sync + Clone + 'static) -> Scenario {
    Scenario::new("saying")
        .trouble(Duration::ZERO)
        .clients(["ann"], move |node| {
            let what = what.clone();
            async move {
                node.note("first");
                node.note(what());
                Ok(())
            }
        })
}

#[test]
fn two_tapes_part_at_their_first_difference() {
    let first = tape("a\nb\nc\nd\n");
    assert_eq!(first.parts_from(&tape("a\nb\nc\nd\n")), None);
    let parted = first.parts_from(&tape("a\nb\nx\nd\n")).unwrap();
    assert_eq!(
        (parted.at, &*parted.before),
        (2, &["a".to_owned(), "b".to_owned()][..])
    );
    assert_eq!((&*parted.first[0], &*parted.second[0]), ("c", "x"));
    let shorter = first.parts_from(&tape("a\nb\n")).unwrap();
    assert!(shorter.second.is_empty());
    assert!(
        shorter.to_string().ends_with("second: is over"),
        "{shorter}"
    );
}

#[test]
fn a_tape_survives_being_written_down() {
    let scenario = saying(|| "two\nlines".to_owned());
    let first = Tape::record(&scenario, scenario.plan_of(3));
    let mut text = Vec::new();
    first.write_to(&mut text).unwrap();
    assert_eq!(Tape::read_from(&*text).unwrap(), first);
}

// contract: sim-1
#[test]
fn what_no_seed_decides_is_shown_at_its_event() {
    let count = AtomicU64::new(0);
    let count = std::sync::Arc::new(count);
    let scenario = saying(move || format!("time {}", count.fetch_add(1, Ordering::Relaxed)));
    let nowhere = |_| Command::new("false");
    let error = check(&scenario, 5..6, nowhere, |_, _| {}).unwrap_err();
    let Error::Diverged {
        seed: 5,
        place: Place::Here,
        divergence,
    } = error
    else {
        unreachable!("{error} is no divergence");
    };
    assert!(divergence.before.last().unwrap().ends_with("note first"));
    assert!(divergence.first[0].ends_with("note time 0"), "{divergence}");
    assert!(
        divergence.second[0].ends_with("note time 1"),
        "{divergence}"
    );
}

#[test]
fn another_process_that_differs_or_fails_is_told_apart() {
    let scenario = saying(|| "same".to_owned());
    let differs = |_| {
        let mut command = Command::new("echo");
        command.arg("0 something else");
        command
    };
    let error = check(&scenario, 0..1, differs, |_, _| {}).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Diverged {
                place: Place::Elsewhere,
                ..
            }
        ),
        "{error}"
    );
    let error = check(&scenario, 0..1, |_| Command::new("false"), |_, _| {}).unwrap_err();
    assert!(
        matches!(error, Error::OtherProcess { seed: 0, .. }),
        "{error}"
    );
}
