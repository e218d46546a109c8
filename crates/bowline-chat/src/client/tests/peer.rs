//! A server made of what the test makes it say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bytes::{Bytes, BytesMut};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Client, Event, Settings};
use crate::log::{Epoch, Message, MsgId, Offset, Position};
use crate::protocol::{
    Joined, Publish, Published, Reply, Request, RoomMessage, RoomRef, Welcome, Wire, WireCodec,
};

/// The test's end of one connection.
pub(super) struct Peer {
    io: DuplexStream,
    codec: WireCodec,
    input: BytesMut,
}

/// A client and who it calls.
pub(super) struct Call {
    pub(super) client: Client,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) accepted: mpsc::Receiver<Peer>,
}

impl Call {
    /// A client whose connections hold `pipe` bytes each way.
    pub(super) fn new(pipe: usize) -> Self {
        let (peers, accepted) = mpsc::channel(8);
        let dial = tower::service_fn(move |_: Endpoint| {
            let peers = peers.clone();
            async move {
                let (near, far) = duplex(pipe);
                peers.send(Peer::new(far)).await.map_err(|_| "gone")?;
                Ok::<_, BoxError>(near)
            }
        });
        let schedule =
            Schedule::exponential(Duration::from_millis(100), Duration::from_millis(200)).unwrap();
        let settings = Settings::new("ann", Maker::new(schedule, 1));
        let secrets = Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(1)));
        let endpoint = Endpoint::new("fake", 1);
        let (client, events) = Client::start(dial, endpoint, settings, secrets).unwrap();
        Self {
            client,
            events,
            accepted,
        }
    }

    pub(super) async fn accept(&mut self) -> Peer {
        let peer = self.accepted.recv().await.unwrap();
        sleep(Duration::from_millis(1)).await;
        peer
    }

    /// Takes every event and forgets it, for as long as the set lives.
    pub(super) fn listen(&mut self) -> JoinSet<()> {
        let (_, none) = mpsc::channel(1);
        let mut events = std::mem::replace(&mut self.events, none);
        let mut listening = JoinSet::new();
        listening.spawn(async move { while events.recv().await.is_some() {} });
        listening
    }
}

impl Peer {
    fn new(io: DuplexStream) -> Self {
        let limits = Limits::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).unwrap();
        Self {
            io,
            codec: WireCodec::new(Wire::Binary, limits),
            input: BytesMut::new(),
        }
    }

    pub(super) async fn next(&mut self) -> Option<Request> {
        loop {
            if let Some(request) = self.codec.next_request(&mut self.input).unwrap() {
                return Some(request);
            }
            match self.io.read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn next_publish(&mut self) -> Publish {
        loop {
            match self.next().await {
                Some(Request::Publish(publish)) => return publish,
                Some(_) => {}
                None => panic!("the client hung up"),
            }
        }
    }

    pub(super) async fn say(&mut self, reply: Reply) {
        let mut out = BytesMut::new();
        Wire::Binary.put_reply(&reply, &mut out);
        self.io.write_all(&out).await.unwrap();
    }

    /// Lets the client in.
    pub(super) async fn welcome(&mut self, frame_bytes_max: u64) {
        let Some(Request::Hello(hello)) = self.next().await else {
            panic!("HELLO comes first");
        };
        let welcome = Welcome {
            seq: hello.seq,
            proto: 1,
            server: "fake".into(),
            node_id: 1,
            conn_id: 1,
            user: hello.nick,
            guest: true,
            ping_ms: 25_000,
            timeout_ms: 5_000,
            misses: 2,
            frame_bytes_max,
            rooms_max: 64,
            inflight_max: 64,
            durable: true,
            server_time: 0,
        };
        self.say(Reply::Welcome(welcome)).await;
    }

    /// Answers the next JOIN.
    pub(super) async fn joined(&mut self, offset: u64, recovered: Option<bool>) {
        let Some(Request::Join(join)) = self.next().await else {
            panic!("a JOIN comes next");
        };
        let joined = Joined {
            seq: join.seq,
            number: if &*join.room == "a" { 1 } else { 2 },
            room: join.room,
            position: position(offset),
            recovered,
            count: 0,
        };
        self.say(Reply::Joined(joined)).await;
    }

    /// Says message number `offset` in room "a".
    pub(super) async fn message(&mut self, offset: u64) {
        self.say(message(offset)).await;
    }

    /// Acknowledges a publish.
    pub(super) async fn published(&mut self, seq: u64, offset: u64) {
        let published = Published {
            seq,
            position: position(offset),
            duplicate: false,
            msg_id: None,
        };
        self.say(Reply::Published(published)).await;
    }
}

fn position(offset: u64) -> Position {
    Position {
        epoch: Epoch(7),
        offset: Offset(offset),
    }
}

fn message(offset: u64) -> Reply {
    Reply::Message(RoomMessage {
        room: RoomRef::Number(1),
        epoch: Epoch(7),
        message: Message {
            offset: Offset(offset),
            prev: Offset(offset - 1),
            msg_id: MsgId([9; 16]),
            from: "bob".into(),
            guest: true,
            ts: 0,
            body: Bytes::from_static(b"flood"),
        },
    })
}
