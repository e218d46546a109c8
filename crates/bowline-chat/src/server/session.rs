//! One connection's conversation, as a pure state machine.
//!
//! In: what the client said, what the store answered, a tick, the end. Out: what to
//! send, ask, leave or close. It reads no clock and touches no socket; live
//! messages go from the room to the outbox, past it.

mod action;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bowline_policy::heartbeat::{ClockJump, JUMP_DEFAULT, Next, Prober};
use bytes::Bytes;

pub(crate) use action::{Action, Answer, Identity, Now};

use super::Settings;
use crate::log::{MsgId, Position};
use crate::protocol::{
    Beat, Close, CloseCode, ErrorCode, Failure, Hello, Join, NAME_BYTES_MAX, Ping, Publish,
    Published, Reply, Request, RoomRef, Status, VERSION, Welcome, is_name,
};
use crate::store::{Draft, Refused};

/// The session of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Arc<Settings>,
    identity: Identity,
    phase: Phase,
    /// The rooms it is in or entering, with their numbers once known.
    rooms: BTreeMap<Arc<str>, Option<u32>>,
    numbers: BTreeMap<u32, Arc<str>>,
    /// Publishes asked of the store and not answered yet.
    inflight: u32,
    /// JOINs asked of the store and not answered yet.
    joining: u32,
}

#[derive(Debug)]
enum Phase {
    /// Waiting for HELLO.
    Greeting { until: Instant },
    /// Welcomed.
    Open(Box<Open>),
    /// Closed: nothing more is said or heard.
    Over,
}

#[derive(Debug)]
struct Open {
    user: Arc<str>,
    heartbeat: Prober,
    /// Notices when the machine was suspended.
    clocks: ClockJump,
    probes: u32,
    /// The last probe and when it was sent, until it is answered.
    probe: Option<(u32, Instant)>,
}

impl Session {
    pub(crate) fn new(settings: Arc<Settings>, identity: Identity, now: Instant) -> Self {
        let until = now + settings.hello_timeout;
        Self {
            settings,
            identity,
            phase: Phase::Greeting { until },
            rooms: BTreeMap::new(),
            numbers: BTreeMap::new(),
            inflight: 0,
            joining: 0,
        }
    }

    /// Takes what the client said; `draw` draws the id of a publish that has none.
    pub(crate) fn request(
        &mut self,
        now: Now,
        request: Request,
        draw: &mut dyn FnMut() -> MsgId,
        out: &mut Vec<Action>,
    ) {
        match (&mut self.phase, request) {
            (Phase::Over, _) => {}
            (_, Request::Close(_)) => self.end(out),
            (Phase::Greeting { .. }, Request::Hello(hello)) => self.hello(now, &hello, out),
            (Phase::Greeting { .. }, _) => self.close(Close::new(CloseCode::HELLO_FIRST), out),
            (Phase::Open(_), Request::Hello(_)) => {
                self.close(Close::new(CloseCode::HELLO_TWICE), out);
            }
            (Phase::Open(_), Request::Join(join)) => self.join(join, out),
            (Phase::Open(_), Request::Publish(publish)) => {
                self.publish(now, publish, draw, out);
            }
            (Phase::Open(open), Request::Pong(beat)) => {
                // A stray answer is counted and no death; liveness is a matter of bytes.
                let probe = open
                    .probe
                    .take_if(|(sequence, _)| *sequence == beat.sequence);
                out.push(match probe {
                    Some((_, sent)) => Action::RoundTrip(now.at - sent),
                    None => Action::StrayAnswer,
                });
            }
            (Phase::Open(_), Request::Unknown { seq, op }) => {
                if !op.is_empty() {
                    out.push(refusal(
                        seq,
                        ErrorCode::UNKNOWN_OP,
                        format!("unknown op {op:.32?}"),
                    ));
                }
            }
        }
    }

    /// Takes what the store answered.
    pub(crate) fn answer(&mut self, answer: Answer, out: &mut Vec<Action>) {
        match answer {
            Answer::Published {
                seq,
                drawn,
                outcome,
            } => {
                self.inflight -= 1;
                out.push(match outcome {
                    Ok(appended) => Action::Send(Reply::Published(Published {
                        seq,
                        position: Position {
                            epoch: appended.epoch,
                            offset: appended.offset,
                        },
                        duplicate: appended.duplicate,
                        msg_id: drawn,
                    })),
                    Err(refused) => store_refusal(seq, &refused),
                });
            }
            Answer::Joined { room, number } => {
                self.joining -= 1;
                self.numbers.insert(number, room.clone());
                self.rooms.insert(room, Some(number));
            }
            Answer::JoinRefused { seq, room, refused } => {
                self.not_joined(&room);
                out.push(store_refusal(seq, &refused));
            }
            Answer::JoinUnavailable { seq, room } => {
                self.not_joined(&room);
                out.push(unavailable(seq));
            }
            Answer::Unavailable { seq } => out.push(unavailable(seq)),
            Answer::StoreFailed => self.close(Close::new(CloseCode::STORE_FAILED), out),
        }
    }

    /// Notes that bytes came, whatever they are.
    pub(crate) fn received(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.heartbeat.received(now);
        }
    }

    /// Notes that bytes went.
    pub(crate) fn sent(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.heartbeat.sent(now);
        }
    }

    /// Does what is due and says when to tick again.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Vec<Action>) -> Instant {
        let node_id = self.identity.node_id;
        loop {
            match &mut self.phase {
                Phase::Greeting { until } if now.at < *until => return *until,
                Phase::Greeting { .. } => self.close(Close::new(CloseCode::HELLO_TIMEOUT), out),
                Phase::Open(open) => match open.beat(now) {
                    Next::Wait(at) => return at,
                    Next::Probe { next_interval } => {
                        open.probes = open.probes.wrapping_add(1);
                        open.probe = Some((open.probes, now.at));
                        out.push(Action::Probe(Reply::Ping(Ping {
                            beat: Beat {
                                node_id,
                                timestamp: micros(now.wall),
                                status: Status::Ok,
                                sequence: open.probes,
                            },
                            interval_ms: millis(next_interval),
                        })));
                    }
                    Next::Dead(death) => {
                        let close = Close::because(CloseCode::SILENT, death.to_string());
                        self.close(close, out);
                    }
                },
                Phase::Over => return now.at + self.settings.hello_timeout,
            }
        }
    }

    /// The server ends the conversation.
    pub(crate) fn close(&mut self, close: Close, out: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Over) {
            self.leave_all(out);
            out.push(Action::Close(close));
        }
    }

    /// The client has left.
    pub(crate) fn end(&mut self, out: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Over) {
            self.leave_all(out);
            out.push(Action::End);
        }
    }

    /// A JOIN failed; who was in the room before still is.
    fn not_joined(&mut self, room: &Arc<str>) {
        self.joining -= 1;
        if self.rooms.get(room) == Some(&None) {
            self.rooms.remove(room);
        }
    }

    fn leave_all(&mut self, out: &mut Vec<Action>) {
        self.phase = Phase::Over;
        let rooms = std::mem::take(&mut self.rooms);
        out.extend(rooms.into_keys().map(Action::Leave));
    }

    fn hello(&mut self, now: Now, hello: &Hello, out: &mut Vec<Action>) {
        if !(hello.proto_min..=hello.proto_max).contains(&VERSION) {
            let reason = format!(
                "this server speaks version {VERSION}, the client {} to {}",
                hello.proto_min, hello.proto_max
            );
            self.close(Close::because(CloseCode::VERSION, reason), out);
            return;
        }
        if !is_name(&hello.nick) {
            out.push(refusal(
                Some(hello.seq),
                ErrorCode::BAD_NICK,
                name_rule("nick"),
            ));
            return;
        }
        let policy = self.settings.heartbeat_for(hello.ping_ms);
        let settings = &self.settings;
        out.push(Action::Welcomed);
        out.push(Action::Send(Reply::Welcome(Welcome {
            seq: hello.seq,
            proto: VERSION,
            server: concat!("bowline/", env!("CARGO_PKG_VERSION")).into(),
            node_id: self.identity.node_id,
            conn_id: self.identity.conn_id,
            user: hello.nick.clone(),
            guest: true,
            ping_ms: millis(policy.interval()),
            timeout_ms: millis(policy.timeout()),
            misses: policy.misses(),
            frame_bytes_max: settings.limits.after_authentication() as u64,
            rooms_max: settings.rooms_max,
            inflight_max: settings.inflight_max,
            durable: self.identity.durable,
            server_time: millis(now.wall),
        })));
        self.phase = Phase::Open(Box::new(Open {
            user: hello.nick.clone(),
            heartbeat: Prober::new(policy, now.at),
            clocks: ClockJump::new(JUMP_DEFAULT),
            probes: 0,
            probe: None,
        }));
    }

    fn join(&mut self, join: Join, out: &mut Vec<Action>) {
        let Join { seq, room, from } = join;
        let Some(from) = from else {
            let reason = "a JOIN continues or asks for history, not both";
            out.push(refusal(Some(seq), ErrorCode::SINCE_AND_HISTORY, reason));
            return;
        };
        if !is_name(&room) {
            out.push(refusal(Some(seq), ErrorCode::BAD_ROOM, name_rule("room")));
            return;
        }
        if self.joining >= self.settings.rooms_max {
            let reason = format!("{} JOINs may be unanswered", self.settings.rooms_max);
            out.push(refusal(Some(seq), ErrorCode::TOO_MANY_ROOMS, reason));
            return;
        }
        if !self.rooms.contains_key(&room) {
            if self.rooms.len() >= self.settings.rooms_max as usize {
                let reason = format!("a connection may be in {} rooms", self.settings.rooms_max);
                out.push(refusal(Some(seq), ErrorCode::TOO_MANY_ROOMS, reason));
                return;
            }
            self.rooms.insert(room.clone(), None);
        }
        self.joining += 1;
        out.push(Action::Join { seq, room, from });
    }

    fn publish(
        &mut self,
        now: Now,
        publish: Publish,
        draw: &mut dyn FnMut() -> MsgId,
        out: &mut Vec<Action>,
    ) {
        let Phase::Open(open) = &self.phase else {
            return;
        };
        let seq = publish.seq;
        let known = match &publish.room {
            RoomRef::Number(number) => self.numbers.get(number),
            RoomRef::Name(name) => self.rooms.get_key_value(name).map(|(name, _)| name),
        };
        let Some(room) = known.cloned() else {
            let reason = "JOIN the room before publishing to it";
            out.push(refusal(Some(seq), ErrorCode::NOT_JOINED, reason));
            return;
        };
        if self.inflight >= self.settings.inflight_max {
            self.close(Close::new(CloseCode::INFLIGHT), out);
            return;
        }
        let drawn = match publish.msg_id {
            Some(_) => None,
            None => Some(draw()),
        };
        let draft = Draft {
            room,
            msg_id: publish.msg_id.or(drawn).expect("one of them is there"),
            from: open.user.clone(),
            guest: true,
            ts: millis(now.wall),
            // A slice would keep the whole read buffer alive for as long as the message.
            body: Bytes::copy_from_slice(&publish.body),
        };
        self.inflight += 1;
        out.push(Action::Publish { draft, seq, drawn });
    }
}

impl Open {
    fn beat(&mut self, now: Now) -> Next {
        let wall = SystemTime::UNIX_EPOCH + now.wall;
        if self.clocks.look(now.at, wall).is_some() {
            self.heartbeat.clock_jumped(now.at);
        }
        self.heartbeat.poll(now.at)
    }
}

fn refusal(seq: Option<u64>, code: ErrorCode, message: impl Into<String>) -> Action {
    Action::Send(Reply::Error(Failure {
        seq,
        code,
        temporary: false,
        message: message.into(),
    }))
}

fn unavailable(seq: u64) -> Action {
    Action::Send(Reply::Error(Failure {
        seq: Some(seq),
        code: ErrorCode::UNAVAILABLE,
        temporary: true,
        message: "the store failed; whether this took effect is not known".into(),
    }))
}

fn store_refusal(seq: u64, refused: &Refused) -> Action {
    refusal(Some(seq), ErrorCode::ROOMS_FULL, refused.to_string())
}

fn name_rule(what: &str) -> String {
    format!("a {what} has 1 to {NAME_BYTES_MAX} bytes, no control characters, no blank at its ends")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
