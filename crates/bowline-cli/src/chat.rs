//! `bowline chat`: a client for terminals and scripts. The client library decides
//! everything about delivery; this shows it.

mod error;
mod input;
mod lines;
mod output;
mod screen;
mod talk;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::client::{self, Client, JoinError};
use bowline_chat::protocol::{JoinFrom, NAME_BYTES_MAX, is_name};
use bowline_link::{Endpoint, SystemClock, tcp};
use bowline_policy::backoff::{Maker, Schedule};
use tokio::runtime::Builder;

use crate::secrets::{jitter_seed, secrets};
use crate::signals::Stop;
use crate::{errors, logging};
use error::Error;
use lines::Notice;
use output::{Format, Output};
use talk::{Settings, Talk};

/// The first delays are about this long: a server that restarts is back that soon.
const BACKOFF_BASE: Duration = Duration::from_millis(250);

/// No delay is longer: a person waits that long without giving up.
const BACKOFF_CAP: Duration = Duration::from_secs(10);

/// The first attempt after a loss comes at any time within this, so that the clients
/// of one server do not all return in the same moment.
const BACKOFF_SPLAY: Duration = Duration::from_secs(1);

/// The longest linger: a year.
const LINGER_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Talks in a room: publishes each line of the input, shows each message.
///
/// At the end of the input it waits until every line is acknowledged, lingers as long
/// as --linger says, and leaves. When the connection is lost it comes back by itself
/// and misses nothing.
///
/// Messages go to standard output as `nick: text`; control characters in them are
/// spelt out, and the later lines of a message are indented. Notices go to standard
/// error.
///
/// With --json each message is an object with room, epoch (16 hex digits), offset,
/// prev, msg_id (32 hex digits), from, guest (only if true), ts (milliseconds since
/// 1970), and body or, where that is not UTF-8, body_b64. Each notice is an object too,
/// with its name in `notice`:
///
///   connected    server, user, durable, again
///   joined       room, epoch, offset, count, since (the position before), recovered;
///                these two are null on a first join
///   lost         reason
///   retrying     attempt, after_ms, reason
///   parked       reason
///   join_refused room, code, reason
///   published    line, msg_id, body or body_b64
///   acked        line, room, epoch, offset, msg_id, duplicate
///   failed       line, msg_id, published ("no" or "unknown"), reason
///   error        reason
///
/// The exit code is 1 when a line was not acknowledged.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The server to talk to, as host:port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    server: Endpoint,

    /// What to be called.
    #[arg(long, value_name = "NAME", value_parser = name)]
    nick: String,

    /// The room to talk in.
    #[arg(long, default_value = "lobby", value_parser = name)]
    room: String,

    /// Write JSON, one object per line.
    #[arg(long)]
    json: bool,

    /// How long to stay after the input has ended and every line is acknowledged.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds, allow_negative_numbers = true)]
    linger: Duration,
}

/// Runs the client to its end.
pub(crate) fn main(args: Args) -> ExitCode {
    // What a person should know is told by notices.
    if let Err(error) = logging::start("error") {
        errors::report(&error);
        return ExitCode::FAILURE;
    }
    let format = if args.json {
        Format::Json
    } else {
        Format::Plain
    };
    let (output, errors) = match start(args, format) {
        Ok(done) => done,
        Err(error) => (Output::new(format), vec![error]),
    };
    for error in &errors {
        output.notice_alone(&Notice::Error {
            reason: errors::chain(error),
        });
    }
    match errors.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn start(args: Args, format: Format) -> Result<(Output, Vec<Error>), Error> {
    // One worker: this thread writes, the worker runs the client and hears signals
    // even while a write waits.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let done = runtime.block_on(talk(args, format));
    // Not waiting for the resolver, which cannot be called back.
    runtime.shutdown_background();
    done
}

async fn talk(args: Args, format: Format) -> Result<(Output, Vec<Error>), Error> {
    let stop = Stop::on_signals()?;
    let settings = client::Settings::new(args.nick, Maker::new(schedule(), jitter_seed()))
        .wall_clock(Arc::new(SystemClock));
    let dialer = tcp::Dialer::new();
    let server = args.server.to_string();
    let secrets = Arc::new(Mutex::new(secrets()));
    let (client, events) = Client::start(dialer, args.server, settings, secrets)?;
    match client.join(&args.room, JoinFrom::Live).await {
        Ok(()) => {}
        Err(JoinError::BadName(error)) => return Err(error.into()),
        Err(_) => return Err(Error::Ended),
    }
    if format == Format::Plain && io::stdin().is_terminal() {
        let hint = "* type a line and press Enter to say it; Ctrl-D or Ctrl-C leaves\n";
        let _unread = io::stderr().write_all(hint.as_bytes());
    }
    let lines = input::lines()?;
    let settings = Settings {
        room: args.room,
        server,
        linger: args.linger,
    };
    let talk = Talk::new(client, settings, Output::new(format));
    Ok(talk.run(events, lines, stop).await)
}

fn schedule() -> Schedule {
    Schedule::exponential(BACKOFF_BASE, BACKOFF_CAP)
        .and_then(|schedule| schedule.splay(BACKOFF_SPLAY))
        .expect("the base and the splay are below the cap")
}

fn name(text: &str) -> Result<String, String> {
    match is_name(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a name has 1 to {NAME_BYTES_MAX} bytes, no control characters, no blank at its ends"
        )),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|linger| *linger <= LINGER_MAX)
        .ok_or_else(|| format!("not a number of seconds from 0 to {}", LINGER_MAX.as_secs()))
}
