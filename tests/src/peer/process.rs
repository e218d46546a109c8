//! The peer as a process: this very test program, started once more to run the one test that
//! serves. It ends with the test that started it, whatever becomes of that.

use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use bowline_link::Endpoint;
use tempfile::TempDir;

use super::log::{self, Book, Entry, What};
use super::serving::{self, Manner};
use super::until;
use crate::services::{Running, free_address};

/// Tells the process that it is the peer: where, how, its log, and which of its lives this is.
const SERVE: [&str; 4] = ["PEER_ADDRESS", "PEER_MANNER", "PEER_LOG", "PEER_LIFE"];

/// A peer, of which one process or, while it is relieved, two run at a time.
pub(super) struct Peer {
    folder: TempDir,
    address: SocketAddr,
    life: usize,
    process: Option<Process>,
    /// The one before, which has been told to go.
    going: Option<Process>,
}

struct Process {
    running: Running,
    orders: ChildStdin,
}

// === impl Peer ===

impl Peer {
    /// One that serves.
    pub(super) async fn start() -> Self {
        Self::start_as(Manner::Serve).await
    }

    /// One that does as it is told, from the begin.
    pub(super) async fn start_as(manner: Manner) -> Self {
        let mut peer = Self {
            folder: tempfile::tempdir().unwrap(),
            address: free_address(),
            life: 0,
            process: None,
            going: None,
        };
        peer.restart(manner).await;
        peer
    }

    /// Begins its next life where it was, and waits until it listens.
    pub(super) async fn restart(&mut self, manner: Manner) {
        self.life += 1;
        let mut command = Command::new(env::current_exe().unwrap());
        let test = "peer::process::a_process_that_is_told_to_be_the_peer_is";
        command
            .args(["--exact", test, "--nocapture"])
            .env(SERVE[0], self.address.to_string())
            .env(SERVE[1], manner.name())
            .env(SERVE[2], self.path())
            .env(SERVE[3], self.life.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut running = Running::start(&mut command);
        let orders = running.child().stdin.take().expect("it is a pipe");
        self.process = Some(Process { running, orders });
        let life = self.life;
        let listens = |entry: &Entry| entry.life == life && entry.what == What::Listens;
        until(|| self.log().iter().any(listens)).await;
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Tells it to take no more callers, to say so to those it has, and to end when the last
    /// of them has left; and waits until another may listen in its place.
    pub(super) async fn go(&mut self) {
        self.order(Manner::Go);
        self.going = self.process.take();
        let life = self.life;
        let goes = |entry: &Entry| entry.life == life && entry.what == What::Goes;
        until(|| self.log().iter().any(goes)).await;
    }

    /// Waits until the one that was told to go has gone.
    pub(super) async fn gone(&mut self) {
        let going = self.going.as_mut().expect("it was told to go");
        let mut ended = None;
        until(|| {
            ended = going.running.child().try_wait().unwrap();
            ended.is_some()
        })
        .await;
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        self.going = None;
    }

    /// Changes what it does with callers from now on.
    pub(super) fn order(&mut self, manner: Manner) {
        let process = self.process.as_mut().expect("it runs");
        writeln!(process.orders, "{}", manner.name()).unwrap();
    }

    /// Sends it the signal of this name, such as `STOP`.
    pub(super) fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("it runs");
        process.running.signal(name);
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.address.into()
    }

    /// Which of its lives this is.
    pub(super) fn life(&self) -> usize {
        self.life
    }

    pub(super) fn log(&self) -> Vec<Entry> {
        log::read(&self.path())
    }

    /// How often it accepted somebody in this life.
    pub(super) fn accepts(&self) -> usize {
        log::accepts(&self.log(), self.life)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

/// Not a test where nobody says what to serve: the tests beside this one start it.
#[test]
fn a_process_that_is_told_to_be_the_peer_is() {
    let [Some(address), Some(manner), Some(path), Some(life)] = SERVE.map(env::var_os) else {
        return;
    };
    let address = address.to_str().unwrap().parse().unwrap();
    let manner = Manner::of(manner.to_str().unwrap());
    let life = life.to_str().unwrap().parse().unwrap();
    let book = Book::open(Path::new(&path), life);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(serving::serve(address, manner, book));
}
