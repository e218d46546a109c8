//! Records read what they print.

use super::{History, Id, Name, Position, Record, Recorder, What};

const AT: Position = Position {
    epoch: 0xfeed,
    offset: 7,
};

fn lobby() -> Name {
    "lobby".into()
}

fn one_of_each() -> Vec<What> {
    let (id, position) = (Id(u128::MAX), AT);
    vec![
        What::Invoked {
            stream: lobby(),
            id,
        },
        What::Acked {
            stream: lobby(),
            id,
            position,
            duplicate: true,
        },
        What::Failed {
            stream: lobby(),
            id,
        },
        What::Unknown {
            stream: lobby(),
            id,
        },
        What::Delivered {
            stream: lobby(),
            id,
            position,
            prev: Some(u64::MAX),
        },
        What::Resumed {
            stream: lobby(),
            since: Some(position),
            recovered: Some(false),
            position,
            count: 3,
        },
        What::Left { stream: lobby() },
        What::Lost,
        What::Final {
            stream: lobby(),
            first_kept: position,
            log: vec![(position, id)],
        },
    ]
}

#[test]
fn every_record_survives_its_json_line() {
    for what in one_of_each() {
        let record = Record::new("ann", what).at(1_500_000);
        let line = serde_json::to_string(&record).unwrap();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}

#[test]
fn a_position_and_an_id_refuse_what_they_would_not_print() {
    assert_eq!(AT.to_string(), "000000000000feed:7");
    assert_eq!(AT.to_string().parse(), Ok(AT));
    for text in [
        "",
        "feed:7",
        "000000000000feed",
        "+00000000000feed:7",
        "000000000000feed:x",
    ] {
        assert!(text.parse::<Position>().is_err(), "{text}");
    }
    assert_eq!(Id(5).to_string().parse(), Ok(Id(5)));
    for text in ["5", "+0000000000000000000000000000005", ""] {
        assert!(text.parse::<Id>().is_err(), "{text}");
    }
}

#[test]
fn clones_of_a_recorder_write_one_history_in_order() {
    let recorder = Recorder::new();
    let other = recorder.clone();
    recorder.record(Record::new("ann", What::Lost));
    let before = recorder.history();
    other.record(Record::new("bob", What::Lost));
    let history: History = [
        Record::new("ann", What::Lost),
        Record::new("bob", What::Lost),
    ]
    .into_iter()
    .collect();
    assert_eq!(recorder.history(), history);
    assert_eq!(before.records().len(), 1, "a snapshot does not grow");
}
