//! The simulator in two processes: the same seed is the same run.

use super::process::Process;
use super::program;
use super::transcript::Transcript;

// contract: sim-1
#[test]
fn one_seed_leaves_the_same_hash_in_every_process() {
    let transcript = Transcript::default();
    let [one, other] = ["one", "other"].map(|name| run(&transcript, name, 5));
    assert_eq!(one, other);
    assert_ne!(one, run(&transcript, "another seed", 6));
}

fn run(transcript: &Transcript, name: &str, seed: u64) -> String {
    let mut command = program("BOWLINE_SCENARIOS_BIN");
    command.args(["run", "--world", "chat", "--seed", &seed.to_string()]);
    let (code, said) = Process::start(transcript, name, command).outcome();
    assert_eq!(code, Some(0), "{said}");
    let hash = said
        .lines()
        .find_map(|line| Some(line.split_once("trace ")?.1));
    hash.unwrap_or_else(|| panic!("no hash in {said}"))
        .to_owned()
}
