//! How the repository reads, where neither the compiler nor clippy looks.
//!
//! Only what every file can obey: where a rule would make some piece of code
//! worse, change the rule here and say why.

use super::{FOR_TESTS, File, assert_none, files, read};

/// Past this a file of production code holds two ideas.
const PRODUCTION_LINES_MAX: usize = 400;

/// What is longer than this is no map.
const ARCHITECTURE_LINES_MAX: usize = 250;

// In two parts, so that this file keeps its own rules.
const SELECT: &str = concat!("select", "!");
const MARKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const MACRO: &str = concat!("macro_", "rules!");
const EXCUSES: [&str; 2] = [concat!("#[", "ignore"), concat!("#[should", "_panic")];
const ENVIRONMENT: &str = concat!("env", "::var");

/// The packages whose settings come only from their caller.
const LIBRARIES: [&str; 7] = [
    "crates/bowline/",
    "crates/bowline-policy/",
    "crates/bowline-link/",
    "crates/bowline-pool/",
    "crates/bowline-reconnect/",
    "crates/bowline-telemetry/",
    "crates/bowline-chat/",
];

/// What every manifest says, by section.
const MANIFEST: [(&str, &str); 8] = [
    ("[package]", "version.workspace = true"),
    ("[package]", "edition.workspace = true"),
    ("[package]", "license.workspace = true"),
    ("[package]", "rust-version.workspace = true"),
    ("[package]", "publish.workspace = true"),
    ("[package]", "description ="),
    ("[package]", "name ="),
    ("[lints]", "workspace = true"),
];

#[test]
fn every_source_file_keeps_the_house_rules() {
    let faults: Vec<String> = files(".rs").iter().flat_map(source_faults).collect();
    assert_none(&faults);
}

#[test]
fn every_manifest_inherits_from_the_workspace() {
    let faults: Vec<String> = files("Cargo.toml")
        .iter()
        .flat_map(manifest_faults)
        .collect();
    assert_none(&faults);
}

#[test]
fn the_map_is_short_and_shows_every_package() {
    let map = read("ARCHITECTURE.md").text;
    let lines = map.lines().count();
    assert!(
        lines < ARCHITECTURE_LINES_MAX,
        "ARCHITECTURE.md has {lines} lines: under {ARCHITECTURE_LINES_MAX}, or nobody reads it"
    );
    for manifest in files("Cargo.toml") {
        let name = manifest
            .text
            .lines()
            .find_map(|line| line.strip_prefix("name = "));
        let name = name
            .expect("every manifest names its package")
            .trim_matches('"');
        assert!(map.contains(name), "ARCHITECTURE.md does not show {name}");
    }
}

/// Everything in which a source file departs from the rules, for a person to read.
fn source_faults(file: &File) -> Vec<String> {
    let rules = [
        opens_with_its_purpose,
        is_not_mod_rs,
        holds_one_idea,
        selects_in_order,
        postpones_nothing,
        excuses_no_test,
        ships_what_is_tested,
        writes_no_macros,
        leaves_settings_to_the_roots,
    ];
    let faults = rules.iter().filter_map(|rule| rule(file));
    faults
        .map(|fault| format!("{}{fault}", file.path))
        .collect()
}

fn opens_with_its_purpose(file: &File) -> Option<String> {
    let purpose = file.text.strip_prefix("//! ");
    let purpose = purpose.filter(|text| !text.starts_with("Placeholder"));
    purpose
        .is_none()
        .then(|| ": does not open with `//!` and what it is for".to_owned())
}

fn is_not_mod_rs(file: &File) -> Option<String> {
    let named = file.path.ends_with("/mod.rs");
    named.then(|| ": call it after its folder, `folder.rs`".to_owned())
}

fn holds_one_idea(file: &File) -> Option<String> {
    let lines = file.production().lines().count();
    (lines > PRODUCTION_LINES_MAX).then(|| {
        format!(
            ": {lines} lines of production code (at most {PRODUCTION_LINES_MAX}): split it by idea"
        )
    })
}

/// An unbiased `select!` polls in an order that no seed repeats.
fn selects_in_order(file: &File) -> Option<String> {
    let text = without_comments(&file.text);
    let unbiased = text.match_indices(SELECT).find(|(at, _)| {
        let body = text[at + SELECT.len()..].trim_start();
        let body = body.strip_prefix(['{', '(']);
        body.is_some_and(|body| !body.trim_start().starts_with("biased;"))
    });
    let line = unbiased.map(|(at, _)| text[..at].matches('\n').count() + 1);
    line.map(|line| format!(":{line}: a `{SELECT}` without `biased;` first"))
}

fn postpones_nothing(file: &File) -> Option<String> {
    let mark = MARKS.iter().find(|mark| file.text.contains(**mark))?;
    let line = line_of(&file.text, mark);
    Some(format!(
        ":{line}: `{mark}`: do it, or write down what is missing where users read it"
    ))
}

fn excuses_no_test(file: &File) -> Option<String> {
    let excuse = EXCUSES.iter().find(|excuse| file.text.contains(**excuse))?;
    let line = line_of(&file.text, excuse);
    Some(format!(
        ":{line}: `{excuse}]`: a test runs, and asserts what it means"
    ))
}

/// `cfg(test)` hides modules, never a line of production code: what ships would then be untested.
fn ships_what_is_tested(file: &File) -> Option<String> {
    let mut lines = file.text.lines().map(str::trim).enumerate();
    while let Some((index, line)) = lines.next() {
        if line != FOR_TESTS {
            continue;
        }
        let mut below = lines.clone().map(|(_, line)| line);
        let item = below.find(|line| !line.starts_with("#[") && !line.starts_with("//"));
        if !item.is_some_and(|item| item.starts_with("mod ") || item.starts_with("pub(crate) mod "))
        {
            return Some(format!(
                ":{}: `{FOR_TESTS}` on something other than a module",
                index + 1
            ));
        }
    }
    None
}

fn writes_no_macros(file: &File) -> Option<String> {
    let line = line_of(file.production(), MACRO);
    (line > 0).then(|| format!(":{line}: `{MACRO}` outside tests: a function reads better"))
}

fn leaves_settings_to_the_roots(file: &File) -> Option<String> {
    if !LIBRARIES
        .iter()
        .any(|library| file.path.starts_with(library))
    {
        return None;
    }
    let line = line_of(file.production(), ENVIRONMENT);
    (line > 0)
        .then(|| format!(":{line}: a library crate reads no environment: take it as an argument"))
}

/// The number of the first line that has `part`, or 0.
fn line_of(text: &str, part: &str) -> usize {
    let found = text.lines().position(|line| line.contains(part));
    found.map_or(0, |index| index + 1)
}

/// The text with every line of comment emptied, so that line numbers stay.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let comment = line.trim_start().starts_with("//");
        if comment { "" } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What a manifest leaves out of [`MANIFEST`].
fn manifest_faults(file: &File) -> Vec<String> {
    let mut section = "";
    let mut said = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        said.push((section, line));
    }
    let missing = MANIFEST.iter().filter(|(section, start)| {
        !said
            .iter()
            .any(|(under, line)| under == section && line.starts_with(start))
    });
    missing
        .map(|(section, line)| format!("{}: {section} lacks `{line}`", file.path))
        .collect()
}

mod tests {
    use super::*;

    const PATH: &str = "crates/bowline-pool/src/rack.rs";

    fn check(path: &str, text: &str, expected: &[&str]) {
        let faults = source_faults(&File::new(path, text));
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, part) in faults.iter().zip(expected) {
            assert!(fault.contains(part), "{fault:?} lacks {part:?}");
        }
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        check(PATH, "//! Keeps what is parked.\n\nfn f() {}\n", &[]);
        for text in [
            "fn f() {}\n",
            "",
            "// Keeps.\n",
            "//!\n",
            "//! Placeholder.\n",
        ] {
            check(PATH, text, &["does not open with"]);
        }
    }

    #[test]
    fn a_mod_rs_is_refused() {
        check(
            "sim/harness/src/fault/mod.rs",
            "//! Faults.\n",
            &["call it after its folder"],
        );
    }

    #[test]
    fn a_long_file_is_refused_but_its_tests_are_not_counted() {
        let code = |lines: usize| format!("//! Long.\n{}", "fn f() {}\n".repeat(lines - 1));
        check(PATH, &code(400), &[]);
        check(PATH, &code(401), &["401 lines of production code"]);
        check("crates/bowline-pool/tests/laws.rs", &code(1000), &[]);
        check("crates/bowline-pool/src/rack/tests.rs", &code(1000), &[]);
        let tested = format!(
            "{}\nmod tests {{\n{}}}\n",
            code(390),
            "fn t() {}\n".repeat(500)
        );
        check(PATH, &tested, &[]);
    }

    #[test]
    fn a_select_without_an_order_is_refused() {
        let with = |body: &str| format!("//! Waits.\n\ntokio::{SELECT} {{{body}}}\n");
        check(PATH, &with("\n    biased;\n    () = stop => {}\n"), &[]);
        check(PATH, &with("\n    // Stop first.\n    biased;\n"), &[]);
        check(PATH, &with(" () = stop => {} "), &["rack.rs:3: a `select"]);
        check(
            PATH,
            &format!("//! Waits, with no `{SELECT}`.\n// {SELECT} {{ }}\n"),
            &[],
        );
    }

    #[test]
    fn what_is_postponed_is_refused() {
        for mark in MARKS {
            check(
                PATH,
                &format!("//! Waits.\n\n// {mark}: later\n"),
                &["rack.rs:3:"],
            );
        }
    }

    #[test]
    fn a_test_that_does_not_run_is_refused() {
        for excuse in EXCUSES {
            let text = format!("//! Laws.\n#[test]\n{excuse}]\nfn holds() {{}}\n");
            check("crates/bowline-pool/tests/laws.rs", &text, &["laws.rs:3:"]);
        }
    }

    #[test]
    fn production_code_does_not_know_that_it_is_tested() {
        let on = |item: &str| format!("//! Waits.\n{FOR_TESTS}\n{item}\n");
        check(PATH, &on("mod tests {\n}"), &[]);
        check(PATH, &on("#[path = \"x.rs\"]\nmod tests;"), &[]);
        check(PATH, &on("fn settle() {}"), &["rack.rs:2:"]);
    }

    #[test]
    fn a_macro_is_for_tests_only() {
        let text = format!("//! Waits.\n{MACRO} wait {{}}\n");
        check(PATH, &text, &["outside tests"]);
        check("crates/bowline-pool/tests/laws.rs", &text, &[]);
    }

    #[test]
    fn only_a_root_reads_the_environment() {
        let text = format!("//! Waits.\nlet max = std::{ENVIRONMENT}(\"MAX\");\n");
        check(PATH, &text, &["reads no environment"]);
        check("crates/bowline-cli/src/main.rs", &text, &[]);
    }

    #[test]
    fn a_manifest_that_inherits_no_lints_is_refused() {
        let whole = MANIFEST
            .iter()
            .fold(String::new(), |text, (section, line)| {
                format!("{text}{section}\n{line}\n")
            });
        let faults = |text: &str| manifest_faults(&File::new("tests/Cargo.toml", text));
        assert_none(&faults(&whole));
        let elsewhere = whole.replace("[lints]", "[lints.rust]");
        assert_eq!(
            faults(&elsewhere),
            ["tests/Cargo.toml: [lints] lacks `workspace = true`"]
        );
    }
}
