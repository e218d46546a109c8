//! The programs that tests talk to, and where those may listen. It finds them; each test starts
//! its own.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use bowline_link::tcp;

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

/// A port that is free, below those that outgoing connections get: a client that
/// dials one of those while nobody listens may get itself as its peer.
pub(crate) fn free_address() -> SocketAddr {
    /// Tests of one process run at once, and none listens yet when the next looks.
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Far from those of a test process with a number close to this one's.
    let first = 20_000 + u16::try_from(u64::from(std::process::id()) * 97 % 10_000).unwrap();
    (0..1000)
        .map(|_| first + TAKEN.fetch_add(1, Ordering::Relaxed))
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| tcp::Listener::bind(*address).is_ok())
        .expect("one of a thousand ports is free")
}

/// A program that a test started: it never outlives the test.
#[derive(Debug)]
pub(crate) struct Running(Option<Child>);

// === impl Running ===

impl Running {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    /// The process, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("only its end takes it")
    }

    /// Waits until it has ended by itself; what it said into pipes that nobody took.
    pub(crate) fn ended(mut self) -> Output {
        let child = self.0.take().expect("only this takes it");
        child.wait_with_output().unwrap()
    }

    /// Sends it the signal of this name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let child = self.0.as_ref().expect("only its end takes it");
        // A child that nobody waited for keeps its number, so this meets no other.
        let kill = format!("kill -{name} {}", child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended already; then there is nothing to kill.
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
