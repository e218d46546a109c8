//! A redis-server of the test's own, over TCP or TLS, that keeps its port when it is killed.
//! It keeps nothing else: after a restart its data are gone.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll, Waker};

use bowline_link::tls::{self, Client};
use bowline_link::{BoxError, Endpoint, tcp};
use bowline_pool::{Death, Pool, Reuse, Settings};
use redis::{Cmd, RedisConnectionInfo, Value};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::example::session::{Session, Sessions};
use super::{PATIENCE, Seen};
use crate::services::{Running, program};
use crate::tls::{Ca, Issued, Time};

/// Ports from which the kernel chooses none for a caller. On a port of those, somebody who
/// calls a server that is away may be given that very port, and talk to himself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// How often another port is tried, since somebody else may listen on it.
const STARTS: usize = 20;

/// One that dies with the test.
pub(super) struct Server {
    program: PathBuf,
    port: u16,
    papers: Option<Papers>,
    running: Option<Running>,
}

/// What a server over TLS shows, and who signed it.
struct Papers {
    ca: Ca,
    shown: Issued,
}

pub(super) type Connector = BoxCloneSyncService<Endpoint, Session, BoxError>;

// === impl Server ===

impl Server {
    /// Starts one over TCP, and waits until it serves; `None` where the tests run without.
    pub(super) fn start() -> Option<Self> {
        Self::serve(None)
    }

    /// Starts one over TLS whose certificate is for `host`.
    pub(super) fn start_tls(host: &str) -> Option<Self> {
        let ca = Ca::new()?;
        let shown = ca.issue(1, host, Time::Now);
        Self::serve(Some(Papers { ca, shown }))
    }

    fn serve(papers: Option<Papers>) -> Option<Self> {
        let mut server = Self {
            program: program("redis-server", "redis-server")?,
            port: 0,
            papers,
            running: None,
        };
        for _ in 0..STARTS {
            server.port = some_port();
            server.running = server.launch();
            if server.running.is_some() {
                return Some(server);
            }
        }
        panic!("redis-server would not listen on any of {STARTS} ports");
    }

    /// Ends it as `kill -9` does.
    pub(super) fn kill(&mut self) {
        drop(self.running.take());
    }

    /// Starts it again where it was.
    pub(super) fn restart(&mut self) {
        self.running = self.launch();
        assert!(self.running.is_some(), "port {} is taken", self.port);
    }

    /// Sends it the signal of this name, such as `STOP`.
    pub(super) fn signal(&self, name: &str) {
        let running = self.running.as_ref();
        running.expect("it has not been killed").signal(name);
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        self.endpoint_at("127.0.0.1")
    }

    /// The same by another of its names.
    pub(super) fn endpoint_at(&self, host: &str) -> Endpoint {
        Endpoint::new(host, self.port)
    }

    /// Where the certificate of who signed for it lies.
    pub(super) fn ca(&self) -> PathBuf {
        let papers = self.papers.as_ref();
        papers.expect("it speaks TLS").ca.path("ca.pem")
    }

    pub(super) fn connector(&self) -> Connector {
        let tcp = tcp::Dialer::new();
        let info = RedisConnectionInfo::default();
        match &self.papers {
            None => BoxCloneSyncService::new(Sessions::new(tcp, info, PATIENCE)),
            Some(papers) => {
                let connector = Client::new(papers.ca.roots()).build().unwrap();
                let tls = tls::Dialer::new(tcp, connector);
                BoxCloneSyncService::new(Sessions::new(tls, info, PATIENCE))
            }
        }
    }

    pub(super) fn pool(&self, settings: Settings, seen: &Arc<Seen>) -> Pool<Session> {
        let seen = Arc::clone(seen);
        Pool::observed(self.connector(), self.endpoint(), settings, seen)
    }

    /// A session of its own, beside every pool.
    pub(super) async fn session(&self) -> Session {
        self.connector().oneshot(self.endpoint()).await.unwrap()
    }

    /// Starts it and waits until it serves; `None` if it ended instead.
    fn launch(&self) -> Option<Running> {
        let port = self.port.to_string();
        let mut command = Command::new(&self.program);
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        match &self.papers {
            None => command.args(["--port", &port]),
            Some(Papers { ca, shown }) => command
                .args(["--port", "0", "--tls-port", &port])
                .args(["--tls-auth-clients", "no", "--tls-cert-file"])
                .arg(&shown.chain)
                .arg("--tls-key-file")
                .arg(&shown.key)
                .arg("--tls-ca-cert-file")
                .arg(ca.path("ca.pem")),
        };
        let mut redis = Running::start(command.stdout(Stdio::piped()));
        let stdout = redis.child().stdout.take().unwrap();
        let ready = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("Ready to accept connections"));
        ready.then_some(redis)
    }
}

/// What redis answers to `words`.
pub(super) async fn say(session: &mut Session, words: &str) -> Value {
    command(words).query_async(session).await.unwrap()
}

pub(super) fn command(words: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in words.split(' ') {
        command.arg(word);
    }
    command
}

/// What a pool would see of a parked session.
pub(super) fn look(session: &mut Session) -> Poll<Death> {
    session.poll_closed(&mut Context::from_waker(Waker::noop()))
}

/// A port that nobody listened on a moment ago.
fn some_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let most = u32::from(PORTS.end - PORTS.start);
    loop {
        let nth = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        // Far from those of a test process with a number close to this one's.
        let port = PORTS.start + u16::try_from((std::process::id() * 97 + nth) % most).unwrap();
        #[expect(
            clippy::disallowed_methods,
            reason = "asks the kernel about a number; the socket is closed at once"
        )]
        let probe = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        if probe.is_ok() {
            return port;
        }
    }
}
