//! A protocol of lines that publishes and subscribes, as NATS does: `SUB subject`
//! and `PUB subject text` are answered `+OK`, and `MSG subject text` comes when it
//! comes. The server is killed twice; the client subscribes again, in order,
//! before anything else is said. What was published meanwhile is lost: such a
//! protocol keeps nothing.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline::link::{BoxError, Endpoint, Io, Listen, tcp};
use bowline::policy::backoff::{Maker, Schedule};
use bowline::reconnect::{Established, Reconnect, Resumption};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, split};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt, service_fn};

/// How many lines may be on their way in each direction.
const LINES_MAX: usize = 64;

/// Says a line, and waits until the server has taken it.
type Lines = BoxCloneSyncService<String, (), BoxError>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let (mut server, address) = start("127.0.0.1:0".parse()?)?;

    let schedule = Schedule::exponential(Duration::from_millis(20), Duration::from_secs(2))?;
    let maker = Maker::new(schedule, u64::from(std::process::id()));
    let (inbox, mut messages) = mpsc::channel(LINES_MAX);
    let connect = service_fn(move |to| connect(to, inbox.clone()));
    let mut lines = Reconnect::builder(connect, address.into(), &maker)
        .on_session(|lines, context| async move {
            subscribe(lines, ["tide.high", "tide.low"]).await?;
            println!("connection {}: subscribed", context.epoch);
            // This server remembers nothing of us.
            Ok(Resumption::Fresh)
        })
        .build();

    for round in 1..=3 {
        for subject in ["tide.high", "wind", "tide.low"] {
            let line = format!("PUB {subject} {round}");
            lines.ready().await?.call(line).await?;
        }
        for subject in ["tide.high", "tide.low"] {
            let message = messages.recv().await.ok_or("the link is closed")?;
            println!("  {message}");
            assert_eq!(message, format!("{subject} {round}"));
        }
        server.shutdown().await;
        lines.state().wait_for(|state| !state.is_ready()).await?;
        (server, _) = start(address)?;
    }
    Ok(())
}

/// Subscribes in the order given, without waiting for each before the next.
async fn subscribe<const N: usize>(lines: Lines, subjects: [&str; N]) -> Result<(), BoxError> {
    let said = subjects.map(|subject| format!("SUB {subject}"));
    stream::iter(said)
        .map(move |line| lines.clone().oneshot(line))
        .buffered(LINES_MAX)
        .try_collect()
        .await
}

/// Opens a connection whose messages go to `inbox`.
async fn connect(
    to: Endpoint,
    inbox: mpsc::Sender<String>,
) -> Result<Established<Lines>, BoxError> {
    let (read, write) = split(tcp::Dialer::new().oneshot(to).await?);
    let (expect, mut expected) = mpsc::channel::<oneshot::Sender<()>>(LINES_MAX);
    let wire = Arc::new(AsyncMutex::new((write, expect)));
    let lines = service_fn(move |line: String| {
        let wire = Arc::clone(&wire);
        async move {
            let (taken, ok) = oneshot::channel();
            let (write, expect) = &mut *wire.lock().await;
            expect.send(taken).await?;
            write.write_all(format!("{line}\n").as_bytes()).await?;
            Ok::<_, BoxError>(ok)
        }
    });
    let lines = lines.and_then(|ok| async { Ok(ok.await?) });
    Ok(Established::new(Lines::new(lines)).closed(async move {
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(message) = line.strip_prefix("MSG ") {
                inbox.send(message.to_owned()).await.ok();
            } else if let Some(taken) = expected.recv().await {
                taken.send(()).ok();
            }
        }
        "the server hung up"
    }))
}

/// Who wants to hear what.
type Subscribers = Arc<Mutex<Vec<(String, mpsc::Sender<String>)>>>;

fn start(address: SocketAddr) -> Result<(JoinSet<()>, SocketAddr), BoxError> {
    let mut listener = tcp::Listener::bind(address)?;
    let address = listener.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let subscribers = Subscribers::default();
        let mut clients = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            clients.spawn(serve(stream, Arc::clone(&subscribers)));
        }
    });
    Ok((serving, address))
}

async fn serve(stream: impl Io, subscribers: Subscribers) -> Result<(), BoxError> {
    let (read, mut write) = split(stream);
    let (outbox, mut out) = mpsc::channel::<String>(LINES_MAX);
    let mut lines = BufReader::new(read).lines();
    loop {
        tokio::select! {
            biased;
            Some(line) = out.recv() => write.write_all(line.as_bytes()).await?,
            line = lines.next_line() => {
                let Some(line) = line? else {
                    return Ok(());
                };
                outbox.try_send("+OK\n".to_owned())?;
                let all = &mut *subscribers.lock().unwrap_or_else(PoisonError::into_inner);
                match line.split_once(' ') {
                    Some(("SUB", subject)) => all.push((subject.to_owned(), outbox.clone())),
                    Some(("PUB", message)) => {
                        let subject = message.split(' ').next().unwrap_or_default();
                        for (_, to) in all.iter().filter(|(wanted, _)| wanted == subject) {
                            // Who reads too slowly misses it.
                            to.try_send(format!("MSG {message}\n")).ok();
                        }
                    }
                    _ => return Err("neither SUB nor PUB".into()),
                }
            }
        }
    }
}
