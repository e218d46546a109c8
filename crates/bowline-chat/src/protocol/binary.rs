//! The binary payloads: field lists in the order of `docs/protocol.md`.

use bytes::{BufMut, Bytes, BytesMut};

use super::field::{Malformed, Reader, put_string, put_varint};
use super::message::{
    Beat, Failure, Hello, Join, JoinFrom, Joined, Ping, Publish, Published, Reply, Request,
    RoomMessage, RoomRef, Welcome,
};
use super::{Close, CloseCode, ErrorCode};
use crate::log::{Epoch, Message, MsgId, Offset, Position};

/// Opcodes, the low 12 bits of a command; an answer has bit 15 set.
pub(super) mod opcode {
    pub(crate) const HELLO: u16 = 1;
    pub(crate) const JOIN: u16 = 2;
    pub(crate) const PUBLISH: u16 = 3;
    pub(crate) const MESSAGE: u16 = 4;
    pub(crate) const ERROR: u16 = 5;
    pub(crate) const PING: u16 = 6;
    pub(crate) const CLOSE: u16 = 7;
    pub(crate) const ANSWER: u16 = 0x8000;
}

mod join_kind {
    pub(super) const LIVE: u8 = 0;
    pub(super) const SINCE: u8 = 1;
    pub(super) const HISTORY: u8 = 2;
}

mod room_kind {
    pub(super) const NUMBER: u8 = 0;
    pub(super) const NAME: u8 = 1;
}

mod flag {
    pub(super) const MSG_ID: u8 = 1;
    pub(super) const DUPLICATE: u8 = 2;
    pub(super) const GUEST: u8 = 1;
}

/// The command `request` is sent under.
pub(super) fn request_command(request: &Request) -> u16 {
    match request {
        Request::Hello(_) => opcode::HELLO,
        Request::Join(_) => opcode::JOIN,
        Request::Publish(_) => opcode::PUBLISH,
        Request::Pong(_) => opcode::PING | opcode::ANSWER,
        Request::Close(_) => opcode::CLOSE,
        Request::Unknown { .. } => unreachable!("nobody sends what it does not know"),
    }
}

/// The command `reply` is sent under.
pub(super) fn reply_command(reply: &Reply) -> u16 {
    match reply {
        Reply::Welcome(_) => opcode::HELLO | opcode::ANSWER,
        Reply::Joined(_) => opcode::JOIN | opcode::ANSWER,
        Reply::Published(_) => opcode::PUBLISH | opcode::ANSWER,
        Reply::Message(_) => opcode::MESSAGE,
        Reply::Error(_) => opcode::ERROR | opcode::ANSWER,
        Reply::Ping(_) => opcode::PING,
        Reply::Close(_) => opcode::CLOSE,
        Reply::Unknown => unreachable!("nobody sends what it does not know"),
    }
}

/// Appends the payload of `request`.
pub(super) fn put_request(request: &Request, out: &mut BytesMut) {
    match request {
        Request::Hello(hello) => {
            put_varint(out, hello.seq);
            put_varint(out, hello.proto_min.into());
            put_varint(out, hello.proto_max.into());
            put_string(out, &hello.nick);
            put_string(out, &hello.client);
            put_varint(out, hello.ping_ms.unwrap_or(0));
        }
        Request::Join(join) => {
            put_varint(out, join.seq);
            put_string(out, &join.room);
            match join.from {
                None | Some(JoinFrom::Live) => out.put_u8(join_kind::LIVE),
                Some(JoinFrom::Since(position)) => {
                    out.put_u8(join_kind::SINCE);
                    put_position(out, position);
                }
                Some(JoinFrom::History(count)) => {
                    out.put_u8(join_kind::HISTORY);
                    put_varint(out, count);
                }
            }
        }
        Request::Publish(publish) => {
            put_varint(out, publish.seq);
            put_room(out, &publish.room);
            put_optional_id(out, 0, publish.msg_id);
            out.put_slice(&publish.body);
        }
        Request::Pong(beat) => out.put_slice(&beat.to_bytes()),
        Request::Close(close) => put_close(close, out),
        Request::Unknown { .. } => unreachable!("nobody sends what it does not know"),
    }
}

/// Appends the payload of `reply`.
pub(super) fn put_reply(reply: &Reply, out: &mut BytesMut) {
    match reply {
        Reply::Welcome(welcome) => put_welcome(welcome, out),
        Reply::Joined(joined) => {
            put_varint(out, joined.seq);
            put_string(out, &joined.room);
            put_varint(out, joined.number.into());
            put_position(out, joined.position);
            out.put_u8(match joined.recovered {
                None => 0,
                Some(false) => 1,
                Some(true) => 2,
            });
            put_varint(out, joined.count);
        }
        Reply::Published(published) => {
            put_varint(out, published.seq);
            put_position(out, published.position);
            let duplicate = if published.duplicate {
                flag::DUPLICATE
            } else {
                0
            };
            put_optional_id(out, duplicate, published.msg_id);
        }
        Reply::Message(message) => put_message(message, out),
        Reply::Error(failure) => {
            // 0 is no request's number.
            put_varint(out, failure.seq.unwrap_or(0));
            put_varint(out, failure.code.0.into());
            out.put_u8(failure.temporary.into());
            put_string(out, &failure.message);
        }
        Reply::Ping(ping) => {
            out.put_slice(&ping.beat.to_bytes());
            put_varint(out, ping.interval_ms);
        }
        Reply::Close(close) => put_close(close, out),
        Reply::Unknown => unreachable!("nobody sends what it does not know"),
    }
}

/// What a client said; `None` for a command this version does not know.
pub(super) fn request(command: u16, payload: Bytes) -> Result<Option<Request>, Malformed> {
    const PONG: u16 = opcode::PING | opcode::ANSWER;
    let mut from = Reader::new(payload);
    Ok(Some(match command {
        opcode::HELLO => Request::Hello(Hello {
            seq: from.varint("seq")?,
            proto_min: from.varint_u32("proto_min")?,
            proto_max: from.varint_u32("proto_max")?,
            nick: from.string("nick")?.into(),
            client: from.string("client")?,
            ping_ms: Some(from.varint("ping_ms")?).filter(|wish| *wish > 0),
        }),
        opcode::JOIN => Request::Join(Join {
            seq: from.varint("seq")?,
            room: from.string("room")?.into(),
            from: Some(match from.byte("from")? {
                join_kind::LIVE => JoinFrom::Live,
                join_kind::SINCE => JoinFrom::Since(position(&mut from)?),
                join_kind::HISTORY => JoinFrom::History(from.varint("history")?),
                _ => return Err(Malformed::Range("from")),
            }),
        }),
        opcode::PUBLISH => Request::Publish(Publish {
            seq: from.varint("seq")?,
            room: room(&mut from)?,
            msg_id: optional_id(&mut from)?.1,
            body: from.rest(),
        }),
        PONG => Request::Pong(beat(&mut from)?),
        opcode::CLOSE => Request::Close(close(&mut from)?),
        _ => return Ok(None),
    }))
}

/// What a server said; `None` for a command this version does not know.
pub(super) fn reply(command: u16, payload: Bytes) -> Result<Option<Reply>, Malformed> {
    const WELCOME: u16 = opcode::HELLO | opcode::ANSWER;
    const JOINED: u16 = opcode::JOIN | opcode::ANSWER;
    const PUBLISHED: u16 = opcode::PUBLISH | opcode::ANSWER;
    const ERROR: u16 = opcode::ERROR | opcode::ANSWER;
    let mut from = Reader::new(payload);
    Ok(Some(match command {
        WELCOME => Reply::Welcome(welcome(&mut from)?),
        JOINED => Reply::Joined(Joined {
            seq: from.varint("seq")?,
            room: from.string("room")?.into(),
            number: from.varint_u32("number")?,
            position: position(&mut from)?,
            recovered: match from.byte("recovered")? {
                0 => None,
                1 => Some(false),
                2 => Some(true),
                _ => return Err(Malformed::Range("recovered")),
            },
            count: from.varint("count")?,
        }),
        PUBLISHED => {
            let seq = from.varint("seq")?;
            let position = position(&mut from)?;
            let (flags, msg_id) = optional_id(&mut from)?;
            Reply::Published(Published {
                seq,
                position,
                duplicate: flags & flag::DUPLICATE != 0,
                msg_id,
            })
        }
        opcode::MESSAGE => Reply::Message(message(from)?),
        ERROR => Reply::Error(Failure {
            seq: Some(from.varint("seq")?).filter(|seq| *seq > 0),
            code: ErrorCode(from.varint_u16("code")?),
            temporary: from.byte("temporary")? != 0,
            message: from.string("message")?,
        }),
        opcode::PING => Reply::Ping(Ping {
            beat: beat(&mut from)?,
            interval_ms: from.varint("interval_ms")?,
        }),
        opcode::CLOSE => Reply::Close(close(&mut from)?),
        _ => return Ok(None),
    }))
}

fn put_welcome(welcome: &Welcome, out: &mut BytesMut) {
    put_varint(out, welcome.seq);
    put_varint(out, welcome.proto.into());
    put_string(out, &welcome.server);
    put_varint(out, welcome.node_id.into());
    put_varint(out, welcome.conn_id);
    put_string(out, &welcome.user);
    out.put_u8(welcome.guest.into());
    put_varint(out, welcome.ping_ms);
    put_varint(out, welcome.timeout_ms);
    put_varint(out, welcome.misses.into());
    put_varint(out, welcome.frame_bytes_max);
    put_varint(out, welcome.rooms_max.into());
    put_varint(out, welcome.inflight_max.into());
    out.put_u8(welcome.durable.into());
    put_varint(out, welcome.server_time);
}

fn welcome(from: &mut Reader) -> Result<Welcome, Malformed> {
    Ok(Welcome {
        seq: from.varint("seq")?,
        proto: from.varint_u32("proto")?,
        server: from.string("server")?,
        node_id: from.varint_u32("node_id")?,
        conn_id: from.varint("conn_id")?,
        user: from.string("user")?.into(),
        guest: from.byte("guest")? != 0,
        ping_ms: from.varint("ping_ms")?,
        timeout_ms: from.varint("timeout_ms")?,
        misses: from.varint_u32("misses")?,
        frame_bytes_max: from.varint("frame_bytes_max")?,
        rooms_max: from.varint_u32("rooms_max")?,
        inflight_max: from.varint_u32("inflight_max")?,
        durable: from.byte("durable")? != 0,
        server_time: from.varint("server_time")?,
    })
}

fn put_message(sent: &RoomMessage, out: &mut BytesMut) {
    let message = &sent.message;
    put_room(out, &sent.room);
    put_position(
        out,
        Position {
            epoch: sent.epoch,
            offset: message.offset,
        },
    );
    // Nearly always 1, so nearly always one byte.
    put_varint(out, message.offset.0.saturating_sub(message.prev.0));
    out.put_slice(&message.msg_id.0);
    out.put_u8(if message.guest { flag::GUEST } else { 0 });
    put_string(out, &message.from);
    put_varint(out, message.ts);
    out.put_slice(&message.body);
}

fn message(mut from: Reader) -> Result<RoomMessage, Malformed> {
    let room = room(&mut from)?;
    let Position { epoch, offset } = position(&mut from)?;
    let back = from.varint("prev")?;
    let prev = offset.0.checked_sub(back).ok_or(Malformed::Range("prev"))?;
    Ok(RoomMessage {
        room,
        epoch,
        message: Message {
            offset,
            prev: Offset(prev),
            msg_id: MsgId(from.array("msg_id")?),
            guest: from.byte("flags")? & flag::GUEST != 0,
            from: from.string("from")?.into(),
            ts: from.varint("ts")?,
            body: from.rest(),
        },
    })
}

fn put_room(out: &mut BytesMut, room: &RoomRef) {
    match room {
        RoomRef::Number(number) => {
            out.put_u8(room_kind::NUMBER);
            put_varint(out, (*number).into());
        }
        RoomRef::Name(name) => {
            out.put_u8(room_kind::NAME);
            put_string(out, name);
        }
    }
}

fn room(from: &mut Reader) -> Result<RoomRef, Malformed> {
    match from.byte("room")? {
        room_kind::NUMBER => Ok(RoomRef::Number(from.varint_u32("room")?)),
        room_kind::NAME => Ok(RoomRef::Name(from.string("room")?.into())),
        _ => Err(Malformed::Range("room")),
    }
}

fn put_position(out: &mut BytesMut, position: Position) {
    out.put_u64(position.epoch.0);
    put_varint(out, position.offset.0);
}

fn position(from: &mut Reader) -> Result<Position, Malformed> {
    Ok(Position {
        epoch: Epoch(from.u64("epoch")?),
        offset: Offset(from.varint("offset")?),
    })
}

fn put_optional_id(out: &mut BytesMut, flags: u8, id: Option<MsgId>) {
    match id {
        Some(MsgId(id)) => {
            out.put_u8(flags | flag::MSG_ID);
            out.put_slice(&id);
        }
        None => out.put_u8(flags),
    }
}

fn optional_id(from: &mut Reader) -> Result<(u8, Option<MsgId>), Malformed> {
    let flags = from.byte("flags")?;
    let id = if flags & flag::MSG_ID != 0 {
        Some(MsgId(from.array("msg_id")?))
    } else {
        None
    };
    Ok((flags, id))
}

fn beat(from: &mut Reader) -> Result<Beat, Malformed> {
    from.array("beat").map(Beat::from_bytes)
}

fn put_close(close: &Close, out: &mut BytesMut) {
    put_varint(out, close.code.0.into());
    put_string(out, &close.reason);
}

fn close(from: &mut Reader) -> Result<Close, Malformed> {
    Ok(Close {
        code: CloseCode(from.varint_u16("code")?),
        reason: from.string("reason")?,
    })
}
