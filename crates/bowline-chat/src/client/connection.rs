//! Connecting: dial, say HELLO, and start the task that owns the stream.
//!
//! The task writes requests, hands answers and messages over, and answers probes
//! before anything else. The server probes; this side times out by silence.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::alive::{Alive, Liveness};
use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bowline_link::{BoxError, Dial, Endpoint, Io, WallClock};
use bowline_policy::heartbeat::Fixed;
use bowline_reconnect::Established;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tower_service::Service;

use super::session::{Answer, Ask, Asked, ConnectionError, Inbound, Session, Welcomed};
use crate::protocol::{
    Close, CloseCode, Hello, Join, Publish, Reply, Request, RoomRef, VERSION, Welcome, Wire,
    WireCodec,
};
use crate::pump::{Pump, Step};

/// How many requests may wait for the stream; the server grants how many may be
/// unanswered.
const ASKS_MAX: usize = 64;

/// How many bytes of answers to probes may wait for the stream.
const PONG_BYTES_MAX: usize = 1024;

/// Opens connections that have been welcomed.
#[derive(Clone)]
pub(super) struct Connector<D> {
    pub(super) dial: D,
    pub(super) nick: Arc<str>,
    pub(super) wall: Option<Arc<dyn WallClock>>,
    pub(super) inbound: mpsc::Sender<Inbound>,
    /// Numbers the connections of this client.
    pub(super) conns: Arc<AtomicU64>,
}

/// The task's side of a connection.
struct Task<I> {
    conn: u64,
    node_id: u32,
    pump: Pump<Alive<I>>,
    codec: WireCodec,
    liveness: Liveness,
    asks: mpsc::Receiver<Asked>,
    seq: u64,
    unanswered: BTreeMap<u64, oneshot::Sender<Answer>>,
    /// Decoded and not yet taken over; while there is any, reading is paused.
    backlog: VecDeque<Inbound>,
    inbound: mpsc::Sender<Inbound>,
}

/// What happened to a connection.
enum Turn {
    HandedOver,
    Stepped(Step),
    Asked(Asked),
}

impl<D: Dial> Service<Endpoint> for Connector<D> {
    type Response = Established<Session>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Established<Session>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dial.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialing = self.dial.call(endpoint);
        let (nick, wall) = (self.nick.clone(), self.wall.clone());
        let inbound = self.inbound.clone();
        let conn = self.conns.fetch_add(1, Ordering::Relaxed) + 1;
        Box::pin(async move {
            let io = dialing.await.map_err(Into::into)?;
            Ok(establish(io, nick, wall, conn, inbound).await?)
        })
    }
}

/// Says HELLO and waits to be welcomed.
async fn establish<I: Io>(
    io: I,
    nick: Arc<str>,
    wall: Option<Arc<dyn WallClock>>,
    conn: u64,
    inbound: mpsc::Sender<Inbound>,
) -> Result<Established<Session>, ConnectionError> {
    // What a server sends may be as large as any frame: it asked for our trust already.
    let limits = Limits::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).expect("both are the hard limit");
    let mut codec = WireCodec::new(Wire::Binary, limits);
    let mut pump = Pump::new(io);
    let hello = Request::Hello(Hello {
        seq: 1,
        proto_min: VERSION,
        proto_max: VERSION,
        nick,
        client: concat!("bowline/", env!("CARGO_PKG_VERSION")).into(),
        ping_ms: None,
    });
    Wire::Binary.put_request(&hello, &mut pump.output);
    let welcome = welcome(&mut pump, &mut codec).await?;
    let policy = Fixed::new(
        Duration::from_millis(welcome.ping_ms),
        Duration::from_millis(welcome.timeout_ms),
        welcome.misses,
    )?;
    let pump = pump.map_io(|io| match wall {
        Some(clock) => Alive::new(io, policy).with_wall_clock(clock),
        None => Alive::new(io, policy),
    });
    let liveness = pump.io().liveness();
    liveness.handshake_done();

    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let (ended, closed) = oneshot::channel();
    let task = Task {
        conn,
        node_id: welcome.node_id,
        pump,
        codec,
        liveness: liveness.clone(),
        asks: asked,
        seq: 1,
        unanswered: BTreeMap::new(),
        backlog: VecDeque::new(),
        inbound: inbound.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let reason = task.run().await;
        // A link that has gone needs no reason.
        let _gone = ended.send(reason);
    });
    let granted = Welcomed {
        user: welcome.user,
        durable: welcome.durable,
        inflight_max: welcome.inflight_max,
        frame_bytes_max: welcome.frame_bytes_max,
    };
    Ok(
        Established::new(Session::new(conn, granted, asks, inbound, tasks))
            .closed(async { closed.await.unwrap_or(ConnectionError::HungUp) })
            .heard(move || liveness.heard()),
    )
}

async fn welcome<I: Io>(
    pump: &mut Pump<I>,
    codec: &mut WireCodec,
) -> Result<Welcome, ConnectionError> {
    loop {
        match codec.next_reply(&mut pump.input) {
            Ok(Some(Reply::Welcome(welcome))) => {
                codec.authenticated();
                return Ok(welcome);
            }
            Ok(Some(Reply::Error(failure))) => return Err(ConnectionError::Refused(failure)),
            Ok(Some(Reply::Close(close))) => return Err(ConnectionError::Closed(close)),
            Ok(Some(other)) => {
                return Err(ConnectionError::Protocol(format!(
                    "it answered HELLO with {other:?}"
                )));
            }
            Ok(None) => match poll_fn(|cx| pump.poll_step(cx, true, || None)).await? {
                Step::Ended => return Err(ConnectionError::HungUp),
                Step::Read | Step::Wrote => {}
            },
            Err(fault) => return Err(ConnectionError::Protocol(fault.to_string())),
        }
    }
}

impl<I: Io> Task<I> {
    async fn run(mut self) -> ConnectionError {
        loop {
            if let Err(error) = self.turn().await {
                return error;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), ConnectionError> {
        let turn = tokio::select! {
            biased;
            // Bounded by what the server granted, so it starves nothing below.
            asked = self.asks.recv() => Turn::Asked(asked.ok_or(ConnectionError::Closing)?),
            permit = self.inbound.reserve(), if !self.backlog.is_empty() => {
                let permit = permit.map_err(|_| ConnectionError::Closing)?;
                permit.send(self.backlog.pop_front().expect("it is not empty"));
                Turn::HandedOver
            }
            // While reading is paused the stream itself holds back, and ends the pause
            // at its limit.
            step = poll_fn(|cx| self.pump.poll_step(cx, true, || None)) => Turn::Stepped(step?),
        };
        match turn {
            Turn::HandedOver if self.backlog.is_empty() => self.liveness.reading_resumed(),
            Turn::HandedOver | Turn::Stepped(Step::Wrote) => {}
            Turn::Stepped(Step::Read) => self.read()?,
            Turn::Stepped(Step::Ended) => return Err(ConnectionError::HungUp),
            Turn::Asked((ask, answer)) => self.ask(ask, answer).await?,
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), ConnectionError> {
        loop {
            match self.codec.next_reply(&mut self.pump.input) {
                Ok(Some(reply)) => self.reply(reply)?,
                Ok(None) => break,
                Err(fault) => {
                    return Err(ConnectionError::Protocol(fault.to_string()));
                }
            }
        }
        self.pump.rest();
        if !self.backlog.is_empty() {
            self.liveness.reading_paused();
        }
        Ok(())
    }

    fn reply(&mut self, reply: Reply) -> Result<(), ConnectionError> {
        let conn = self.conn;
        match reply {
            Reply::Message(message) => self.backlog.push_back(Inbound::Message { conn, message }),
            Reply::Joined(joined) => {
                self.answer(joined.seq, Answer::Joined(joined.clone()));
                self.backlog.push_back(Inbound::Joined { conn, joined });
            }
            Reply::Published(published) => {
                self.answer(published.seq, Answer::Published(published));
            }
            Reply::Error(failure) => {
                if let Some(seq) = failure.seq {
                    self.answer(seq, Answer::Refused(failure));
                }
            }
            Reply::Ping(ping) => {
                self.liveness
                    .probed(Duration::from_millis(ping.interval_ms));
                // A server that probes and reads no answer gets no more of them.
                if self.pump.urgent.len() < PONG_BYTES_MAX {
                    let pong = Request::Pong(ping.beat.answer(self.node_id));
                    Wire::Binary.put_request(&pong, &mut self.pump.urgent);
                }
            }
            Reply::Close(close) => return Err(ConnectionError::Closed(close)),
            Reply::Welcome(_) => {
                return Err(ConnectionError::Protocol("it said WELCOME twice".into()));
            }
            Reply::Unknown => {}
        }
        Ok(())
    }

    fn answer(&mut self, seq: u64, answer: Answer) {
        if let Some(asker) = self.unanswered.remove(&seq) {
            // Whoever asked may have stopped waiting.
            let _gone = asker.send(answer);
        }
    }

    async fn ask(
        &mut self,
        ask: Ask,
        answer: oneshot::Sender<Answer>,
    ) -> Result<(), ConnectionError> {
        self.seq += 1;
        let seq = self.seq;
        let request = match ask {
            Ask::Join { room, from } => Request::Join(Join {
                seq,
                room,
                from: Some(from),
            }),
            Ask::Publish { room, msg_id, body } => Request::Publish(Publish {
                seq,
                room: RoomRef::Name(room),
                msg_id: Some(msg_id),
                body,
            }),
            Ask::Goodbye => return self.goodbye(answer).await,
        };
        self.unanswered.insert(seq, answer);
        Wire::Binary.put_request(&request, &mut self.pump.output);
        Ok(())
    }

    /// Writes all there is and the last word.
    async fn goodbye(&mut self, answer: oneshot::Sender<Answer>) -> Result<(), ConnectionError> {
        let close = Close::new(CloseCode::GOODBYE);
        Wire::Binary.put_request(&Request::Close(close.clone()), &mut self.pump.output);
        poll_fn(|cx| self.pump.poll_flushed(cx)).await?;
        poll_fn(|cx| self.pump.poll_shutdown(cx)).await?;
        let _gone = answer.send(Answer::Goodbye);
        Err(ConnectionError::Closed(close))
    }
}
