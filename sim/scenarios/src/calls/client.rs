//! The side that calls: many calls at once over one connection, answers matched by id. When
//! the connection ends every call ends; it is never replaced, nor any call repeated.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bowline_link::probing::{Error as Probed, Probing};
use bowline_link::{BoxError, Io, Stamp, Stamped, WallClock};
use bowline_policy::heartbeat::Fixed;
use bowline_sim::history::Id;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::codec::Framed;
use tokio_util::sync::PollSemaphore;
use tower_service::Service;

use super::frame::{Codec, Frame, Kind, Probes};
use super::{Appended, Call, Error, Hello, Met, Welcome, Wish};

/// Calls the peer of one connection. Clones call the same.
///
/// It is ready while fewer than the limit of calls are in flight. A call that its caller
/// gave up counts until its answer came: the peer still owes it.
///
/// # Cancellation
///
/// Dropping a call disturbs no other. Its request may still be sent.
#[derive(Debug)]
pub struct Calls {
    queue: mpsc::UnboundedSender<Asked>,
    permits: PollSemaphore,
    permit: Option<OwnedSemaphorePermit>,
}

/// A call in flight.
pub type Calling = Pin<Box<dyn Future<Output = Result<Appended, Error>> + Send>>;

/// The connection itself, which does nothing unless [`run`](Self::run).
///
/// Dropping it, before or while it runs, closes it: every call then fails, those of which
/// nothing was sent with [`Error::Unsent`].
#[derive(Debug)]
pub struct Connection<I: Io> {
    frames: Frames<I>,
    stamp: Stamp,
    desk: Desk,
    going: oneshot::Sender<Wish>,
    notice: Option<oneshot::Receiver<Wish>>,
}

/// The calls of a connection that is over. Dropping it fails them.
#[derive(Debug)]
pub struct Kept {
    _desk: Desk,
}

type Frames<I> = Probing<Framed<Stamped<I>, Codec>, Probes>;

/// Something to send, and who waits for the answer.
#[derive(Debug)]
struct Asked {
    frame: Frame,
    answer: oneshot::Sender<Result<u64, Error>>,
    /// Given back with the answer. There is none for a greeting.
    permit: Option<OwnedSemaphorePermit>,
}

/// What was asked: first in the queue, then in flight. Whoever drops it fails all of it.
#[derive(Debug)]
struct Desk {
    queue: mpsc::UnboundedReceiver<Asked>,
    flight: Arc<Mutex<Flight>>,
    permits: Arc<Semaphore>,
}

type Flight = BTreeMap<(u8, Id), Asked>;

/// Begins to call over `io`, at most `in_flight_max` calls at once (one is one after the
/// other), and to probe the peer as `heartbeat` says. [`Calls::greet`] must come first.
///
/// # Panics
///
/// Outside of a tokio runtime with a clock.
pub fn open<I: Io>(io: I, heartbeat: Fixed, in_flight_max: usize) -> (Calls, Connection<I>) {
    let io = Stamped::new(io);
    let stamp = io.stamp();
    let frames = Framed::new(io, Codec);
    let frames = Probing::new(frames, stamp.clone(), heartbeat, Probes);
    // Bounded by the permits, and one greeting.
    let (asking, queue) = mpsc::unbounded_channel();
    let permits = Arc::new(Semaphore::new(in_flight_max));
    let calls = Calls {
        queue: asking,
        permits: PollSemaphore::new(Arc::clone(&permits)),
        permit: None,
    };
    let desk = Desk {
        queue,
        flight: Arc::default(),
        permits,
    };
    let (going, notice) = oneshot::channel();
    let connection = Connection {
        frames,
        stamp,
        desk,
        going,
        notice: Some(notice),
    };
    (calls, connection)
}

// === impl Calls ===

impl Calls {
    /// Says whose connection this is, and learns whether the peer has met that session.
    ///
    /// # Errors
    ///
    /// When the connection ended first.
    pub fn greet(&self, session: Id) -> impl Future<Output = Result<Met, Error>> + Send + use<> {
        let hello = Hello {
            session,
            token: 0,
            promised: 0,
        };
        let welcome = self.resume(hello);
        async move { Ok(welcome.await?.met) }
    }

    /// The same, to continue what a token stands for.
    ///
    /// # Errors
    ///
    /// When the connection ended first, or the peer turned us away.
    pub fn resume(
        &self,
        hello: Hello,
    ) -> impl Future<Output = Result<Welcome, Error>> + Send + use<> {
        let Hello {
            session,
            token,
            promised,
        } = hello;
        let number = token << 8 | u64::from(promised);
        let answer = self.ask(Frame::new(Kind::Hello, session, number), None);
        async move {
            let number = answer.await?;
            Ok(Welcome {
                met: Met::of(number),
                token: number >> 1,
            })
        }
    }

    /// Joins what stands at `place`, and learns that it has. One at a time for each place.
    ///
    /// # Errors
    ///
    /// When the connection ended first.
    pub fn join(&self, place: u64) -> impl Future<Output = Result<(), Error>> + Send + use<> {
        let answer = self.ask(Frame::new(Kind::Join, Id(place.into()), place), None);
        async move { answer.await.map(drop) }
    }

    fn ask(
        &self,
        frame: Frame,
        permit: Option<OwnedSemaphorePermit>,
    ) -> impl Future<Output = Result<u64, Error>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked {
            frame,
            answer,
            permit,
        };
        let queued = self.queue.send(asked).is_ok();
        async move {
            match queued {
                true => answered.await.unwrap_or(Err(Error::Ended)),
                false => Err(Error::Unsent),
            }
        }
    }
}

impl Service<Call> for Calls {
    type Response = Appended;
    type Error = Error;
    type Future = Calling;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.queue.is_closed() {
            return Poll::Ready(Err(Error::Unsent));
        }
        if self.permit.is_none() {
            let permit = ready!(self.permits.poll_acquire(cx));
            self.permit = Some(permit.ok_or(Error::Unsent)?);
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// Unless it was ready.
    fn call(&mut self, Call { id, padding }: Call) -> Calling {
        let permit = self.permit.take().expect("poll_ready comes first");
        let ask = Frame {
            padding,
            ..Frame::new(Kind::Ask, id, 0)
        };
        let answer = self.ask(ask, Some(permit));
        Box::pin(async move {
            let offset = answer.await?;
            Ok(Appended { offset })
        })
    }
}

impl Clone for Calls {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            permits: self.permits.clone(),
            permit: None,
        }
    }
}

// === impl Connection ===

impl<I: Io> Connection<I> {
    /// Looks for jumps of the wall clock too.
    #[must_use]
    pub fn with_wall_clock(self, clock: Arc<dyn WallClock>) -> Self {
        let frames = self.frames.with_wall_clock(clock);
        Self { frames, ..self }
    }

    /// Completes when the peer says that it will go, and never where it does not. To be asked
    /// for once.
    ///
    /// # Cancellation
    ///
    /// What is dropped before it completes hears nothing.
    pub fn going(&mut self) -> impl Future<Output = Wish> + Send + use<I> {
        let notice = self.notice.take();
        async move {
            match notice {
                Some(notice) => match notice.await {
                    Ok(wish) => wish,
                    Err(_) => std::future::pending().await,
                },
                None => std::future::pending().await,
            }
        }
    }

    /// When bytes came and went.
    pub fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    /// Sends and receives until the connection is over, and says why it is: an
    /// [`io::Error`], or a [`Death`](bowline_policy::heartbeat::Death).
    ///
    /// # Cancellation
    ///
    /// As dropping the connection.
    pub async fn run(self) -> BoxError {
        let (over, kept) = self.run_and_keep().await;
        drop(kept);
        over
    }

    /// The same, but what nobody answered stays open, and nobody hears of the end, until what
    /// is kept is dropped.
    ///
    /// # Cancellation
    ///
    /// As dropping the connection.
    pub async fn run_and_keep(self) -> (BoxError, Kept) {
        let Self {
            frames,
            mut desk,
            going,
            ..
        } = self;
        let flight = Arc::clone(&desk.flight);
        let (sink, stream) = frames.split();
        let over = tokio::select! {
            biased;
            over = hear(stream, &flight, going) => over,
            over = desk.send(sink) => over,
        };
        (over, Kept { _desk: desk })
    }
}

async fn hear<I: Io>(
    mut frames: SplitStream<Frames<I>>,
    flight: &Mutex<Flight>,
    going: oneshot::Sender<Wish>,
) -> BoxError {
    let mut going = Some(going);
    loop {
        let frame = match frames.next().await {
            Some(Ok(frame)) => frame,
            Some(Err(Probed::Dead(death))) => return death.into(),
            Some(Err(error)) => return error.into(),
            None => return io::Error::from(io::ErrorKind::UnexpectedEof).into(),
        };
        let wish = || Wish::unpack(frame.number);
        let (asked, answered) = match frame.kind {
            Kind::Answer => (Kind::Ask, Ok(frame.number)),
            Kind::Welcome => (Kind::Hello, Ok(frame.number)),
            Kind::Later => (Kind::Hello, Err(Error::Later(wish()))),
            Kind::Stranger => (Kind::Hello, Err(Error::Stranger)),
            Kind::Joined => (Kind::Join, Ok(frame.number)),
            Kind::Going => {
                // Nobody may listen; only the first counts.
                if let Some(going) = going.take() {
                    let _ = going.send(wish());
                }
                continue;
            }
            Kind::Hello | Kind::Ask | Kind::Join | Kind::Ping | Kind::Pong => {
                return "the peer answers what nobody asks".into();
            }
        };
        // Nobody may wait any more: then the answer is dropped.
        if let Some(Asked { answer, permit, .. }) = lock(flight).remove(&(asked as u8, frame.id)) {
            let _ = answer.send(answered);
            drop(permit);
        }
    }
}

// === impl Desk ===

impl Desk {
    async fn send<I: Io>(&mut self, mut sink: SplitSink<Frames<I>, Frame>) -> BoxError {
        loop {
            let Some(asked) = self.queue.recv().await else {
                // No handle is left, and none can come: what is in flight goes on.
                return std::future::pending().await;
            };
            if asked.answer.is_closed() {
                continue;
            }
            let frame = asked.frame;
            lock(&self.flight).insert((frame.kind as u8, frame.id), asked);
            if let Err(error) = sink.send(frame).await {
                return error.into();
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.permits.close();
        self.queue.close();
        while let Ok(asked) = self.queue.try_recv() {
            let _ = asked.answer.send(Err(Error::Unsent));
        }
        lock(&self.flight).clear();
    }
}

fn lock(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    // No insert or remove is ever half done.
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}
