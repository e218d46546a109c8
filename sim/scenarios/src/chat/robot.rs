//! A robot: a client that is not ours, and simpler. It speaks JSON, listens to nobody, and
//! when it comes back says at once again, under the same ids, whatever was not answered.
//!
//! Our own client waits for its replay first and thereby hardly ever repeats what is in the
//! log: it is this one that needs a store which remembers ids. Where the log is short it
//! says nothing twice, for an id may be gone there with its message.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use bowline_chat::log::MsgId;
use bowline_chat::protocol::{
    Hello, Join, JoinFrom, Publish, Reply, Request, RoomRef, VERSION, Wire, WireCodec,
};
use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bowline_link::{BoxError, Endpoint};
use bowline_sim::history::What;
use bowline_sim::net::Stream;
use bowline_sim::scenario::Node;
use bytes::BytesMut;
use rand_core::{CryptoRng, Rng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::board::Board;
use super::script::{LONG_LOG, between, messages_kept};
use super::server::PORT;
use super::{ROBOT, ROOMS, TROUBLE, id, place};

/// Where it speaks.
const ROOM: &str = ROOMS[0];

/// How long it waits for anything to be heard, or for a connection.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it waits at most before it tries again.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long it is quiet at most between two lines.
const SILENCE_MAX: Duration = Duration::from_millis(300);

/// How much it leaves unanswered.
const WAITING_MAX: usize = 16;

struct Robot {
    node: Node<Board>,
    chance: Box<dyn Rng>,
    secrets: Box<dyn CryptoRng>,
    /// What was said and not answered, in its order.
    waiting: VecDeque<MsgId>,
    /// Whether the last line was said.
    is_done: bool,
}

/// One connection of it.
struct Call {
    stream: Stream,
    codec: WireCodec,
    input: BytesMut,
    output: BytesMut,
    seq: u64,
    node_id: u32,
    joined: bool,
    asked: BTreeMap<u64, MsgId>,
}

/// Speaks until all is over.
pub(super) async fn live(node: Node<Board>) -> Result<(), BoxError> {
    let mut robot = Robot {
        chance: Box::new(node.chance()),
        secrets: Box::new(node.secrets()),
        node,
        waiting: VecDeque::new(),
        is_done: false,
    };
    while !robot.is_over() {
        // Whatever ends a call, there will be another.
        let _ended = robot.call().await;
        let pause = between(&mut robot.chance, PAUSE_MAX / 4, PAUSE_MAX);
        sleep(pause).await;
    }
    let board = robot.node.shared();
    board.robot_said_all();
    board.settled(|name| robot.node.is_core(name)).await;
    Ok(())
}

// === impl Robot ===

impl Robot {
    fn is_over(&self) -> bool {
        self.is_done && self.waiting.is_empty()
    }

    async fn call(&mut self) -> io::Result<()> {
        self.forgets();
        let dialing = self.node.dialer().call(Endpoint::new("server", PORT));
        let mut call = Call::new(timeout(PATIENCE, dialing).await??);
        call.greets();
        let mut next = self.node.elapsed();
        while !self.is_over() {
            if call.joined && self.node.elapsed() >= next {
                self.says_more(&mut call);
                next = self.node.elapsed() + between(&mut self.chance, Duration::ZERO, SILENCE_MAX);
            }
            let output = call.output.split();
            timeout(PATIENCE, call.stream.write_all(&output)).await??;
            self.hears(&mut call, next).await?;
        }
        Ok(())
    }

    /// Gives up what it could not repeat without perhaps saying it twice.
    fn forgets(&mut self) {
        if messages_kept(self.node.shared().streams) >= LONG_LOG {
            return;
        }
        for asked in std::mem::take(&mut self.waiting) {
            self.node.record(What::Unknown {
                stream: ROOM.into(),
                id: id(asked),
            });
        }
    }

    fn says_more(&mut self, call: &mut Call) {
        if self.is_done || self.waiting.len() >= WAITING_MAX {
            return;
        }
        self.is_done = self.node.elapsed() >= TROUBLE;
        let msg_id = MsgId::draw(&mut *self.secrets);
        self.node.record(What::Invoked {
            stream: ROOM.into(),
            id: id(msg_id),
        });
        self.waiting.push_back(msg_id);
        call.publishes(msg_id);
    }

    /// Takes what comes before the next line is due; an error where nothing does for long.
    async fn hears(&mut self, call: &mut Call, next: Duration) -> io::Result<()> {
        let due = next.saturating_sub(self.node.elapsed());
        let is_talking = call.joined && !self.is_done && self.waiting.len() < WAITING_MAX;
        let wait = if is_talking {
            due.min(PATIENCE)
        } else {
            PATIENCE
        };
        match timeout(wait, call.stream.read_buf(&mut call.input)).await {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) if is_talking => return Ok(()),
            Err(silence) => return Err(silence.into()),
        }
        while let Some(reply) = call
            .codec
            .next_reply(&mut call.input)
            .map_err(io::Error::other)?
        {
            self.hears_reply(call, reply)?;
        }
        Ok(())
    }

    fn hears_reply(&mut self, call: &mut Call, reply: Reply) -> io::Result<()> {
        match reply {
            Reply::Welcome(welcome) => {
                call.node_id = welcome.node_id;
                call.codec.authenticated();
            }
            Reply::Joined(_) => {
                call.joined = true;
                for msg_id in &self.waiting {
                    call.publishes(*msg_id);
                }
            }
            Reply::Published(published) => {
                if let Some(asked) = call.asked.remove(&published.seq) {
                    self.waiting.retain(|waiting| *waiting != asked);
                    self.node.record(What::Acked {
                        stream: ROOM.into(),
                        id: id(asked),
                        position: place(published.position),
                        duplicate: published.duplicate,
                    });
                }
            }
            Reply::Ping(ping) => {
                let pong = Request::Pong(ping.beat.answer(call.node_id));
                Wire::Json.put_request(&pong, &mut call.output);
            }
            // Nothing it asks for is ever refused for good: the next call may fare better.
            Reply::Close(_) | Reply::Error(_) => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Reply::Message(_) | Reply::Unknown => {}
        }
        Ok(())
    }
}

// === impl Call ===

impl Call {
    fn new(stream: Stream) -> Self {
        let limits = Limits::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).expect("both are the limit");
        Self {
            stream,
            codec: WireCodec::new(Wire::Json, limits),
            input: BytesMut::new(),
            output: BytesMut::new(),
            seq: 0,
            node_id: 0,
            joined: false,
            asked: BTreeMap::new(),
        }
    }

    fn greets(&mut self) {
        let hello = Request::Hello(Hello {
            seq: self.next(),
            proto_min: VERSION,
            proto_max: VERSION,
            nick: ROBOT.into(),
            client: "robot".into(),
            ping_ms: None,
        });
        let join = Request::Join(Join {
            seq: self.next(),
            room: ROOM.into(),
            from: Some(JoinFrom::Live),
        });
        Wire::Json.put_request(&hello, &mut self.output);
        Wire::Json.put_request(&join, &mut self.output);
    }

    fn publishes(&mut self, msg_id: MsgId) {
        let seq = self.next();
        self.asked.insert(seq, msg_id);
        let publish = Request::Publish(Publish {
            seq,
            room: RoomRef::Name(ROOM.into()),
            msg_id: Some(msg_id),
            body: "beep".into(),
        });
        Wire::Json.put_request(&publish, &mut self.output);
    }

    fn next(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }
}
