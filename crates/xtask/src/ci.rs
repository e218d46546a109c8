//! `cargo xtask ci`: what a change must pass, and all that the build server runs.
//!
//! It asks nothing of the network once the dependencies are there.

use crate::cargo::{self, Workspace};
use crate::error::Error;
use crate::fuzz;
use crate::step::Step;
use crate::test;

/// The line of cargo-deny whose `deny.toml` we write.
const CARGO_DENY: &str = "^0.20";

/// Where what users build is built: without the flag of our own builds.
const STABLE: &str = "target/without-tokio-unstable";

const BEFORE_THE_TESTS: &[Step] = &[
    Step {
        headline: "format",
        work: |workspace| cargo::run(workspace.cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        headline: "lints",
        work: |workspace| {
            cargo::run(workspace.cargo(&[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
];

const AFTER_THE_TESTS: &[Step] = &[
    Step {
        headline: "the seam with all its features",
        work: |workspace| {
            let package = ["--package", "bowline-link", "--all-features"];
            let mut lints = workspace.cargo(&["clippy"]);
            lints.args(package);
            lints.args(["--all-targets", "--", "-D", "warnings"]);
            cargo::run(lints)?;
            let mut tests = workspace.cargo(&["test"]);
            tests.args(package);
            cargo::run(tests)
        },
    },
    Step {
        headline: "determinism without tokio_unstable",
        work: |workspace| {
            let mut build = workspace.cargo(&["build", "--package", "bowline-scenarios"]);
            // Set and empty, it replaces what `.cargo/config.toml` says; its own folder, or
            // the next build would start from nothing.
            build.env("RUSTFLAGS", "");
            let folder = workspace.root().join(STABLE);
            build.arg("--target-dir").arg(&folder);
            cargo::run(build)?;
            let program = folder.join("debug/bowline-scenarios");
            let mut check = std::process::Command::new(program);
            check.arg("check-determinism");
            cargo::run(check)
        },
    },
    Step {
        headline: "docs",
        work: |workspace| {
            let mut doc = workspace.cargo(&[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ]);
            doc.env("RUSTDOCFLAGS", "-D warnings");
            cargo::run(doc)
        },
    },
    Step {
        headline: "dependencies: bans, licences, sources",
        work: |workspace| {
            have_cargo_deny(workspace)?;
            cargo::run(workspace.cargo(&["deny", "check", "bans", "licenses", "sources"]))
        },
    },
];

/// The steps, cheapest first.
pub(crate) fn steps() -> Vec<Step> {
    [
        BEFORE_THE_TESTS,
        &test::steps(false),
        AFTER_THE_TESTS,
        fuzz::STEPS_IN_CI,
    ]
    .concat()
}

/// Installs cargo-deny unless it is there.
///
/// # Errors
///
/// [`Error::Failed`] where it has to be built and cannot be.
pub(crate) fn have_cargo_deny(workspace: &Workspace) -> Result<(), Error> {
    if cargo::works(workspace.cargo(&["deny", "--version"])) {
        return Ok(());
    }
    cargo::run(workspace.cargo(&["install", "cargo-deny", "--locked", "--version", CARGO_DENY]))
}
