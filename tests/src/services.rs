//! The programs of others that tests talk to. It finds them; each test starts its own.

use std::env;
use std::path::PathBuf;

/// Set by `cargo xtask test --no-services`.
const NONE: &str = "BOWLINE_NO_SERVICES";

/// Where an administrator's programs are, which not every user's path names.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where the program `name` is; `None`, after a word about it, where the tests run without.
///
/// # Panics
///
/// Where it is missed: a test that cannot run is not one that passed.
#[expect(
    clippy::print_stderr,
    reason = "what was left out is said to whoever runs the tests"
)]
pub(crate) fn program(name: &str, package: &str) -> Option<PathBuf> {
    if env::var_os(NONE).is_some() {
        eprintln!("skipped, by --no-services: needs {name}");
        return None;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(SBIN.map(Into::into))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    assert!(
        found.is_some(),
        "this test needs {name}; as root: apt-get install -y --no-install-recommends {package}; \
         or: cargo xtask test --no-services"
    );
    found
}
