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
        What::Dialed { to: lobby() },
        What::Connected { to: lobby() },
        What::GaveUp {
            on: lobby(),
            silent_us: 2_000_001,
        },
        What::Struck {
            fault: "stall".into(),
            deaf: true,
        },
        What::Relieved {
            fault: "stall".into(),
        },
        What::Healed,
        What::Gauge {
            of: "open".into(),
            value: u64::MAX,
            at_most: 2,
        },
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
fn what_the_world_and_the_network_do_reads_as_a_sentence() {
    let json = [
        r#"{"process":"bob","did":"dialed","to":"server"}"#,
        r#"{"process":"bob","did":"connected","to":"server"}"#,
        r#"{"process":"bob","did":"gave_up","on":"server","silent_us":2000001}"#,
        r#"{"process":"bob","did":"struck","fault":"stall","deaf":true}"#,
        r#"{"process":"bob","did":"struck","fault":"reset","deaf":false}"#,
        r#"{"process":"bob","did":"relieved","fault":"stall"}"#,
        r#"{"process":"world","did":"healed"}"#,
        r#"{"process":"bob","did":"gauge","of":"open","value":3,"at_most":2}"#,
    ];
    let sentences = json.map(|line| serde_json::from_str::<Record>(line).unwrap().to_string());
    let expected = [
        "bob dialed server",
        "bob is connected to server",
        "bob gave up on server, silent for 2.000001 s",
        "bob was struck by stall and hears nothing",
        "bob was struck by reset",
        "bob was relieved of stall",
        "world is healed: every fault that ends is over",
        "bob holds 3 of at most 2 open",
    ];
    assert_eq!(sentences, expected);
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
