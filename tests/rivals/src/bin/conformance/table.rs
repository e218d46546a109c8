//! Verdicts as a page of Markdown.

use std::fmt::Write;

use bowline_conformance::{Law, Outcome, Verdict};

/// What the page begins with.
const HEAD: &str = "# Conformance\n\n\
Ten laws for whatever reconnects by itself, and who keeps them. `cargo xtask conformance` builds and runs \
everything here and writes this page; it is not edited by hand. The laws are the crate \
`bowline-conformance`: anybody's service or schedule can be judged by them in a test.\n\n\
Each subject is used as its documentation shows, with the best settings it has. Everything runs on tokio's \
paused clock, over a scripted peer that opens no socket. Delays are to start at 100 ms and to stay within \
10 s, in each library's own sense of a maximum. What is a service and has a schedule is judged as both. Where \
a law is broken, only what breaks it is shown. Jitter that takes no seed gives other numbers in each run.\n\n";

/// The packages in the lock file that the subjects were built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// A subject and how it came out.
#[derive(Debug)]
pub(crate) struct Entry {
    name: &'static str,
    package: &'static str,
    used: &'static str,
    /// Why the laws do not apply that it was not judged by.
    otherwise: &'static str,
    verdicts: Vec<Verdict>,
}

/// The whole page.
pub(crate) fn page(entries: &[Entry]) -> String {
    let mut page = HEAD.to_owned();
    summary(&mut page, entries);
    page.push_str("\n## The laws\n\n");
    for law in Law::ALL {
        writeln!(page, "* **{law}**: {}.", law.text()).expect("a string takes anything");
    }
    for entry in entries {
        entry.section(&mut page);
    }
    page
}

/// The laws down, the subjects across.
fn summary(page: &mut String, entries: &[Entry]) {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let mut row = |cells: Vec<String>| {
        writeln!(page, "| {} |", cells.join(" | ")).expect("a string takes anything");
    };

    let header = ["law".to_owned()].into_iter();
    row(header
        .chain(names.iter().map(|name| (*name).to_owned()))
        .collect());
    row(vec!["---".to_owned(); names.len() + 1]);
    for law in Law::ALL {
        let cells = entries
            .iter()
            .map(|entry| word(entry.outcome(law)).to_owned());
        row([law.name().to_owned()].into_iter().chain(cells).collect());
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "pass",
        Outcome::Broken => "**fail**",
        Outcome::DoesNotApply => "does not apply",
    }
}

/// The version that the lock file has of `package`.
fn version(package: &str) -> Option<&'static str> {
    let start = format!("name = \"{package}\"\nversion = \"");
    let at = LOCK.find(&start)? + start.len();
    LOCK[at..].split('"').next()
}

// === impl Entry ===

impl Entry {
    pub(crate) fn new(
        name: &'static str,
        package: &'static str,
        used: &'static str,
        otherwise: &'static str,
        verdicts: Vec<Verdict>,
    ) -> Self {
        Self {
            name,
            package,
            used,
            otherwise,
            verdicts,
        }
    }

    /// The verdicts on `law`, one for each way in which it was judged, where it applied.
    fn judged(&self, law: Law) -> Vec<&Verdict> {
        let of = |verdict: &&Verdict| verdict.law == law;
        let all: Vec<&Verdict> = self.verdicts.iter().filter(of).collect();
        let applied = |verdict: &&Verdict| verdict.outcome != Outcome::DoesNotApply;
        match all.iter().any(applied) {
            true => all.into_iter().filter(applied).collect(),
            false => all,
        }
    }

    /// The worst of them.
    fn outcome(&self, law: Law) -> Outcome {
        let judged = self.judged(law);
        let any = |outcome| judged.iter().any(|verdict| verdict.outcome == outcome);
        if any(Outcome::Broken) {
            Outcome::Broken
        } else if any(Outcome::Holds) {
            Outcome::Holds
        } else {
            Outcome::DoesNotApply
        }
    }

    /// What was observed, in a cell.
    fn evidence(&self, law: Law) -> String {
        let outcome = self.outcome(law);
        let judged = self.judged(law);
        let lines = judged
            .iter()
            .filter(|verdict| verdict.outcome == outcome)
            .flat_map(|verdict| verdict.evidence.iter().map(String::as_str));
        let lines: Vec<&str> = lines.collect();
        let text = match lines.as_slice() {
            [] => self.otherwise.to_owned(),
            lines => lines.join("; "),
        };
        text.replace('|', "/")
    }

    fn section(&self, page: &mut String) {
        let Self { name, used, .. } = self;
        let version = version(self.package);
        let version = version.map_or_else(String::new, |version| {
            format!(" ({} {version})", self.package)
        });
        write!(
            page,
            "\n## {name}{version}\n\nUsed: {used}.\n\n| law | | observed |\n| --- | --- | --- |\n"
        )
        .expect("a string takes anything");
        for law in Law::ALL {
            let (outcome, evidence) = (word(self.outcome(law)), self.evidence(law));
            writeln!(page, "| {law} | {outcome} | {evidence} |").expect("a string takes anything");
        }
    }
}
