//! Replays the kept corpus of every target, without a fuzzer. What it holds was once worth keeping:
//! a new path through a codec, or a finding.
#![expect(clippy::unwrap_used, reason = "a test says what it expects")]
#![expect(
    clippy::print_stderr,
    reason = "the input that was judged last is the one that failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use bowline_fuzz::TARGETS;

/// More than this is no kept corpus but a heap.
const FILES_MAX: usize = 30;
const BYTES_MAX: usize = 200 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder().join(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let data = fs::read(&path).unwrap();
        (path, data)
    };
    paths.into_iter().map(read).collect()
}

// contract: link-1
#[test]
fn every_codec_keeps_to_its_promises_over_the_kept_corpus() {
    for (target, check) in TARGETS {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for (path, data) in inputs {
            eprintln!("{}", path.display());
            check(&data);
        }
    }
}

#[test]
fn every_corpus_has_a_target_and_is_small() {
    let mut bytes = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name}");
        let inputs = inputs(&name);
        assert!(inputs.len() <= FILES_MAX, "{name}: {}", inputs.len());
        bytes += inputs.iter().map(|(_, data)| data.len()).sum::<usize>();
    }
    assert!(bytes <= BYTES_MAX, "{bytes} bytes of corpus");
}

#[test]
fn every_target_has_a_program() {
    for (target, _) in TARGETS {
        let program = folder().with_file_name("fuzz_targets");
        assert!(
            program.join(target).with_extension("rs").exists(),
            "{target}"
        );
    }
}
