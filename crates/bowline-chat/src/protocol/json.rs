//! The same messages as JSON objects, one per line or WebSocket text frame.
//!
//! Unknown fields are ignored and an unknown `op` is answered: a person types this.

use serde::{Deserialize, Serialize};

use super::Close;
use super::message::{
    Beat, Failure, Hello, Join, Joined, Ping, Publish, Published, Reply, Request, RoomMessage,
    Welcome,
};

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum RequestLine<H, J, P, B, C> {
    Hello(H),
    Join(J),
    Publish(P),
    Pong(B),
    Close(C),
}

type ReadRequest = RequestLine<Hello, Join, Publish, Beat, Close>;
type WriteRequest<'a> = RequestLine<&'a Hello, &'a Join, &'a Publish, &'a Beat, &'a Close>;

#[derive(Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum WriteReply<'a> {
    Welcome(&'a Welcome),
    Joined(&'a Joined),
    Published(&'a Published),
    Message(&'a RoomMessage),
    Error(&'a Failure),
    Ping(&'a Ping),
    Close(&'a Close),
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum ReadReply {
    Welcome(Welcome),
    Joined(Joined),
    Published(Published),
    Message(RoomMessage),
    Error(Failure),
    Ping(Ping),
    Close(Close),
}

/// What can be known of a line whose `op` is not.
#[derive(Deserialize)]
struct AnyLine {
    op: String,
    #[serde(default)]
    seq: Option<u64>,
}

const REQUESTS: [&str; 5] = ["hello", "join", "publish", "pong", "close"];
const REPLIES: [&str; 7] = [
    "welcome",
    "joined",
    "published",
    "message",
    "error",
    "ping",
    "close",
];

/// What a client said.
pub(super) fn request(line: &[u8]) -> serde_json::Result<Request> {
    let any: AnyLine = serde_json::from_slice(line)?;
    if !REQUESTS.contains(&any.op.as_str()) {
        return Ok(Request::Unknown {
            seq: any.seq,
            op: any.op,
        });
    }
    Ok(match serde_json::from_slice(line)? {
        ReadRequest::Hello(hello) => Request::Hello(hello),
        ReadRequest::Join(join) => Request::Join(join),
        ReadRequest::Publish(publish) => Request::Publish(publish),
        ReadRequest::Pong(beat) => Request::Pong(beat),
        ReadRequest::Close(close) => Request::Close(close),
    })
}

/// What a server said.
pub(super) fn reply(line: &[u8]) -> serde_json::Result<Reply> {
    let any: AnyLine = serde_json::from_slice(line)?;
    if !REPLIES.contains(&any.op.as_str()) {
        return Ok(Reply::Unknown);
    }
    Ok(match serde_json::from_slice(line)? {
        ReadReply::Welcome(welcome) => Reply::Welcome(welcome),
        ReadReply::Joined(joined) => Reply::Joined(joined),
        ReadReply::Published(published) => Reply::Published(published),
        ReadReply::Message(message) => Reply::Message(message),
        ReadReply::Error(failure) => Reply::Error(failure),
        ReadReply::Ping(ping) => Reply::Ping(ping),
        ReadReply::Close(close) => Reply::Close(close),
    })
}

/// The line of `request`, without its line feed.
pub(super) fn request_line(request: &Request) -> Vec<u8> {
    line(&match request {
        Request::Hello(hello) => WriteRequest::Hello(hello),
        Request::Join(join) => WriteRequest::Join(join),
        Request::Publish(publish) => WriteRequest::Publish(publish),
        Request::Pong(beat) => WriteRequest::Pong(beat),
        Request::Close(close) => WriteRequest::Close(close),
        Request::Unknown { .. } => unreachable!("nobody sends what it does not know"),
    })
}

/// The line of `reply`, without its line feed.
pub(super) fn reply_line(reply: &Reply) -> Vec<u8> {
    line(&match reply {
        Reply::Welcome(welcome) => WriteReply::Welcome(welcome),
        Reply::Joined(joined) => WriteReply::Joined(joined),
        Reply::Published(published) => WriteReply::Published(published),
        Reply::Message(message) => WriteReply::Message(message),
        Reply::Error(failure) => WriteReply::Error(failure),
        Reply::Ping(ping) => WriteReply::Ping(ping),
        Reply::Close(close) => WriteReply::Close(close),
        Reply::Unknown => unreachable!("nobody sends what it does not know"),
    })
}

fn line(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("text keys and plain values always make JSON")
}

/// `body` as text, or `body_b64` where it is not UTF-8.
pub(crate) mod body {
    use bytes::Bytes;
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Fields<T> {
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        body: Option<T>,
        #[serde(default = "none", skip_serializing_if = "Option::is_none")]
        body_b64: Option<T>,
    }

    fn none<T>() -> Option<T> {
        None
    }

    pub(crate) fn serialize<S: Serializer>(body: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(body) {
            Ok(text) => Fields {
                body: Some(text),
                body_b64: None,
            }
            .serialize(to),
            Err(_) => Fields {
                body: None,
                body_b64: Some(BASE64.encode(body).as_str()),
            }
            .serialize(to),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        match Fields::<String>::deserialize(from)? {
            Fields {
                body: Some(text),
                body_b64: None,
            } => Ok(text.into()),
            Fields {
                body: None,
                body_b64: Some(text),
            } => BASE64
                .decode(text.as_bytes())
                .map(Bytes::from)
                .map_err(|_| D::Error::custom("body_b64 is not base64")),
            _ => Err(D::Error::custom("expected one of body and body_b64")),
        }
    }
}

/// `since` or `history`, or neither; both is `None`, for the server to refuse.
pub(super) mod join_from {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::super::message::JoinFrom;
    use crate::log::Position;

    #[derive(Serialize, Deserialize)]
    struct Fields {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Position>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        history: Option<u64>,
    }

    pub(crate) fn serialize<S: Serializer>(
        from: &Option<JoinFrom>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let (since, history) = match from {
            None | Some(JoinFrom::Live) => (None, None),
            Some(JoinFrom::Since(position)) => (Some(*position), None),
            Some(JoinFrom::History(count)) => (None, Some(*count)),
        };
        Fields { since, history }.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<JoinFrom>, D::Error> {
        Ok(match Fields::deserialize(from)? {
            Fields {
                since: None,
                history: None,
            } => Some(JoinFrom::Live),
            Fields {
                since: Some(position),
                history: None,
            } => Some(JoinFrom::Since(position)),
            Fields {
                since: None,
                history: Some(count),
            } => Some(JoinFrom::History(count)),
            Fields {
                since: Some(_),
                history: Some(_),
            } => None,
        })
    }
}
