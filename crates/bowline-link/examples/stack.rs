//! A link read from top to bottom: how it is dialed, what limits it has, how death is noticed.
//! The server answers two probes and then hangs, as a process does that is stopped.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use bowline_link::breaker::{BreakerLayer, Breakers};
use bowline_link::codec::{Limits, LineCodec};
use bowline_link::dial_budget::{self, DialBudget, DialBudgetLayer};
use bowline_link::probing::{Probe, Probing, Sorted};
use bowline_link::stall::{self, StallLayer};
use bowline_link::{BoxError, ConnectTimeoutLayer, Dial, Io, Listen, Stamped, tcp};
use bowline_policy::breaker;
use bowline_policy::budget::DialSettings;
use bowline_policy::heartbeat::{Adaptive, Ladder};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio_util::codec::Framed;
use tower::{ServiceBuilder, ServiceExt};

/// The probes of a protocol of lines.
struct Lines;

impl Probe for Lines {
    type Frame = Bytes;

    fn ping(&mut self, next_interval: Duration) -> Bytes {
        format!("PING {}", next_interval.as_millis()).into()
    }

    fn sort(&mut self, line: Bytes) -> Sorted<Bytes> {
        match line.as_ref() {
            b"PONG" => Sorted::Answer,
            _ => Sorted::Item(line),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let server = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_two_probes(listener));

    // Short, so that nobody waits: the defaults begin at a second.
    let ladder = Ladder {
        fast: Duration::from_millis(50),
        start: Duration::from_millis(100),
        steady: Duration::from_millis(400),
        max: Duration::from_secs(25),
    };
    let heartbeat = Adaptive::new(ladder, Duration::from_millis(100), 3)?;

    let stream = dialer(&heartbeat)?
        .oneshot(server.into())
        .await
        .map_err(Into::into)?;
    let stamped = Stamped::new(stream);
    let stamp = stamped.stamp();
    let lines = Framed::new(stamped, LineCodec::new(Limits::default()));
    let mut link = Probing::new(lines, stamp, heartbeat, Lines);
    let pulse = link.pulse();

    let Some(Err(error)) = link.next().await else {
        return Err("a server that hangs says nothing".into());
    };
    println!("{server}: {error}");
    if let Some(why) = std::error::Error::source(&error) {
        println!("  {why}");
    }
    println!("  {} probes, {} unanswered", pulse.probes(), pulse.missed());
    Ok(())
}

/// From the outside in: one deadline for the whole connect; nobody is called who failed five
/// times in a row; all who share the budget dial fifty times a second at most; a write that
/// does not move for half a minute is an error that says so; the kernel goes by the heartbeat.
fn dialer(heartbeat: &Adaptive) -> Result<impl Dial, BoxError> {
    let breakers = Breakers::per_endpoint(breaker::Maker::new(breaker::Settings::new(5)?, 1), 100)?;
    let dials = dial_budget::Settings::new(DialSettings::per_second(50, 10)?, 16)?;
    Ok(ServiceBuilder::new()
        .layer(ConnectTimeoutLayer::new(Duration::from_secs(5)))
        .layer(BreakerLayer::new(breakers))
        .layer(DialBudgetLayer::new(DialBudget::new(dials)))
        .layer(StallLayer::new(stall::Limits::default()))
        .service(tcp::Dialer::new().heartbeat(heartbeat)))
}

async fn serve_two_probes(mut listener: impl Listen) -> Result<(), BoxError> {
    let (stream, _peer) = listener.accept().await?;
    let mut lines = frames(stream);
    for _ in 0..2 {
        lines.next().await.ok_or("hung up")??;
        lines.send("PONG").await?;
    }
    std::future::pending().await
}

fn frames(stream: impl Io) -> Framed<impl Io, LineCodec> {
    Framed::new(stream, LineCodec::new(Limits::default()))
}
