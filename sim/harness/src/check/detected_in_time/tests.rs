//! Histories edited until exactly one rule breaks: silence is noticed in time.

use std::time::Duration;

use super::super::DetectedInTime;
use super::super::story::{
    breaks, connected, dialed, gauge, gave_up, lost, ms, ordeal, passes, relieved, replaced, struck,
};
use crate::history::Record;

/// Bob is struck at 500 and gives up at 2400, after 1955 of silence.
fn bounds(within_ms: u64, least_ms: u64) -> DetectedInTime {
    let millis = Duration::from_millis;
    DetectedInTime::new(millis(within_ms), millis(least_ms))
}

fn deaf() -> Record {
    struck("bob", "stall", true).at(ms(500))
}

fn gives_up() -> Record {
    gave_up("bob", 1_955).at(ms(2_400))
}

/// Bob gives up, but a little later he still has not noticed.
fn unnoticed() -> Vec<Record> {
    let records = replaced(ordeal(), &gives_up(), []);
    replaced(records, &lost("bob").at(ms(2_400)), [])
}

// contract: sim-3
#[test]
fn silence_that_is_noticed_within_the_bounds_passes() {
    passes(&bounds(1_900, 1_955), ordeal());
}

// contract: sim-3
#[test]
fn silence_that_is_noticed_late_is_not_noticed_in_time() {
    let proof = [connected("bob", "server").at(ms(320)), deaf(), gives_up()];
    breaks(&bounds(1_899, 0), ordeal(), "noticed", &proof);
}

// contract: sim-3
#[test]
fn silence_that_is_never_noticed_is_found_as_soon_as_time_has_passed() {
    let proof = [
        connected("bob", "server").at(ms(320)),
        deaf(),
        gauge("server", 1).at(ms(2_400)),
    ];
    breaks(&bounds(1_899, 0), unnoticed(), "noticed", &proof);
    let relief = relieved("bob", "stall").at(ms(3_000));
    let proof = [&proof[..2], &[relief]].concat();
    breaks(&bounds(2_499, 0), unnoticed(), "noticed", &proof);
}

// contract: sim-3
#[test]
fn a_loss_alone_and_giving_up_alone_are_noticing() {
    for gone in [gives_up(), lost("bob").at(ms(2_400))] {
        passes(&bounds(1_900, 0), replaced(ordeal(), &gone, []));
    }
}

// contract: sim-3
#[test]
fn silence_with_a_break_and_a_run_that_ends_too_soon_prove_nothing() {
    passes(&bounds(2_500, 0), unnoticed());
    let mut records = unnoticed();
    records.truncate(18);
    passes(&bounds(1_899, 0), records);
    let breath = [
        relieved("bob", "stall").at(ms(1_500)),
        struck("bob", "stall", true).at(ms(1_501)),
    ];
    let after = gauge("server", 1).at(ms(2_400));
    let records = replaced(unnoticed(), &after, []);
    let seen = records.iter().position(|record| record.at > Some(ms(740)));
    let mut records = records;
    let seen = seen.unwrap();
    records.splice(seen..seen, breath);
    passes(&bounds(1_899, 0), records);
}

// contract: sim-3
#[test]
fn faults_that_overlap_leave_no_break() {
    let records = vec![
        connected("bob", "server").at(0),
        struck("bob", "stall", true).at(10),
        struck("bob", "freeze", true).at(20),
        relieved("bob", "stall").at(30),
        struck("bob", "freeze", true).at(40),
        relieved("bob", "freeze").at(50),
        dialed("ann", "server").at(2_011),
        lost("bob").at(2_012),
    ];
    let proof = [records[0].clone(), records[1].clone(), records[6].clone()];
    breaks(&bounds(2, 0), records.clone(), "noticed", &proof);
    let freed = relieved("bob", "freeze").at(60);
    passes(
        &bounds(2, 0),
        replaced(records.clone(), &records[6], [freed, records[6].clone()]),
    );
    let slow = records.into_iter().map(|record| match &record.what {
        crate::history::What::Struck { fault, .. } => Record {
            what: struck("bob", fault.as_str(), false).what,
            ..record
        },
        _ => record,
    });
    passes(&bounds(2, 0), slow.collect());
}

// contract: sim-3
#[test]
fn who_connects_while_deaf_is_owed_the_time_from_then_on() {
    let records = vec![
        struck("bob", "stall", true).at(ms(0)),
        connected("bob", "server").at(ms(50)),
        dialed("ann", "server").at(ms(150)),
        dialed("ann", "server").at(ms(151)),
    ];
    let proof = [records[0].clone(), records[1].clone(), records[3].clone()];
    breaks(&bounds(100, 0), records.clone(), "noticed", &proof);
    passes(&bounds(100, 0), records[..3].to_vec());
}

// contract: sim-3
#[test]
fn giving_up_on_one_peer_is_not_giving_up_on_another() {
    let records = vec![
        connected("bob", "server").at(ms(0)),
        connected("bob", "spare").at(ms(0)),
        struck("bob", "stall", true).at(ms(1)),
        gave_up("bob", 90).at(ms(90)),
        dialed("bob", "server").at(ms(102)),
    ];
    let proof = [records[1].clone(), records[2].clone(), records[4].clone()];
    breaks(&bounds(100, 0), records, "noticed", &proof);
}

// contract: sim-3
#[test]
fn what_has_no_time_proves_nothing() {
    for untimed in [connected("bob", "server").at(ms(320)), deaf()] {
        let same = Record {
            at: None,
            ..untimed.clone()
        };
        let records = replaced(ordeal(), &untimed, [same]);
        passes(&bounds(1, 0), records);
    }
}

// contract: sim-3
#[test]
fn giving_up_before_the_least_silence_is_too_soon() {
    breaks(
        &bounds(9_000, 1_956),
        ordeal(),
        "not-too-soon",
        &[gives_up()],
    );
    // That needs no clock.
    let untimed = gave_up("ann", 5);
    breaks(
        &bounds(1, 6),
        vec![untimed.clone()],
        "not-too-soon",
        &[untimed],
    );
}
