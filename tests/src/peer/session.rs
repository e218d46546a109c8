//! Our side of a connection to the peer: requests out, answers in, in order, and a heartbeat.
//! What was not written when the connection ended is said not to have been sent.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::codec::{Limits, LineCodec};
use bowline_link::probing::{Probe, Probing, Sorted};
use bowline_link::{BoxError, Connect, Dial, Endpoint, Io, Stamped};
use bowline_policy::heartbeat::Fixed;
use bowline_reconnect::{Established, Hint, NotSent};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio_util::codec::Framed;
use tokio_util::sync::PollSender;
use tower::{Service, ServiceExt, service_fn};

/// How many requests may wait to be written, and how many to be answered.
const QUEUE: usize = 128;

/// When to leave a peer that says that it goes: long enough for another to start in its place.
const LEAVE: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// A connection as its callers see it.
#[derive(Clone)]
pub(super) struct Session {
    asks: PollSender<Ask>,
}

struct Ask {
    line: String,
    answer: oneshot::Sender<Result<String, BoxError>>,
}

/// How many connections there are at once, from the begin of the dial to the end.
#[derive(Debug, Default)]
pub(super) struct Tally {
    open: AtomicUsize,
    most: AtomicUsize,
}

struct Ticket(Arc<Tally>);

/// What the peer understands as a probe.
struct Ping;

type Frames<I> = Probing<Framed<Stamped<I>, LineCodec>, Ping>;

/// Opens sessions over whatever `dialer` opens.
pub(super) fn over<D: Dial>(
    dialer: D,
    tally: &Arc<Tally>,
    heartbeat: Fixed,
) -> impl Connect<Connection = Established<Session>> + use<D> {
    let tally = Arc::clone(tally);
    service_fn(move |to: Endpoint| {
        let (dialer, ticket) = (dialer.clone(), Ticket::new(&tally));
        async move {
            let io = dialer.oneshot(to).await.map_err(Into::into)?;
            Ok::<_, BoxError>(established(io, heartbeat, ticket))
        }
    })
}

fn established<I: Io>(io: I, heartbeat: Fixed, ticket: Ticket) -> Established<Session> {
    let stamped = Stamped::new(io);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, LineCodec::new(Limits::default()));
    let frames = Probing::new(frames, stamp.clone(), heartbeat, Ping);
    let (asks, asked) = mpsc::channel(QUEUE);
    let (say_going, going) = oneshot::channel();
    let session = Session {
        asks: PollSender::new(asks),
    };
    Established::new(session)
        .closed(async move {
            let ended = talk(frames, asked, say_going).await;
            drop(ticket);
            ended
        })
        .heard(move || stamp.heard())
        .going(async move {
            match going.await {
                Ok(()) => Hint::default().window(LEAVE[0], LEAVE[1]),
                Err(_) => pending().await,
            }
        })
}

/// Writes what is asked and hands out what is answered, until the connection ends.
async fn talk<I: Io>(
    frames: Frames<I>,
    mut asked: mpsc::Receiver<Ask>,
    say_going: oneshot::Sender<()>,
) -> BoxError {
    let stamp = frames.stamp().clone();
    let (mut write, mut read) = frames.split();
    let (wait, mut waiting) = mpsc::channel(QUEUE);
    let mut say_going = Some(say_going);
    let writing = async {
        while let Some(Ask { line, answer }) = asked.recv().await {
            // From here on it may arrive.
            wait.send(answer).await?;
            write.send(Bytes::from(line)).await?;
        }
        // Nobody asks any more; there may be answers to come.
        pending::<Result<(), BoxError>>().await
    };
    let reading = async {
        let mut expecting = VecDeque::new();
        while let Some(line) = read.next().await {
            let line = String::from_utf8_lossy(&line?).into_owned();
            while let Ok(answer) = waiting.try_recv() {
                expecting.push_back(answer);
            }
            match line.as_str() {
                "going" => {
                    // Whoever is being left already need not know.
                    say_going.take().map(|say| say.send(()).ok());
                    continue;
                }
                "welcome" => stamp.handshake_done(),
                _ => {}
            }
            let answer: oneshot::Sender<_> = expecting.pop_front().ok_or("an answer to nothing")?;
            // Its caller may have given up.
            answer.send(Ok(line)).ok();
        }
        Err(BoxError::from("the peer hung up"))
    };
    let ended = tokio::select! {
        biased;
        ended = reading => ended,
        ended = writing => ended,
    };
    asked.close();
    while let Ok(Ask { answer, .. }) = asked.try_recv() {
        answer
            .send(Err(NotSent("it was still waiting".into()).into()))
            .ok();
    }
    ended
        .err()
        .unwrap_or_else(|| "there is no end without a reason".into())
}

// === impl Session ===

impl Service<String> for Session {
    type Response = String;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<String, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.asks
            .poll_reserve(cx)
            .map_err(|_| "the connection ended".into())
    }

    fn call(&mut self, line: String) -> Self::Future {
        let (answer, answered) = oneshot::channel();
        let asked = self.asks.send_item(Ask { line, answer });
        Box::pin(async move {
            asked.map_err(|_| NotSent("the connection ended".into()))?;
            match answered.await {
                Ok(answer) => answer,
                // The end of the connection is for the link to tell.
                Err(_) => pending().await,
            }
        })
    }
}

// === impl Tally ===

impl Tally {
    /// The most there ever were at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

// === impl Ticket ===

impl Ticket {
    fn new(tally: &Arc<Tally>) -> Self {
        let open = tally.open.fetch_add(1, Ordering::SeqCst) + 1;
        tally.most.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(tally))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

// === impl Ping ===

impl Probe for Ping {
    type Frame = Bytes;

    fn ping(&mut self, _next_interval: Duration) -> Bytes {
        Bytes::from_static(b"ping")
    }

    fn sort(&mut self, line: Bytes) -> Sorted<Bytes> {
        match line.as_ref() {
            b"pong" => Sorted::Answer,
            _ => Sorted::Item(line),
        }
    }
}
