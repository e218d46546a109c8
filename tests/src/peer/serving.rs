//! What the peer does: it answers lines with lines, in order, and writes down each that it hears
//! before it does. It knows nothing of the tests but their orders, one line each.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bowline_link::codec::{Error, Limits, LineCodec};
use bowline_link::{Io, Listen, tcp};
use bytes::Bytes;
use futures_util::stream::FuturesOrdered;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::codec::Framed;
use tokio_util::sync::CancellationToken;

use super::log::{Book, What};

/// How long a request takes, so that every kill finds some under way.
const WORK: Duration = Duration::from_millis(5);

/// How far away the rooms are that one may join.
pub(super) const ROUND_TRIP: Duration = Duration::from_millis(50);

/// How long a slow peer looks at a caller before it accepts.
const SLOWNESS: Duration = Duration::from_millis(300);

/// What the peer does with callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Accepts them and answers.
    Serve,
    /// The same, but takes its time to accept.
    Slow,
    /// Leaves them to the kernel, which shakes hands for it.
    Hold,
    /// Accepts them and hangs up.
    Drop,
    /// Welcomes them, answers one request and hangs up.
    Flap,
    /// Takes no more, and ends when those it has have left.
    Go,
}

// === impl Manner ===

impl Manner {
    const ALL: [Self; 6] = [
        Self::Serve,
        Self::Slow,
        Self::Hold,
        Self::Drop,
        Self::Flap,
        Self::Go,
    ];

    /// What it is called in an order.
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(super) fn of(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|manner| manner.name() == name);
        found.unwrap_or_else(|| panic!("no such order: {name:?}"))
    }
}

/// Is the peer, until its orders end or it has gone.
pub(super) async fn serve(address: SocketAddr, mut manner: Manner, book: Book) {
    let mut listener = Some(tcp::Listener::bind(address).unwrap());
    let mut orders = orders();
    let mut talks = JoinSet::new();
    let (book, going) = (Arc::new(book), CancellationToken::new());
    book.write(&What::Listens);
    let mut accepted = 0;
    while listener.is_some() || !talks.is_empty() {
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                // Whoever gave them is gone.
                None => return,
                Some(Manner::Go) => {
                    listener = None;
                    going.cancel();
                    book.write(&What::Goes);
                }
                Some(order) => manner = order,
            },
            stream = accept(&mut listener, manner) => {
                accepted += 1;
                book.write(&What::Accepted(accepted));
                if manner != Manner::Drop {
                    let (book, going) = (Arc::clone(&book), going.clone());
                    let flaps = manner == Manner::Flap;
                    talks.spawn(async move {
                        talk(stream, accepted, &book, flaps, &going).await.ok();
                        book.write(&What::Ended(accepted));
                    });
                }
            }
            Some(_) = talks.join_next(), if !talks.is_empty() => {}
        }
    }
}

async fn accept(listener: &mut Option<tcp::Listener>, manner: Manner) -> TcpStream {
    let Some(listener) = listener.as_mut().filter(|_| manner != Manner::Hold) else {
        return pending().await;
    };
    if manner == Manner::Slow {
        sleep(SLOWNESS).await;
    }
    listener.accept().await.unwrap().0
}

/// Orders as they come in on standard input.
fn orders() -> mpsc::Receiver<Manner> {
    let (give, orders) = mpsc::channel(8);
    thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            give.blocking_send(Manner::of(&line)).ok();
        }
    });
    orders
}

/// Answers one caller until one of both hangs up.
pub(super) async fn talk(
    io: impl Io,
    number: u64,
    book: &Book,
    flaps: bool,
    going: &CancellationToken,
) -> Result<(), Error> {
    let mut frames = Framed::new(io, LineCodec::new(Limits::default()));
    let mut answers = FuturesOrdered::new();
    let mut told = false;
    loop {
        tokio::select! {
            biased;
            () = going.cancelled(), if !told => {
                told = true;
                frames.send(Bytes::from("going")).await?;
            }
            Some(answer) = answers.next(), if !answers.is_empty() => {
                let answer: String = answer;
                book.write(&What::Answered(number, answer.clone()));
                let over = flaps && answer != "welcome";
                frames.send(Bytes::from(answer)).await?;
                if over {
                    return Ok(());
                }
            }
            line = frames.next() => {
                let Some(line) = line else { return Ok(()) };
                let line = String::from_utf8_lossy(&line?).into_owned();
                book.write(&What::Heard(number, line.clone()));
                let (after, answer) = answer(&line);
                let due = Instant::now() + after;
                answers.push_back(async move {
                    sleep_until(due).await;
                    answer
                });
            }
        }
    }
}

/// What to say to `line`, and how long that takes.
fn answer(line: &str) -> (Duration, String) {
    let at_once = |answer: &str| (Duration::ZERO, answer.to_owned());
    match (line, line.split_once(' ')) {
        ("hello", _) => at_once("welcome"),
        ("ping", _) => at_once("pong"),
        (_, Some(("do", id))) => (WORK, format!("done {id}")),
        (_, Some(("join", room))) => (ROUND_TRIP, format!("joined {room}")),
        (_, Some(_) | None) => at_once("what?"),
    }
}
