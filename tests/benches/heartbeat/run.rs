//! The measurement: one policy after the other, and the table.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::heartbeat::{Adaptive, Fixed, Policy};
use bowline_tests::namespace::Namespace;
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};

use crate::links::Links;
use crate::{counters, peer};

/// How many links there are.
const LINKS: usize = 1_000;

/// Until `Adaptive` has climbed to its maximum, with time to spare.
const WARM_UP: Duration = Duration::from_secs(150);

/// Four of the longest intervals.
const WINDOW: Duration = Duration::from_secs(100);

/// Where the peers listen, in a namespace of their own.
const PORT: u16 = 7400;

/// The argument that makes this program the peer.
const PEER: &str = "peer";

/// What one policy came to.
struct Row {
    name: &'static str,
    bound: Duration,
    bytes_per_second: f64,
    probes_per_second: f64,
    cpu_per_10k: Duration,
    delays: Vec<Duration>,
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let work = async {
        match words.as_slice() {
            [PEER, address, name] => peer::serve(address.parse()?, named(name)?).await,
            _ => table().await,
        }
    };
    let ended = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("the heartbeat was not measured (it needs root): {error}");
            ExitCode::FAILURE
        }
    }
}

const ADAPTIVE: &str = "Adaptive, 1 to 25 s";
const FIXED: &str = "Fixed, every 5 s";

fn named(name: &str) -> Result<Policy, BoxError> {
    Ok(match name {
        ADAPTIVE => Adaptive::default().into(),
        FIXED => Fixed::new(Duration::from_secs(5), Duration::from_secs(1), 4)?.into(),
        _ => return Err(format!("no policy is called {name:?}").into()),
    })
}

async fn table() -> Result<(), BoxError> {
    println!(
        "{LINKS} idle links, {} s of warm-up, counted for {} s, each policy by itself",
        WARM_UP.as_secs(),
        WINDOW.as_secs()
    );
    let mut rows = Vec::new();
    for (nth, name) in (0..).zip([ADAPTIVE, FIXED]) {
        rows.push(measure(nth, name).await?);
    }
    println!();
    println!(
        "{:<22} {:>12} {:>10} {:>16} {:>28} {:>8}",
        "policy", "IP bytes/s", "probes/s", "CPU/10k probes", "given up after (half, all)", "bound"
    );
    for row in &rows {
        let half = row.delays.get(row.delays.len() / 2).copied();
        let all = row.delays.last().copied();
        println!(
            "{:<22} {:>12.0} {:>10.1} {:>13.0} ms {:>13.2?}, {:>13.2?} {:>8.2?}",
            row.name,
            row.bytes_per_second,
            row.probes_per_second,
            row.cpu_per_10k.as_secs_f64() * 1e3,
            half.unwrap_or_default(),
            all.unwrap_or_default(),
            row.bound,
        );
    }
    let [adaptive, fixed] = rows.as_slice() else {
        unreachable!("two policies were measured");
    };
    println!(
        "Adaptive costs {:.2} of the bytes of Fixed",
        adaptive.bytes_per_second / fixed.bytes_per_second
    );
    Ok(())
}

async fn measure(nth: u32, name: &'static str) -> Result<Row, BoxError> {
    let policy = named(name)?;
    let namespace = Namespace::make(nth)?;
    let address = SocketAddr::new(namespace.far(), PORT);
    let _peer = Peer::start(&namespace, address, name)?;
    let links = Links::open(LINKS, address, policy).await?;
    sleep(WARM_UP).await;

    let interface = namespace.interface();
    let (bytes, probes) = (counters::ip_bytes(&interface)?, links.probes());
    let (computed, begin) = (counters::computed()?, Instant::now());
    sleep(WINDOW).await;
    let seconds = (Instant::now() - begin).as_secs_f64();
    let bytes = counters::ip_bytes(&interface)? - bytes;
    let probes = links.probes() - probes;
    let computed = counters::computed()? - computed;

    namespace.unplug()?;
    let delays = links.given_up_after(Instant::now()).await;
    println!(
        "{name}: {} of {LINKS} links given up for silence",
        delays.len()
    );
    Ok(Row {
        name,
        bound: policy.silence_max() + policy.tick(),
        bytes_per_second: bytes as f64 / seconds,
        probes_per_second: probes as f64 / seconds,
        cpu_per_10k: computed.mul_f64(10_000.0 / probes as f64),
        delays,
    })
}

/// The peers' process; dropped, it is killed.
struct Peer(Child);

impl Peer {
    /// Starts this very program as the peer, and waits until it listens.
    fn start(namespace: &Namespace, address: SocketAddr, name: &str) -> Result<Self, BoxError> {
        let [ip, prefix @ ..] = namespace.prefix();
        let mut child = Command::new(ip)
            .args(prefix)
            .arg(env::current_exe()?)
            .args([PEER, &address.to_string(), name])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let peer = Self(child);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim() {
            "ready" => Ok(peer),
            other => Err(format!("the peer is not ready: {other:?}").into()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
