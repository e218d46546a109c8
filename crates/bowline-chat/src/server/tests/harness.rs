//! A server on a fake network, and clients that speak the raw protocol to it.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::codec::Limits;
use bowline_policy::heartbeat::Fixed;
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(super) use super::client::Client;
use super::fake::{Events, Fake, Net, Orders, Wall};
use crate::log::{MsgId, Position};
use crate::protocol::{
    Hello, JoinFrom, Joined, Publish, Request, RoomMessage, RoomRef, VERSION, Wire,
};
use crate::server::{Environment, Server, Settings};
use crate::store::{Committer, Retention, Store};

/// How long a client waits for what must come: longer than any delay that is
/// allowed, shorter than the heartbeat's interval.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// How many bytes the network takes before a writer must wait.
pub(super) const PIPE_BYTES: usize = 1 << 16;

pub(super) const LOBBY: &str = "lobby";

/// A running server.
pub(super) struct World {
    net: mpsc::Sender<io::Result<DuplexStream>>,
    pub(super) events: Arc<Events>,
    pub(super) stop: CancellationToken,
    pub(super) server: JoinSet<()>,
}

pub(super) fn settings() -> Settings {
    let heartbeat = Fixed::new(Duration::from_secs(25), Duration::from_secs(5), 2).unwrap();
    Settings::new(Limits::default(), heartbeat).unwrap()
}

pub(super) fn keep(messages_per_room: u64) -> Retention {
    Retention::new(messages_per_room, 100).unwrap()
}

/// The id of message number `n`.
pub(super) fn id(n: u64) -> MsgId {
    let mut id = [0x5a; 16];
    id[8..].copy_from_slice(&n.to_be_bytes());
    MsgId(id)
}

pub(super) fn offsets(messages: &[RoomMessage]) -> Vec<u64> {
    let offsets = messages.iter().map(|it| it.message.offset.0);
    offsets.collect()
}

/// Panics unless `messages` are those after `first - 1` up to `last`, each following
/// the one before it.
pub(super) fn assert_contiguous(messages: &[RoomMessage], first: u64, last: u64) {
    let expected: Vec<u64> = (first..=last).collect();
    assert_eq!(offsets(messages), expected);
    for it in messages {
        assert_eq!(it.message.prev.0, it.message.offset.0 - 1);
    }
}

/// Lets every task that can run do so, without letting time pass.
pub(super) async fn settle() {
    for _ in 0..500 {
        yield_now().await;
    }
}

// === impl World ===

impl World {
    pub(super) fn start<S: Store>(settings: Settings, store: Committer<S>) -> Self {
        let (net, backlog) = mpsc::channel(1);
        let events = Arc::<Events>::default();
        let stop = CancellationToken::new();
        let environment = Environment {
            wall: Arc::new(Wall(Instant::now())),
            secrets: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(42))),
            observer: events.clone(),
        };
        let mut server = JoinSet::new();
        let stopped = stop.clone().cancelled_owned();
        server.spawn(Server::new(store, settings, environment).serve(Net(backlog), stopped));
        Self {
            net,
            events,
            stop,
            server,
        }
    }

    /// A server over a store that does its work inline and obeys the orders.
    pub(super) fn inline(settings: Settings, retention: Retention) -> (Self, Arc<Orders>) {
        let (store, orders) = Fake::new(retention);
        (Self::start(settings, Committer::inline(store)), orders)
    }

    /// A server with the usual settings and plenty of history.
    pub(super) fn usual() -> Self {
        Self::inline(settings(), keep(10_000)).0
    }

    pub(super) async fn connect(&self, wire: Wire) -> Client {
        self.connect_through(wire, PIPE_BYTES).await
    }

    /// Connects through a pipe that takes so many bytes before its writer must wait.
    pub(super) async fn connect_through(&self, wire: Wire, bytes: usize) -> Client {
        let (near, far) = duplex(bytes);
        self.net.send(Ok(far)).await.unwrap();
        Client::new(near, wire)
    }

    pub(super) async fn fail_accept(&self, error: io::Error) {
        self.net.send(Err(error)).await.unwrap();
    }

    /// A client that has said HELLO.
    pub(super) async fn guest(&self, wire: Wire, nick: &str) -> Client {
        let mut client = self.connect(wire).await;
        client.hello(nick).await;
        client
    }

    /// A client in the lobby, from its last message on.
    pub(super) async fn member(&self, wire: Wire, nick: &str) -> Client {
        let mut client = self.guest(wire, nick).await;
        client.join(LOBBY, JoinFrom::Live).await;
        client
    }
}

pub(super) fn hello(nick: &str, ping_ms: Option<u64>) -> Request {
    Request::Hello(Hello {
        seq: 1,
        proto_min: VERSION,
        proto_max: VERSION,
        nick: nick.into(),
        client: "a test".into(),
        ping_ms,
    })
}

/// Message number `n` to the lobby.
pub(super) fn publish(n: u64) -> Request {
    publish_to(LOBBY, n, format!("message {n}"))
}

pub(super) fn publish_to(room: &str, n: u64, body: impl Into<Bytes>) -> Request {
    Request::Publish(Publish {
        seq: n,
        room: RoomRef::Name(room.into()),
        msg_id: Some(id(n)),
        body: body.into(),
    })
}

pub(super) fn since(joined: &Joined, offset: u64) -> JoinFrom {
    JoinFrom::Since(Position {
        epoch: joined.position.epoch,
        offset: crate::log::Offset(offset),
    })
}
