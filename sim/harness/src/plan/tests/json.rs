//! Plans read what they print, and say by step what they cannot read.

use super::*;

#[test]
fn a_plan_survives_json_and_reads_as_written_by_hand() {
    let plan = Plan {
        seed: u64::MAX,
        topology: topology(),
        steps: vec![
            step(
                5,
                20,
                "ann",
                Fault::Stall {
                    direction: Direction::Inbound,
                },
            ),
            step(7, 0, "bob", Fault::Reset),
            step(9, 30, "server", Fault::PowerLoss),
            step(
                9,
                30,
                "clients",
                Fault::DnsAnswers {
                    answers: Answers::Several { strangers: 3 },
                },
            ),
            step(
                50,
                30,
                "clients",
                Fault::DnsAnswers {
                    answers: Answers::NoSuchName,
                },
            ),
        ],
    };
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"seed":18446744073709551615,"#,
            r#""topology":{"end_ms":10000,"hosts":{"clients":["ann","bob"],"server":[]}},"steps":["#,
            r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":{"stall":{"direction":"inbound"}}},"#,
            r#"{"at_ms":7,"target":"bob","fault":"reset"},"#,
            r#"{"at_ms":9,"for_ms":30,"target":"server","fault":"power_loss"},"#,
            r#"{"at_ms":9,"for_ms":30,"target":"clients","fault":{"dns_answers":{"answers":{"several":{"strangers":3}}}}},"#,
            r#"{"at_ms":50,"for_ms":30,"target":"clients","fault":{"dns_answers":{"answers":"no_such_name"}}}]}"#
        )
    );
    assert_eq!(Plan::from_json(&text), Ok(plan.clone()));
    assert_eq!(Plan::from_json(&plan.to_json()), Ok(plan));
}

/// What is said of a plan whose second step is this, without the place in the text.
#[track_caller]
fn refusal(step: &str) -> String {
    let text = format!(
        r#"{{
            "seed": 1,
            "topology": {{"end_ms": 9000, "hosts": {{"ann": []}}}},
            "steps": [
                {{"at_ms": 5, "target": "ann", "fault": "reset"}},
                {step}
            ]
        }}"#
    );
    let said = Plan::from_json(&text).unwrap_err().to_string();
    let (said, place) = said.split_once(" (line ").unwrap_or((&said, "6,"));
    assert!(place.starts_with("6,"), "{said}, in line {place}");
    said.to_owned()
}

#[test]
fn a_step_that_cannot_be_read_is_named_with_what_would_be_known_there() {
    for (step, said) in [
        (
            r#"{"at_ms": 5, "target": "ann", "fault": "meteor"}"#,
            "unknown variant `meteor`, expected one of `stall`, `flap`, `latency`, `bandwidth`, \
             `slice`, `corrupt`, `truncate`, `half_close`, `reset`, `refuse`, `black_hole`, \
             `accept_stall`, `freeze`, `clock_jump`, `disk_full`, `crash`, `power_loss`, \
             `dns_answers`, in fault",
        ),
        (
            r#"{"at_ms": 5, "target": "ann", "fault": "reset", "twice": true}"#,
            "unknown field `twice`, expected one of `at_ms`, `for_ms`, `target`, `fault`, in twice",
        ),
        (
            r#"{"at_ms": 5, "for_ms": 20, "target": "ann", "fault": {"stall": {"direction": "up"}}}"#,
            "unknown variant `up`, expected one of `inbound`, `outbound`, `both`, \
             in fault.stall.direction",
        ),
        (
            r#"{"at_ms": 5, "for_ms": 20, "target": "ann",
                "fault": {"stall": {"direction": "both", "loss": 1}}}"#,
            "unknown field `loss`, expected `direction`, in fault.stall.loss",
        ),
        (
            r#"{"at_ms": 5, "for_ms": 20, "target": "ann", "fault": {"stall": {}}}"#,
            "missing field `direction`, in fault.stall",
        ),
        (
            r#"{"at_ms": -5, "target": "ann", "fault": "reset"}"#,
            "invalid value: integer `-5`, expected u64, in at_ms",
        ),
        (
            r#"{"at_ms": 5, "for_ms": -1, "target": "ann", "fault": "crash"}"#,
            "invalid value: integer `-1`, expected u64, in for_ms",
        ),
        (
            r#"{"at_ms": "5", "target": "ann", "fault": "reset"}"#,
            "invalid type: string \"5\", expected u64, in at_ms",
        ),
        (
            r#"{"at_ms": 5, "fault": "reset"}"#,
            "missing field `target`",
        ),
        (
            r#"{"at_ms": 5, "at_ms": 6, "target": "ann", "fault": "reset"}"#,
            "duplicate field `at_ms`",
        ),
    ] {
        // One of them is written in two lines.
        let step = step.replace('\n', " ");
        assert_eq!(refusal(&step), format!("step 1: {said}"));
    }
}

#[test]
fn a_plan_from_json_was_validated() {
    let said = refusal(r#"{"at_ms": 5, "for_ms": 20, "target": "eve", "fault": "crash"}"#);
    assert_eq!(said, "step 1: there is no node named \"eve\"");
    let said = refusal(r#"{"at_ms": 5, "target": "ann", "fault": "reset"}"#);
    assert_eq!(said, "step 1: reset on \"ann\" overlaps step 0, reset");
}

#[test]
fn what_is_wrong_beside_the_steps_is_named_too() {
    let refusal = |text: &str| {
        let said = Plan::from_json(text).unwrap_err().to_string();
        let (said, place) = said.split_once(" (line 1, column ").unwrap();
        assert!(place.ends_with(')'), "{place}");
        said.to_owned()
    };
    for (text, said) in [
        (
            r#"{"seed": 1, "steps": [], "topology": {"end_ms": -1, "hosts": {}}}"#,
            "invalid value: integer `-1`, expected u64, in topology.end_ms",
        ),
        (
            r#"{"seed": 1, "steps": [], "topology": {"end_ms": 1, "hosts": {"a": ["b"], "a": []}}}"#,
            "two nodes are named \"a\", in topology",
        ),
        (
            r#"{"seed": 1, "steps": [], "topology": {"end_ms": 1, "hosts": {"a": ["b", "b"]}}}"#,
            "two nodes are named \"b\", in topology",
        ),
        (r#"{"seed": 1}"#, "missing field `topology`"),
    ] {
        assert_eq!(refusal(text), said);
    }
}

#[test]
fn a_text_that_is_no_json_is_told_by_line_and_column() {
    let at = |text: &str| match Plan::from_json(text) {
        Err(ReadError::Json { line, column, .. }) => (line, column),
        other => unreachable!("{other:?} is no refusal of JSON"),
    };
    assert_eq!(at(""), (1, 0));
    assert_eq!(at("{\n  \"seed\" 7}"), (2, 10));
    assert_eq!(at("{\n  \"seed\": 7,\n"), (3, 0));
    let plan = Plan::calm(1, topology()).to_json();
    assert_eq!(at(&format!("{plan}\n}}")), (plan.lines().count() + 1, 1));
}

#[test]
fn the_schema_that_is_kept_is_that_of_a_plan() {
    let kept = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../plan.schema.json"));
    let kept: serde_json::Value = serde_json::from_str(kept).unwrap();
    assert!(
        kept == Plan::schema(),
        "sim/plan.schema.json is out of date; renew it with\n  \
         cargo run -p bowline-sim --example schema > sim/plan.schema.json"
    );
}

#[test]
fn a_topology_ends_in_whole_milliseconds_so_that_json_loses_nothing_of_it() {
    let topology = Topology::new(Duration::from_micros(1_999)).host("a");
    assert_eq!(topology.end(), Duration::from_millis(1));
    let plan = Plan::calm(1, topology);
    assert_eq!(Plan::from_json(&plan.to_json()), Ok(plan));
}
