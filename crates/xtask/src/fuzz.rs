//! `cargo xtask fuzz`: every codec under libFuzzer, on the stable toolchain.
//!
//! The flags that instrument a build are ones that stable rustc takes, so neither a nightly nor
//! cargo-fuzz has to be installed; the fuzzer's runtime comes as a dependency and is compiled with the
//! system's C++ compiler. Sanitizers are left out: our code has no `unsafe` for them to watch.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::cargo::{self, Workspace};
use crate::error::Error;
use crate::step::Step;

/// How long each target runs unless told otherwise.
pub(crate) const SECONDS: u32 = 60;

/// How long each runs for every change: enough to find what was broken, not to find what was
/// always wrong.
const SECONDS_IN_CI: u32 = 6;

/// The package, which is a workspace of its own.
const MANIFEST: &str = "fuzz/Cargo.toml";

/// What makes a build show the fuzzer which code an input reaches, as cargo-fuzz has it.
const INSTRUMENTED: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

/// Limits of one run: an input long enough to pass every limit of a target, and what no input may cost.
const LIMITS: [&str; 3] = ["-max_len=2048", "-timeout=5", "-rss_limit_mb=1024"];

/// What can be fuzzed.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    /// Lines.
    Line,
    /// Frames that end at any delimiter.
    Delimiter,
    /// Frames of a fixed length.
    Fixed,
    /// Frames behind their length.
    LengthPrefixed,
    /// Lines of JSON.
    Ndjson,
    /// JSON values back to back.
    ConcatenatedJson,
    /// Split functions.
    Split,
    /// The binary header.
    Header,
}

/// What a change must pass.
pub(crate) const STEPS_IN_CI: &[Step] = &[
    Step {
        headline: "the fuzz targets: format, lints, and the kept corpus",
        work: |workspace| {
            cargo::run(workspace.cargo(&["fmt", "--manifest-path", MANIFEST, "--check"]))?;
            cargo::run(workspace.cargo(&[
                "clippy",
                "--manifest-path",
                MANIFEST,
                "--locked",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))?;
            cargo::run(workspace.cargo(&["test", "--manifest-path", MANIFEST, "--locked"]))
        },
    },
    Step {
        headline: "fuzz every codec, 6 s each",
        work: |workspace| run(workspace, SECONDS_IN_CI, None),
    },
];

/// Builds the targets and runs `only` one of them, or all, for so many `seconds` each.
///
/// # Errors
///
/// [`Error::Failed`] where one does not compile or found something; the input is then in
/// `fuzz/artifacts`.
pub(crate) fn run(workspace: &Workspace, seconds: u32, only: Option<Target>) -> Result<(), Error> {
    let programs = build(workspace)?;
    let targets = only
        .as_ref()
        .map_or(Target::value_variants(), std::slice::from_ref);
    for target in targets {
        let name = target.name();
        eprintln!("-- {name}: {seconds} s");
        let program = programs.get(&name).ok_or_else(|| Error::NoProgram {
            command: format!("cargo build --manifest-path {MANIFEST} --bin {name}"),
        })?;
        cargo::run(fuzzer(workspace.root(), program, &name, seconds)?)?;
    }
    Ok(())
}

/// The programs, by name.
fn build(workspace: &Workspace) -> Result<BTreeMap<String, PathBuf>, Error> {
    // Named, or the flags would reach build scripts too, which have no fuzzer to report to.
    let host = cargo::output(workspace.tool("rustc", &["--print", "host-tuple"]))?;
    let mut build = workspace.cargo(&[
        "build",
        "--manifest-path",
        MANIFEST,
        "--locked",
        "--release",
        "--features",
        "libfuzzer",
        "--bins",
        "--target",
        host.trim(),
    ]);
    build.env("RUSTFLAGS", INSTRUMENTED);
    let programs = cargo::executables(build)?;
    let named = programs.into_iter().filter_map(|program| {
        let name = program.path.file_stem()?.to_string_lossy().into_owned();
        Some((name, program.path))
    });
    Ok(named.collect())
}

/// `program` with what it found before and what is kept as a beginning.
fn fuzzer(root: &Path, program: &Path, name: &str, seconds: u32) -> Result<Command, Error> {
    let fuzz = root.join("fuzz");
    // The first folder takes what is new; the kept one is only read.
    let found = fuzz.join("target/corpus").join(name);
    let kept = fuzz.join("corpus").join(name);
    let artifacts = fuzz.join("artifacts").join(name);
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder).map_err(|source| Error::Folder {
            path: folder.clone(),
            source,
        })?;
    }
    let mut command = Command::new(program);
    command
        .arg(format!("-max_total_time={seconds}"))
        // Ends with a separator: it is put before a name, whatever that makes.
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .args(LIMITS)
        .args(["-print_final_stats=1", "-verbosity=0"])
        .args([found, kept])
        .current_dir(root);
    Ok(command)
}

// === impl Target ===

impl Target {
    /// The name of its program and of its corpus.
    fn name(self) -> String {
        let value = self.to_possible_value();
        let value = value.expect("no target is hidden from the command line");
        value.get_name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_as_its_program() {
        let manifest = include_str!("../../../fuzz/Cargo.toml");
        let programs = manifest.matches("[[bin]]").count();
        assert_eq!(Target::value_variants().len(), programs);
        for target in Target::value_variants() {
            let line = format!("[[bin]]\nname = \"{}\"\n", target.name());
            assert!(manifest.contains(&line), "no {line}");
        }
    }

    #[test]
    fn the_headline_says_how_long() {
        let headline = STEPS_IN_CI[1].headline;
        assert!(
            headline.contains(&format!("{SECONDS_IN_CI} s")),
            "{headline}"
        );
    }
}
