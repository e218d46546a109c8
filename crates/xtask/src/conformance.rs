//! `cargo xtask conformance`: ours and those of others before the same laws, as a page.
//!
//! Run by hand, and its page is kept: the packages it builds are no dependency of ours, and
//! no build of ours should have to fetch them.

use std::fs;

use crate::cargo;
use crate::error::Error;
use crate::step::Step;

/// The package that knows the others, which is a workspace of its own.
const MANIFEST: &str = "tests/rivals/Cargo.toml";

/// The page.
const PAGE: &str = "docs/conformance.md";

/// Builds the program, runs it, and writes what it prints.
pub(crate) const STEPS: &[Step] = &[
    Step {
        headline: "the programs, with the versions in their own lock file",
        work: |workspace| {
            cargo::run(workspace.cargo(&[
                "build",
                "--manifest-path",
                MANIFEST,
                "--locked",
                "--release",
                "--bin",
                "conformance",
            ]))
        },
    },
    Step {
        headline: "judge all, and write docs/conformance.md",
        work: |workspace| {
            let page = cargo::output(workspace.cargo(&[
                "run",
                "--quiet",
                "--manifest-path",
                MANIFEST,
                "--locked",
                "--release",
                "--bin",
                "conformance",
            ]))?;
            let path = workspace.root().join(PAGE);
            fs::write(&path, page).map_err(|source| Error::File { path, source })
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_names_the_page_and_the_page_names_the_chore() {
        assert!(STEPS[1].headline.contains(PAGE));
        let page = include_str!("../../../docs/conformance.md");
        assert!(page.contains("`cargo xtask conformance`"));
    }
}
