//! `docs/contract.md` against the code: a promise is *kept* only where a test says so.
//!
//! It judges numbers, not words: whether a test really covers its promise is for
//! the reader of the test.

use std::collections::{BTreeMap, BTreeSet};

use super::{File, assert_none, files, read};

/// How far a promise holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    /// Every word of it.
    Kept,
    /// Not all of it yet.
    Planned,
}

/// One mention of a promise in the code.
#[derive(Debug, PartialEq)]
struct Citation {
    id: String,
    /// `path:line`.
    place: String,
    /// Whether a test stands right below it.
    by_test: bool,
}

#[test]
fn what_is_kept_is_tested_and_what_is_cited_is_promised() {
    let citations: Vec<Citation> = files(".rs").iter().flat_map(citations).collect();
    assert_none(&faults(&read("docs/contract.md").text, &citations));
}

/// The last promise of each area that was ever made; one may be added, never dropped.
const LAST: [(&str, u32); 9] = [
    ("backoff", 4),
    ("heart", 6),
    ("life", 1),
    ("breaker", 1),
    ("link", 4),
    ("pool", 10),
    ("again", 10),
    ("chat", 8),
    ("sim", 4),
];

#[test]
fn no_promise_was_dropped_from_the_end_of_its_area() {
    let (promises, _) = promises(&read("docs/contract.md").text);
    assert_none(&dropped(&promises));
}

fn dropped(promises: &BTreeMap<String, Status>) -> Vec<String> {
    let ids = LAST.map(|(area, last)| format!("{area}-{last}"));
    let gone = ids.into_iter().filter(|id| !promises.contains_key(id));
    gone.map(|id| format!("docs/contract.md has no {id} any more"))
        .collect()
}

/// Everything wrong between the contract's text and the citations, for a person to read.
fn faults(contract: &str, citations: &[Citation]) -> Vec<String> {
    let (promises, mut faults) = promises(contract);
    for (id, status) in &promises {
        let cited = || citations.iter().filter(|citation| citation.id == *id);
        if *status == Status::Kept && !cited().any(|citation| citation.by_test) {
            let others: Vec<&str> = cited().map(|citation| citation.place.as_str()).collect();
            let others = match others.as_slice() {
                [] => String::new(),
                places => format!(" (cited, but above no test, at {})", places.join(", ")),
            };
            faults.push(format!(
                "{id} is marked *kept*, but no test cites it{others}: write `// contract: {id}` above \
                 a test that fails when it is broken, or mark it *planned*"
            ));
        }
    }
    for Citation { id, place, .. } in citations {
        if !promises.contains_key(id) {
            faults.push(format!(
                "{place} cites `{id}`, which docs/contract.md does not promise"
            ));
        }
    }
    faults
}

/// The promises of the contract, and what is wrong with how they are written.
fn promises(contract: &str) -> (BTreeMap<String, Status>, Vec<String>) {
    let mut promises = BTreeMap::new();
    let mut faults = Vec::new();
    for (index, line) in contract.lines().enumerate() {
        let Some(entry) = line.strip_prefix("- ") else {
            continue;
        };
        let place = format!("docs/contract.md:{}", index + 1);
        let Some((id, status)) = promise(entry) else {
            faults.push(format!(
                "{place} is not of the form `- **pool-3** *planned* — words`"
            ));
            continue;
        };
        if promises.insert(id.to_owned(), status).is_some() {
            faults.push(format!("{place} promises {id} a second time"));
        }
    }
    faults.extend(gaps(&promises));
    (promises, faults)
}

/// Reads `**pool-3** *planned* — words`.
fn promise(entry: &str) -> Option<(&str, Status)> {
    let (id, rest) = entry.strip_prefix("**")?.split_once("** *")?;
    let (status, words) = rest.split_once("* — ")?;
    let status = match status {
        "kept" => Status::Kept,
        "planned" => Status::Planned,
        _ => return None,
    };
    numbered(id)?;
    (!words.trim().is_empty()).then_some((id, status))
}

/// Splits `pool-3` into its area and its number.
fn numbered(id: &str) -> Option<(&str, u32)> {
    let (area, number) = id.split_once('-')?;
    let plain = !area.is_empty() && area.bytes().all(|byte| byte.is_ascii_lowercase());
    plain.then_some((area, number.parse().ok()?))
}

/// Numbers that are left out of an area: a promise may be added, never dropped.
fn gaps(promises: &BTreeMap<String, Status>) -> Vec<String> {
    let mut areas: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for (area, number) in promises.keys().filter_map(|id| numbered(id)) {
        areas.entry(area).or_default().insert(number);
    }
    let missing = areas.iter().flat_map(|(area, numbers)| {
        let last = numbers.last().copied().unwrap_or(0);
        let absent = (1..=last).filter(|number| !numbers.contains(number));
        absent.map(move |number| format!("docs/contract.md has no {area}-{number}"))
    });
    missing.collect()
}

/// Every `// contract: a-1, b-2` of a file; what is nearly one is returned as it stands, so that it fails as unknown.
fn citations(file: &File) -> Vec<Citation> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let mut citations = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let ids = match line.strip_prefix("// contract: ") {
            Some(ids) => ids,
            None if is_nearly_a_citation(line) => line,
            None => continue,
        };
        let by_test = stands_above_a_test(&lines[index + 1..]);
        citations.extend(ids.split(',').map(|id| Citation {
            id: id.trim().to_owned(),
            place: format!("{}:{}", file.path, index + 1),
            by_test,
        }));
    }
    citations
}

/// `/// contract: x`, `//Contract: x` and the like: meant as one, and silently lost if passed over.
fn is_nearly_a_citation(line: &str) -> bool {
    let comment = line.strip_prefix("//");
    let words = comment.map(|text| text.trim_start_matches(['/', '!', ' ']));
    words.is_some_and(|words| words.to_ascii_lowercase().starts_with("contract:"))
}

/// Whether the first item of `below` is a test: past comments and other attributes, `#[test]` or `#[anything::test]`.
fn stands_above_a_test(below: &[&str]) -> bool {
    let code = below
        .iter()
        .filter(|line| !line.is_empty() && !line.starts_with("//"));
    let heads = ["#[", "#![", "proptest!"];
    code.take_while(|line| heads.iter().any(|head| line.starts_with(head)))
        .any(|line| is_test_attribute(line))
}

fn is_test_attribute(line: &str) -> bool {
    let Some(attribute) = line.strip_prefix("#[") else {
        return false;
    };
    let path = attribute.split(['(', ']']).next().unwrap_or(attribute);
    path == "test" || path.ends_with("::test")
}

mod tests {
    use super::*;

    const CONTRACT: &str = "# The contract\n\n\
        * *kept*: words of the head\n\n\
        - **pool-1** *kept* — No more than `max` — ever.\n\
        - **pool-2** *planned* — Nothing is lost.\n";

    fn cited(id: &str, by_test: bool) -> Citation {
        Citation {
            id: id.to_owned(),
            place: "crates/bowline-pool/src/rack.rs:7".to_owned(),
            by_test,
        }
    }

    fn check(citations: &[Citation], expected: &[&str]) {
        check_contract(CONTRACT, citations, expected);
    }

    fn check_contract(contract: &str, citations: &[Citation], expected: &[&str]) {
        let faults = faults(contract, citations);
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.contains(part), "{fault:?} lacks {part:?}");
        }
    }

    #[test]
    fn a_kept_promise_with_a_test_is_in_order() {
        check(&[cited("pool-1", true)], &[]);
    }

    #[test]
    fn a_kept_promise_without_a_test_fails() {
        check(&[], &["pool-1 is marked *kept*, but no test cites it:"]);
    }

    #[test]
    fn a_citation_in_the_code_is_no_test() {
        check(
            &[cited("pool-1", false)],
            &["above no test, at crates/bowline-pool/src/rack.rs:7"],
        );
    }

    #[test]
    fn a_planned_promise_needs_no_test_and_may_have_one() {
        check(&[cited("pool-1", true), cited("pool-2", true)], &[]);
    }

    #[test]
    fn a_citation_of_no_promise_fails() {
        check(
            &[cited("pool-1", true), cited("pool-99", true)],
            &["rack.rs:7 cites `pool-99`"],
        );
    }

    #[test]
    fn a_promise_dropped_from_the_end_of_its_area_is_missed() {
        let (few, _) = promises("- **sim-1** *kept* — Words.");
        assert!(dropped(&few).contains(&"docs/contract.md has no sim-4 any more".to_owned()));
    }

    #[test]
    fn a_promise_that_appears_twice_fails() {
        let twice = format!("{CONTRACT}- **pool-2** *kept* — Nothing is lost.\n");
        check_contract(
            &twice,
            &[cited("pool-1", true), cited("pool-2", true)],
            &["docs/contract.md:7 promises pool-2 a second time"],
        );
    }

    #[test]
    fn a_promise_that_was_dropped_fails() {
        let dropped = CONTRACT.replace("pool-2", "pool-3");
        check_contract(
            &dropped,
            &[cited("pool-1", true)],
            &["docs/contract.md has no pool-2"],
        );
    }

    #[test]
    fn a_promise_in_another_form_fails() {
        for entry in [
            "- **pool-2** kept — Nothing is lost.",
            "- **pool-2** *almost* — Nothing is lost.",
            "- **pool-2** *kept* —  ",
            "- **Pool2** *kept* — Nothing is lost.",
            "- pool-2 Nothing is lost.",
        ] {
            let contract = format!("- **pool-1** *planned* — No more.\n{entry}\n");
            check_contract(&contract, &[], &["docs/contract.md:2 is not of the form"]);
        }
    }

    fn found(lines: &[&str]) -> Vec<(String, bool)> {
        let file = File::new("crates/bowline-pool/src/rack.rs", &lines.join("\n"));
        let citations = citations(&file).into_iter();
        citations.map(|found| (found.id, found.by_test)).collect()
    }

    #[test]
    fn a_citation_counts_for_the_test_below_it() {
        for attribute in [
            "#[test]",
            "#[tokio::test]",
            "#[tokio::test(start_paused = true)]",
            "#[cfg(unix)]\n#[test]",
            "/// Why.\n\n#[test]",
            "proptest! {\n#![proptest_config(few())]\n#[test]",
        ] {
            assert_eq!(
                found(&["fn f() {}", "  // contract: pool-1, pool-2", attribute]),
                [("pool-1".to_owned(), true), ("pool-2".to_owned(), true)],
                "{attribute}"
            );
        }
    }

    #[test]
    fn a_citation_above_anything_else_is_not_a_tests() {
        for code in [
            "fn f() {}",
            "#[derive(Debug)]\nstruct S;\n#[test]",
            "",
            "#[attest]",
        ] {
            assert_eq!(
                found(&["// contract: pool-1", code]),
                [("pool-1".to_owned(), false)],
                "{code}"
            );
        }
    }

    #[test]
    fn a_citation_that_is_written_wrongly_is_not_passed_over() {
        for line in [
            "/// contract: pool-1",
            "//contract: pool-1",
            "// Contract: pool-1",
        ] {
            assert_eq!(found(&[line, "#[test]"]), [(line.to_owned(), true)]);
        }
        assert_eq!(found(&["// A contract: pool-1"]), []);
        assert_eq!(found(&["let text = \"// contract: pool-1\";"]), []);
    }
}
