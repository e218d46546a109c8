//! One raw connection to the server under test.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use super::harness::{LOBBY, PATIENCE, hello, publish, settle};
use crate::protocol::{
    Close, CloseCode, Failure, Join, JoinFrom, Joined, Published, Reply, Request, RoomMessage,
    RoomRef, Welcome, Wire, WireCodec,
};

/// One raw connection.
pub(super) struct Client {
    pub(super) io: DuplexStream,
    wire: Wire,
    codec: WireCodec,
    input: BytesMut,
    seq: u64,
    /// Heard while waiting for something else.
    heard: VecDeque<Reply>,
    numbers: BTreeMap<u32, Arc<str>>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(io: DuplexStream, wire: Wire) -> Self {
        let limits = Limits::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).unwrap();
        Self {
            io,
            wire,
            codec: WireCodec::new(wire, limits),
            input: BytesMut::new(),
            seq: 0,
            heard: VecDeque::new(),
            numbers: BTreeMap::new(),
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Sends what the server still takes.
    pub(super) async fn try_send(&mut self, bytes: &[u8]) {
        let _hung_up = self.io.write_all(bytes).await;
    }

    /// Sends a mebibyte of `request` over and over, as far as the server takes it,
    /// reads nothing and hangs up.
    pub(super) async fn send_greedily(mut self, request: &Request) {
        let mut bytes = BytesMut::new();
        while bytes.len() < 1 << 20 {
            self.wire.put_request(request, &mut bytes);
        }
        let _cut = timeout(PATIENCE, self.io.write_all(&bytes)).await;
        drop(self);
        settle().await;
    }

    pub(super) async fn say(&mut self, request: Request) {
        self.say_all(&[request]).await;
    }

    /// Says all of it in one write.
    pub(super) async fn say_all(&mut self, requests: &[Request]) {
        let mut out = BytesMut::new();
        for request in requests {
            self.wire.put_request(request, &mut out);
        }
        self.send(&out).await;
    }

    pub(super) async fn hello(&mut self, nick: &str) -> Welcome {
        self.say(hello(nick, None)).await;
        self.find(|reply| match reply {
            Reply::Welcome(welcome) => Some(welcome.clone()),
            _ => None,
        })
        .await
    }

    pub(super) async fn join(&mut self, room: &str, from: JoinFrom) -> Joined {
        let join = self.join_request(room, from);
        self.say(join).await;
        self.joined().await
    }

    pub(super) fn join_request(&mut self, room: &str, from: JoinFrom) -> Request {
        self.seq += 1;
        Request::Join(Join {
            seq: self.seq,
            room: room.into(),
            from: Some(from),
        })
    }

    /// Joins the lobby again and drops what comes before the answer.
    pub(super) async fn join_behind(&mut self, from: JoinFrom) {
        let join = self.join_request(LOBBY, from);
        self.say(join).await;
        self.joined().await;
        self.heard.clear();
    }

    pub(super) async fn joined(&mut self) -> Joined {
        self.find(|reply| match reply {
            Reply::Joined(joined) => Some(joined.clone()),
            _ => None,
        })
        .await
    }

    /// Publishes message number `n` to the lobby; its `seq` is `n` too.
    pub(super) async fn publish(&mut self, n: u64) {
        self.say(publish(n)).await;
    }

    /// Publishes and waits for the acknowledgement.
    pub(super) async fn published_as(&mut self, n: u64) -> Published {
        self.publish(n).await;
        self.published().await
    }

    pub(super) async fn published(&mut self) -> Published {
        self.find(|reply| match reply {
            Reply::Published(published) => Some(published.clone()),
            _ => None,
        })
        .await
    }

    pub(super) async fn failure(&mut self) -> Failure {
        self.find(|reply| match reply {
            Reply::Error(failure) => Some(failure.clone()),
            _ => None,
        })
        .await
    }

    /// The next message, with its room's name whatever the wire.
    pub(super) async fn message(&mut self) -> RoomMessage {
        let mut message = self
            .find(|reply| match reply {
                Reply::Message(message) => Some(message.clone()),
                _ => None,
            })
            .await;
        if let RoomRef::Number(number) = message.room {
            message.room = RoomRef::Name(self.numbers[&number].clone());
        }
        message
    }

    pub(super) async fn messages(&mut self, count: u64) -> Vec<RoomMessage> {
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.message().await);
        }
        messages
    }

    /// The next thing the server says.
    pub(super) async fn next(&mut self) -> Reply {
        if let Some(reply) = self.heard.pop_front() {
            return reply;
        }
        let heard = timeout(PATIENCE, self.hear());
        let heard = heard.await.expect("the server should have said something");
        heard.expect("the server should not have hung up")
    }

    /// Everything up to the CLOSE, which nothing may follow but the end.
    pub(super) async fn closed(&mut self) -> (Vec<Reply>, Close) {
        let mut before = Vec::new();
        loop {
            match self.next().await {
                Reply::Close(close) => {
                    assert_eq!(self.hear().await, None, "nothing follows a CLOSE");
                    return (before, close);
                }
                reply => before.push(reply),
            }
        }
    }

    pub(super) async fn close_code(&mut self) -> CloseCode {
        self.closed().await.1.code
    }

    /// Panics if anything was heard and not taken, or is heard within `time`.
    pub(super) async fn assert_silent_for(&mut self, time: Duration) {
        assert_eq!(self.heard, []);
        if let Ok(heard) = timeout(time, self.hear()).await {
            panic!("nothing should have been heard, but {heard:?}");
        }
    }

    /// The same for what is on its way, without letting time pass.
    pub(super) async fn assert_silent(&mut self) {
        settle().await;
        assert_eq!(self.heard, []);
        assert_eq!(self.hear().now_or_never(), None);
    }

    /// Panics if another message was heard or comes; other things may.
    pub(super) async fn assert_no_more_messages(&mut self) {
        while let Ok(Some(reply)) = timeout(PATIENCE, self.hear()).await {
            self.heard.push_back(reply);
        }
        let messages = self
            .heard
            .iter()
            .filter(|it| matches!(it, Reply::Message(_)));
        assert_eq!(messages.count(), 0, "{:?}", self.heard);
    }

    /// What the server says, or `None` when it has hung up.
    ///
    /// Dropping the future loses nothing: what was read stays in `input`.
    pub(super) async fn hear(&mut self) -> Option<Reply> {
        loop {
            if let Some(reply) = self.codec.next_reply(&mut self.input).unwrap() {
                if let Reply::Joined(joined) = &reply {
                    self.numbers.insert(joined.number, joined.room.clone());
                }
                return Some(reply);
            }
            if self.io.read_buf(&mut self.input).await.unwrap() == 0 {
                assert!(self.input.is_empty(), "the server hung up within a frame");
                return None;
            }
        }
    }

    async fn find<T>(&mut self, pick: impl Fn(&Reply) -> Option<T>) -> T {
        let before = self.heard.iter().position(|reply| pick(reply).is_some());
        if let Some(reply) = before.and_then(|at| self.heard.remove(at)) {
            return pick(&reply).unwrap();
        }
        let kept = std::mem::take(&mut self.heard);
        let mut passed = Vec::new();
        loop {
            let reply = self.next().await;
            if let Some(found) = pick(&reply) {
                self.heard = kept.into_iter().chain(passed).collect();
                return found;
            }
            assert!(!matches!(reply, Reply::Close(_)), "{reply:?}");
            passed.push(reply);
        }
    }
}
