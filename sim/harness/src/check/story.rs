//! A run in which all goes well, and what it takes to edit one.

use super::{Check, Violation};
use crate::history::{History, Id, Position, Record, What};

/// The epoch of every position that is given by its offset alone.
pub(super) const EPOCH: u64 = 0xe;

/// Ann says 1 and 3 and hears everything as it comes. Bob asks for 2 and loses his
/// connection before he is answered; he comes back, is replayed 2 and 3, repeats 2,
/// is refused 4 and gives up on 5.
pub(super) fn story() -> Vec<Record> {
    vec![
        fresh("ann", 0, 0),
        fresh("bob", 0, 0),
        invoked("ann", 1),
        acked("ann", 1, 1),
        delivered("ann", 1, 1, 0),
        delivered("bob", 1, 1, 0),
        invoked("bob", 2),
        delivered("ann", 2, 2, 1),
        invoked("ann", 3),
        acked("ann", 3, 3),
        delivered("ann", 3, 3, 2),
        lost("bob"),
        recovered("bob", 1, 2),
        delivered("bob", 2, 2, 1),
        delivered("bob", 3, 3, 2),
        acked_again("bob", 2, 2),
        invoked("bob", 4),
        failed("bob", 4),
        invoked("bob", 5),
        unknown("bob", 5),
        held(1, &[(1, 1), (2, 2), (3, 3)]),
    ]
}

/// The story on the clock: a stall makes bob deaf, so he gives up on the server, dials in
/// vain, and once all is healed dials again.
pub(super) fn ordeal() -> Vec<Record> {
    vec![
        dialed("ann", "server").at(ms(0)),
        connected("ann", "server").at(ms(20)),
        gauge("server", 1).at(ms(20)),
        fresh("ann", 0, 0).at(ms(25)),
        dialed("bob", "server").at(ms(300)),
        connected("bob", "server").at(ms(320)),
        gauge("server", 2).at(ms(320)),
        fresh("bob", 0, 0).at(ms(325)),
        invoked("ann", 1).at(ms(400)),
        acked("ann", 1, 1).at(ms(440)),
        delivered("ann", 1, 1, 0).at(ms(440)),
        delivered("bob", 1, 1, 0).at(ms(445)),
        struck("bob", "stall", true).at(ms(500)),
        invoked("bob", 2).at(ms(510)),
        delivered("ann", 2, 2, 1).at(ms(600)),
        invoked("ann", 3).at(ms(700)),
        acked("ann", 3, 3).at(ms(740)),
        delivered("ann", 3, 3, 2).at(ms(740)),
        gave_up("bob", 1_955).at(ms(2_400)),
        lost("bob").at(ms(2_400)),
        gauge("server", 1).at(ms(2_400)),
        dialed("bob", "server").at(ms(2_500)),
        relieved("bob", "stall").at(ms(3_000)),
        healed().at(ms(3_000)),
        dialed("bob", "server").at(ms(3_100)),
        connected("bob", "server").at(ms(3_120)),
        gauge("server", 2).at(ms(3_120)),
        recovered("bob", 1, 2).at(ms(3_125)),
        delivered("bob", 2, 2, 1).at(ms(3_126)),
        delivered("bob", 3, 3, 2).at(ms(3_127)),
        acked_again("bob", 2, 2).at(ms(3_130)),
        invoked("bob", 4).at(ms(3_200)),
        failed("bob", 4).at(ms(3_240)),
        invoked("bob", 5).at(ms(3_300)),
        unknown("bob", 5).at(ms(3_900)),
        gauge("server", 0).at(ms(4_000)),
        held(1, &[(1, 1), (2, 2), (3, 3)]),
    ]
}

/// The story with `new` in the place of `old`.
pub(super) fn with(old: &Record, new: Record) -> Vec<Record> {
    replaced(story(), old, [new])
}

/// The story without `old`.
pub(super) fn without(old: &Record) -> Vec<Record> {
    replaced(story(), old, [])
}

/// The story with `more` right behind `old`.
pub(super) fn then(old: &Record, more: Record) -> Vec<Record> {
    replaced(story(), old, [old.clone(), more])
}

/// `records` with `new` in the place of `old`, which must be there.
pub(super) fn replaced(
    records: Vec<Record>,
    old: &Record,
    new: impl IntoIterator<Item = Record>,
) -> Vec<Record> {
    let at = records.iter().position(|record| record == old);
    let at = at.unwrap_or_else(|| panic!("the story lacks: {old}"));
    let mut records = records;
    records.splice(at..=at, new);
    records
}

/// Asserts that `check` has nothing against `records`.
pub(super) fn passes(check: &dyn Check, records: Vec<Record>) {
    if let Err(violation) = verdict(check, records) {
        panic!("{violation}");
    }
}

/// Asserts that `check` fires `rule` over `records`, with `witness` and no record
/// more; and that the witness alone is proof, but no longer when a record is taken out.
pub(super) fn breaks(check: &dyn Check, records: Vec<Record>, rule: &str, witness: &[Record]) {
    let violation = verdict(check, records).expect_err("the history was edited to break a rule");
    assert_eq!(violation.rule, rule, "{violation}");
    assert_eq!(violation.witness, witness, "{violation}");
    is_minimal(check, rule, witness);
}

/// Asserts that `witness` alone breaks `rule` of `check`, shown by all of it, but no
/// longer when a record is taken out.
pub(super) fn is_minimal(check: &dyn Check, rule: &str, witness: &[Record]) {
    let alone = verdict(check, witness.to_vec()).expect_err("the witness proves it");
    assert_eq!((alone.rule, &*alone.witness), (rule, witness), "{alone}");
    for left_out in 0..witness.len() {
        let mut fewer = witness.to_vec();
        let record = fewer.remove(left_out);
        let same = verdict(check, fewer).is_err_and(|other| other.rule == rule);
        assert!(!same, "{rule} is proved without: {record}");
    }
}

pub(super) fn verdict(check: &dyn Check, records: Vec<Record>) -> Result<(), Violation> {
    check.verify(&records.into_iter().collect::<History>())
}

// === the words of the story ===

pub(super) fn at(offset: u64) -> Position {
    Position {
        epoch: EPOCH,
        offset,
    }
}

pub(super) fn invoked(who: &str, id: u128) -> Record {
    let (stream, id) = ("lobby".into(), Id(id));
    Record::new(who, What::Invoked { stream, id })
}

pub(super) fn failed(who: &str, id: u128) -> Record {
    let (stream, id) = ("lobby".into(), Id(id));
    Record::new(who, What::Failed { stream, id })
}

pub(super) fn unknown(who: &str, id: u128) -> Record {
    let (stream, id) = ("lobby".into(), Id(id));
    Record::new(who, What::Unknown { stream, id })
}

pub(super) fn acked(who: &str, id: u128, offset: u64) -> Record {
    acked_at(who, id, at(offset), false)
}

pub(super) fn acked_again(who: &str, id: u128, offset: u64) -> Record {
    acked_at(who, id, at(offset), true)
}

pub(super) fn acked_at(who: &str, id: u128, position: Position, duplicate: bool) -> Record {
    let what = What::Acked {
        stream: "lobby".into(),
        id: Id(id),
        position,
        duplicate,
    };
    Record::new(who, what)
}

pub(super) fn delivered(who: &str, id: u128, offset: u64, prev: u64) -> Record {
    delivered_at(who, id, at(offset), Some(prev))
}

pub(super) fn delivered_at(who: &str, id: u128, position: Position, prev: Option<u64>) -> Record {
    let what = What::Delivered {
        stream: "lobby".into(),
        id: Id(id),
        position,
        prev,
    };
    Record::new(who, what)
}

pub(super) fn lost(who: &str) -> Record {
    Record::new(who, What::Lost)
}

/// The same of the stream `other`.
pub(super) fn in_stream(other: &str, record: Record) -> Record {
    let mut record = record;
    if let What::Invoked { stream, .. }
    | What::Acked { stream, .. }
    | What::Delivered { stream, .. } = &mut record.what
    {
        *stream = other.into();
    }
    record
}

pub(super) fn ms(millis: u64) -> u64 {
    millis * 1000
}

pub(super) fn dialed(who: &str, to: &str) -> Record {
    Record::new(who, What::Dialed { to: to.into() })
}

pub(super) fn connected(who: &str, to: &str) -> Record {
    Record::new(who, What::Connected { to: to.into() })
}

pub(super) fn gave_up(who: &str, silent_ms: u64) -> Record {
    let (on, silent_us) = ("server".into(), ms(silent_ms));
    Record::new(who, What::GaveUp { on, silent_us })
}

pub(super) fn struck(who: &str, fault: &str, deaf: bool) -> Record {
    let fault = fault.into();
    Record::new(who, What::Struck { fault, deaf })
}

pub(super) fn relieved(who: &str, fault: &str) -> Record {
    let fault = fault.into();
    Record::new(who, What::Relieved { fault })
}

pub(super) fn healed() -> Record {
    Record::new("world", What::Healed)
}

/// How many of two connections are open.
pub(super) fn gauge(who: &str, value: u64) -> Record {
    let (of, at_most) = ("open".into(), 2);
    Record::new(who, What::Gauge { of, value, at_most })
}

pub(super) fn left(who: &str) -> Record {
    let stream = "lobby".into();
    Record::new(who, What::Left { stream })
}

pub(super) fn fresh(who: &str, offset: u64, count: u64) -> Record {
    joined(who, None, None, at(offset), count)
}

pub(super) fn recovered(who: &str, since: u64, count: u64) -> Record {
    joined(who, Some(at(since)), Some(true), at(since), count)
}

pub(super) fn refused(who: &str, since: u64, offset: u64) -> Record {
    joined(who, Some(at(since)), Some(false), at(offset), 0)
}

pub(super) fn joined(
    who: &str,
    since: Option<Position>,
    recovered: Option<bool>,
    position: Position,
    count: u64,
) -> Record {
    let what = What::Resumed {
        stream: "lobby".into(),
        since,
        recovered,
        position,
        count,
    };
    Record::new(who, what)
}

/// The final log, from pairs of offset and id.
pub(super) fn held(first_kept: u64, log: &[(u64, u128)]) -> Record {
    let log = log.iter().map(|(offset, id)| (at(*offset), Id(*id)));
    let what = What::Final {
        stream: "lobby".into(),
        first_kept: at(first_kept),
        log: log.collect(),
    };
    Record::new("store", what)
}
