//! The request to the proxy and the head of its answer, within limits. The answer's body,
//! where it refuses, is not read.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::login::Login;
use crate::{Endpoint, Io};

/// How many bytes the head of an answer may have: twice what common servers allow.
pub const HEAD_MAX: usize = 16 * 1024;

/// How many headers it may have.
pub const HEADERS_MAX: usize = 64;

/// How many interim answers (1xx) may come before the one that counts.
pub const INTERIM_MAX: usize = 4;

/// How many characters of the proxy's own words an error carries.
pub const REASON_MAX: usize = 128;

/// How much is read at once.
const CHUNK: usize = 1024;

/// What every answer begins with.
const OPENING: &[u8] = b"HTTP/1.";

/// A final answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    /// What came right behind the head: it belongs to the stream.
    pub(super) early: Bytes,
}

/// What went wrong, before it is known with whom.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    HungUp { heard: usize },
    TooLong,
    Garbled(&'static str),
}

/// The endpoint as CONNECT names it. Whatever could end the line and begin another is
/// refused.
pub(super) fn authority(endpoint: &Endpoint) -> Result<String, &'static str> {
    if endpoint.path().is_some() {
        return Err("it is a unix socket");
    }
    let host = endpoint.host();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match endpoint.address() {
        Some(_) if host.contains('%') => Err("a zone means nothing on another machine"),
        Some(_) => Ok(endpoint.to_string()),
        None if host.is_empty() => Err("its name is empty"),
        None if host.len() > 255 => Err("its name is longer than 255 bytes"),
        None if !host.bytes().all(plain) => Err("its name has other characters than a host name"),
        None => Ok(endpoint.to_string()),
    }
}

pub(super) fn request(authority: &str, login: Option<&Login>) -> String {
    let login = login.map_or_else(String::new, |login| {
        format!("Proxy-Authorization: Basic {}\r\n", login.encoded())
    });
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n")
}

/// Sends `request` and reads the final answer to it.
pub(super) async fn response(stream: &mut impl Io, request: &str) -> Result<Answer, Fault> {
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(Fault::Io)?;
    stream.flush().await.map_err(Fault::Io)?;
    let mut heard = BytesMut::new();
    for _ in 0..=INTERIM_MAX {
        let head = read_head(stream, &mut heard).await?;
        let (status, reason) = parse(&head)?;
        if status >= 200 {
            return Ok(Answer {
                status,
                reason,
                early: heard.freeze(),
            });
        }
        if status == 101 {
            return Err(Fault::Garbled("it switches protocols, which nobody asked"));
        }
    }
    Err(Fault::Garbled("it never comes to a final answer"))
}

/// Takes the next head off the front of `heard`, reading as much as that needs.
async fn read_head(stream: &mut impl Io, heard: &mut BytesMut) -> Result<BytesMut, Fault> {
    let mut looked_at = 0;
    loop {
        let opening = heard.len().min(OPENING.len());
        if heard[..opening] != OPENING[..opening] {
            return Err(Fault::Garbled("it does not begin with HTTP/1"));
        }
        if let Some(end) = end_of_head(heard, looked_at) {
            return Ok(heard.split_to(end));
        }
        looked_at = heard.len();
        if heard.len() >= HEAD_MAX {
            return Err(Fault::TooLong);
        }
        let room = CHUNK.min(HEAD_MAX - heard.len());
        heard.reserve(room);
        let read = stream.read_buf(&mut (&mut *heard).limit(room)).await;
        if read.map_err(Fault::Io)? == 0 {
            return Err(Fault::HungUp { heard: heard.len() });
        }
    }
}

/// Where the empty line ends, if there is one. Lines may end without a carriage return
/// (RFC 9112, section 2.2).
fn end_of_head(heard: &[u8], looked_at: usize) -> Option<usize> {
    // An empty line takes three bytes, of which two may have been looked at.
    let from = looked_at.saturating_sub(2);
    let newlines = (from..heard.len()).filter(|&at| heard[at] == b'\n');
    newlines
        .map(|at| at + 1)
        .find_map(|next| match &heard[next..] {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        })
}

fn parse(head: &[u8]) -> Result<(u16, String), Fault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(len)) if len == head.len() => {}
        Ok(_) => return Err(Fault::Garbled("its headers end too early")),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Fault::Garbled("it has more headers than anybody needs"));
        }
        Err(_) => return Err(Fault::Garbled("its status line or a header is malformed")),
    }
    let reason = response.reason.unwrap_or_default();
    let reason = reason.chars().take(REASON_MAX).collect();
    match response.code {
        Some(status @ 100..600) => Ok((status, reason)),
        _ => Err(Fault::Garbled("its status is none that HTTP has")),
    }
}
