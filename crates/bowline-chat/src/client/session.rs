//! One welcomed connection as a tower service: requests with answers, and a task
//! that owns the stream. It repeats nothing and remembers nothing.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bowline_link::BoxError;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::PollSender;
use tower_service::Service;

use crate::log::MsgId;
use crate::protocol::{Close, Failure, JoinFrom, Joined, Published, RoomMessage};

/// What can be asked on a connection.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// Enter a room.
    Join { room: Arc<str>, from: JoinFrom },
    /// Publish in a room.
    Publish {
        room: Arc<str>,
        msg_id: MsgId,
        body: Bytes,
    },
    /// Say goodbye; answered when it is written.
    Goodbye,
}

/// What was answered, and on which connection.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) conn: u64,
    pub(super) answer: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Joined(Joined),
    Published(Published),
    Refused(Failure),
    Goodbye,
}

/// A request with the place its answer goes to.
pub(super) type Asked = (Ask, oneshot::Sender<Answer>);

/// What a connection's task hands to the client, in the order it arrived.
#[derive(Debug)]
pub(super) enum Inbound {
    /// A new connection was welcomed; everything older has been handed over. The
    /// answer says which rooms to enter on it.
    Welcomed {
        conn: u64,
        user: Arc<str>,
        durable: bool,
        inflight_max: u32,
        frame_bytes_max: u64,
        rooms: oneshot::Sender<Vec<(Arc<str>, JoinFrom)>>,
    },
    /// The client is in a room.
    Joined { conn: u64, joined: Joined },
    /// A room cannot be entered.
    JoinRefused { room: Arc<str>, failure: Failure },
    /// A message.
    Message { conn: u64, message: RoomMessage },
}

/// Why a connection gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The server ended it, or refused to begin.
    #[error("the server closed the connection: {0}")]
    Closed(Close),
    /// The server refused the HELLO.
    #[error("the server refused HELLO: {}", .0.message)]
    Refused(Failure),
    /// The server hung up without a word.
    #[error("the server hung up")]
    HungUp,
    /// What arrived is not the protocol.
    #[error("the server does not speak the protocol: {0}")]
    Protocol(String),
    /// The heartbeat the server asks for makes no sense.
    #[error("the server asks for an impossible heartbeat")]
    Heartbeat(#[from] bowline_policy::heartbeat::Invalid),
    /// The stream failed, or was silent for too long.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The client itself is going.
    #[error("the client is closing")]
    Closing,
}

/// A handle on one connection; the connection ends when the last one is dropped.
#[derive(Debug, Clone)]
pub(super) struct Session {
    conn: u64,
    welcome: Arc<Welcomed>,
    asks: PollSender<Asked>,
    inbound: mpsc::Sender<Inbound>,
    _task: Arc<Mutex<JoinSet<()>>>,
}

/// What the server granted.
#[derive(Debug)]
pub(super) struct Welcomed {
    pub(super) user: Arc<str>,
    pub(super) durable: bool,
    pub(super) inflight_max: u32,
    pub(super) frame_bytes_max: u64,
}

impl ConnectionError {
    /// Whether another attempt may fare better.
    pub(super) fn may_reconnect(&self) -> bool {
        match self {
            Self::Closed(close) => close.code.may_reconnect(),
            Self::Refused(failure) => failure.temporary,
            Self::HungUp | Self::Io(_) => true,
            Self::Protocol(_) | Self::Heartbeat(_) | Self::Closing => false,
        }
    }
}

impl Session {
    pub(super) fn new(
        conn: u64,
        welcome: Welcomed,
        asks: mpsc::Sender<Asked>,
        inbound: mpsc::Sender<Inbound>,
        task: JoinSet<()>,
    ) -> Self {
        Self {
            conn,
            welcome: Arc::new(welcome),
            asks: PollSender::new(asks),
            inbound,
            _task: Arc::new(Mutex::new(task)),
        }
    }

    /// Asks the client which rooms to enter, after it has taken all that earlier
    /// connections brought, and enters them. Says whether every one was recovered.
    pub(super) async fn enter_rooms(mut self) -> Result<bool, BoxError> {
        let (rooms, answer) = oneshot::channel();
        let welcomed = Inbound::Welcomed {
            conn: self.conn,
            user: self.welcome.user.clone(),
            durable: self.welcome.durable,
            inflight_max: self.welcome.inflight_max,
            frame_bytes_max: self.welcome.frame_bytes_max,
            rooms,
        };
        let gone = |_| ConnectionError::Closing;
        self.inbound.send(welcomed).await.map_err(|_| gone(()))?;
        let rooms = answer.await.map_err(|_| gone(()))?;
        let mut recovered = !rooms.is_empty();
        for (room, from) in rooms {
            std::future::poll_fn(|cx| self.poll_ready(cx)).await?;
            let ask = Ask::Join {
                room: room.clone(),
                from,
            };
            match self.call(ask).await?.answer {
                Answer::Joined(joined) => recovered &= joined.recovered == Some(true),
                Answer::Refused(failure) if failure.temporary => {
                    return Err(ConnectionError::Refused(failure).into());
                }
                Answer::Refused(failure) => {
                    let refused = Inbound::JoinRefused { room, failure };
                    self.inbound.send(refused).await.map_err(|_| gone(()))?;
                }
                Answer::Published(_) | Answer::Goodbye => {}
            }
        }
        Ok(recovered)
    }
}

impl Service<Ask> for Session {
    type Response = Answered;
    type Error = ConnectionError;
    type Future = BoxFuture<'static, Result<Answered, ConnectionError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.asks
            .poll_reserve(cx)
            .map_err(|_| ConnectionError::HungUp)
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let (sender, answer) = oneshot::channel();
        let conn = self.conn;
        let sent = self.asks.send_item((ask, sender));
        Box::pin(async move {
            sent.map_err(|_| ConnectionError::HungUp)?;
            let answer = answer.await.map_err(|_| ConnectionError::HungUp)?;
            Ok(Answered { conn, answer })
        })
    }
}
