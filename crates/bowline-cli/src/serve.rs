//! `bowline serve`: gives the server its sockets, its store, its clock and its
//! signals, and tells a person what to do next.

mod data;
mod greeting;

use std::env;
use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::metrics::{CATALOGUE, ServerMetrics};
use bowline_chat::server::{Environment, Server, Settings, Traced};
use bowline_chat::store::{Committer, Memory, OpenError, Redb, Retention, Store};
use bowline_link::codec::Limits;
use bowline_link::{Listen, SystemClock, tcp};
use bowline_policy::heartbeat::Fixed;
use bowline_telemetry::Registry;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::secrets::secrets;
use crate::signals::Stop;
use crate::{errors, logging};
use greeting::{Greeting, History};

/// Where the chat is unless told.
const LISTEN: &str = "127.0.0.1:7400";

/// Where the metrics are unless told.
const METRICS: &str = "127.0.0.1:7401";

/// How long a connection may be quiet before it is probed: below the 30 s after which
/// the most impatient of home routers and proxies forget one.
const PING_INTERVAL: Duration = Duration::from_secs(25);

/// How long an answer to a probe may take: several times the slowest mobile round trip.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How many answers may be missing.
const PING_MISSES: u32 = 2;

/// Serves the chat until Ctrl-C or SIGTERM; a second one stops it at once.
///
/// It prints where everything is once clients can connect. When it stops it tells its
/// clients to come back later and finishes what it has begun. A server that is killed
/// loses nothing it acknowledged, unless --memory was asked for.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where clients connect, as address:port; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    listen: SocketAddr,

    /// Where Prometheus finds /metrics; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = METRICS)]
    metrics: SocketAddr,

    /// The folder for the history [default: bowline in $XDG_DATA_HOME or ~/.local/share].
    #[arg(long, value_name = "DIR", conflicts_with = "memory")]
    data: Option<PathBuf>,

    /// Keep the history in memory: it ends with the process.
    #[arg(long)]
    memory: bool,

    /// Let guests, of whom nobody knows who they are, in from other machines.
    #[arg(long)]
    allow_guests: bool,
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum Error {
    #[error(
        "--listen {address} would let anybody who reaches this machine in, under any name: add --allow-guests if that is meant, or listen on 127.0.0.1 or [::1]"
    )]
    Guests { address: SocketAddr },
    #[error(
        "--metrics {address} would show them to anybody who reaches this machine: they are for it alone, on 127.0.0.1 or [::1]"
    )]
    PublicMetrics { address: SocketAddr },
    #[error("clients cannot be served (--listen)")]
    Listen(#[source] tcp::BindError),
    #[error("metrics cannot be served (--metrics)")]
    Metrics(#[source] tcp::BindError),
    #[error(transparent)]
    Data(#[from] data::Error),
    #[error("the history could not be opened (--data)")]
    Store(#[from] OpenError),
    #[error("the server could not start")]
    Start(#[from] io::Error),
}

/// The two listeners, bound.
struct Listeners {
    chat: tcp::Listener,
    metrics: tcp::Listener,
}

// === impl Args ===

impl Args {
    /// What no arguments at all mean.
    pub(crate) fn defaults() -> Self {
        Self {
            listen: LISTEN.parse().expect("the constant is an address"),
            metrics: METRICS.parse().expect("the constant is an address"),
            data: None,
            memory: false,
            allow_guests: false,
        }
    }
}

/// Runs the server to its end.
pub(crate) fn main(args: Args) -> ExitCode {
    if let Err(error) = logging::start("warn") {
        errors::report(&error);
        return ExitCode::FAILURE;
    }
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            errors::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<(), Error> {
    if !args.listen.ip().is_loopback() && !args.allow_guests {
        return Err(Error::Guests {
            address: args.listen,
        });
    }
    if !args.metrics.ip().is_loopback() {
        return Err(Error::PublicMetrics {
            address: args.metrics,
        });
    }
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let stop = Stop::on_signals()?;
        // Before the store: when a server runs already, its port says so best.
        let listeners = Listeners::bind(&args)?;
        let retention = Retention::default();
        if args.memory {
            let store = Memory::new(retention, Box::new(secrets()));
            serve(listeners, store, History::Memory, stop).await
        } else {
            let file = data::file(args.data)?;
            let store = Redb::open(&file, retention, Box::new(secrets()))?;
            serve(listeners, store, History::Durable(file), stop).await
        }
    })
}

async fn serve(
    listeners: Listeners,
    store: impl Store,
    history: History,
    mut stop: Stop,
) -> Result<(), Error> {
    let Listeners { chat, metrics } = listeners;
    let greeting = Greeting {
        chat: chat.local_addr()?,
        metrics: metrics.local_addr()?,
        history,
        program: program(),
    };
    let catalogue = [bowline_telemetry::catalogue(), CATALOGUE.to_vec()].concat();
    let registry = Registry::new(&catalogue);
    let settings = Settings::new(Limits::default(), heartbeat())
        .expect("the defaults do not contradict each other");
    let environment = Environment {
        wall: Arc::new(SystemClock),
        secrets: Arc::new(Mutex::new(secrets())),
        observer: Arc::new((ServerMetrics::new(registry.recorder()), Traced)),
    };
    let mut beside = JoinSet::new();
    beside.spawn(bowline_telemetry::serve(metrics, registry, pending()));
    let server = Server::new(Committer::thread(store)?, settings, environment);
    greet(&greeting);
    server
        // Borrows `stop`: taken into the block it would end with it, and nobody
        // would hear the second signal.
        .serve(chat, async {
            stop.asked().await;
            tell("bowline: stopping; once more stops at once");
        })
        .await;
    // To the last, so that a scrape can see how it ended.
    beside.shutdown().await;
    tell("bowline: stopped");
    Ok(())
}

fn heartbeat() -> Fixed {
    Fixed::new(PING_INTERVAL, PING_TIMEOUT, PING_MISSES).expect("the timeout is below the interval")
}

fn greet(greeting: &Greeting) {
    let mut out = io::stdout().lock();
    // A server without an audience serves all the same.
    let _unheard = out
        .write_all(greeting.to_string().as_bytes())
        .and_then(|()| out.flush());
}

fn tell(line: &str) {
    let _unheard = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// How this program is called from where it was called.
fn program() -> String {
    if env::var_os("CARGO").is_some() {
        return "cargo run --release --".to_owned();
    }
    let called = env::args().next().unwrap_or_default();
    match called.is_empty() || called.contains(char::is_whitespace) {
        true => "bowline".to_owned(),
        false => called,
    }
}

// === impl Listeners ===

impl Listeners {
    fn bind(args: &Args) -> Result<Self, Error> {
        let chat = tcp::Listener::bind(args.listen).map_err(Error::Listen)?;
        let metrics = tcp::Listener::bind(args.metrics).map_err(Error::Metrics)?;
        Ok(Self {
            // The kernel gives a peer up no sooner than the heartbeat does.
            chat: chat.heartbeat(&heartbeat()),
            metrics,
        })
    }
}
