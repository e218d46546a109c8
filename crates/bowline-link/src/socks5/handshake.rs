//! What is said to the proxy and heard from it, byte by byte. Nothing is read that belongs
//! to the stream behind it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::login::Login;
use super::reply::Reply;
use crate::{Endpoint, Io};

const VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;

/// Ways to log in.
const NONE: u8 = 0;
const PASSWORD: u8 = 2;
const NO_WAY: u8 = 0xff;

/// Kinds of addresses.
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// An endpoint as a request carries it: kind, address, port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target(Vec<u8>);

/// What went wrong, before it is known between whom.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Garbled { what: &'static str, byte: u8 },
    NoLogin { login: bool },
    LoginRefused { status: u8 },
    Refused(Reply),
}

pub(super) struct Handshake<'a, I> {
    stream: &'a mut I,
    login: Option<&'a Login>,
}

// === impl Target ===

impl Target {
    /// Names go to the proxy as they are.
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, &'static str> {
        if endpoint.path().is_some() {
            return Err("it is a unix socket");
        }
        let mut bytes = match endpoint.address() {
            Some(SocketAddr::V4(v4)) => [&[V4], &v4.ip().octets()[..]].concat(),
            Some(SocketAddr::V6(v6)) if v6.scope_id() != 0 => {
                return Err("a zone means nothing on another machine");
            }
            Some(SocketAddr::V6(v6)) => [&[V6], &v6.ip().octets()[..]].concat(),
            None => name(endpoint.host())?,
        };
        bytes.extend_from_slice(&endpoint.port().to_be_bytes());
        Ok(Self(bytes))
    }
}

fn name(host: &str) -> Result<Vec<u8>, &'static str> {
    if host.is_empty() {
        return Err("its name is empty");
    }
    if host.contains('%') {
        return Err("a zone means nothing on another machine");
    }
    if host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("its name has spaces or control characters");
    }
    let len = u8::try_from(host.len()).map_err(|_| "its name is longer than 255 bytes")?;
    Ok([&[NAME, len], host.as_bytes()].concat())
}

// === impl Handshake ===

impl<'a, I: Io> Handshake<'a, I> {
    pub(super) fn new(stream: &'a mut I, login: Option<&'a Login>) -> Self {
        Self { stream, login }
    }

    /// Has the proxy connect to `target`.
    pub(super) async fn run(&mut self, target: &Target) -> Result<(), Fault> {
        self.log_in().await?;
        let request = [&[VERSION, CONNECT, 0], &target.0[..]].concat();
        self.say(&request).await?;
        let [version, code] = self.hear().await?;
        expect("version", VERSION, version)?;
        // Some proxies send no more than this of a refusal.
        if let Some(reply) = Reply::of(code) {
            return Err(Fault::Refused(reply));
        }
        let [_reserved, kind] = self.hear().await?;
        self.skip_address(kind).await
    }

    async fn log_in(&mut self) -> Result<(), Fault> {
        match self.login {
            None => self.say(&[VERSION, 1, NONE]).await?,
            Some(_) => self.say(&[VERSION, 2, NONE, PASSWORD]).await?,
        }
        let [version, way] = self.hear().await?;
        expect("version", VERSION, version)?;
        match (way, self.login) {
            (NONE, _) => Ok(()),
            (PASSWORD, Some(login)) => {
                self.say(login.message()).await?;
                let [version, status] = self.hear().await?;
                expect("login version", LOGIN_VERSION, version)?;
                match status {
                    0 => Ok(()),
                    status => Err(Fault::LoginRefused { status }),
                }
            }
            (NO_WAY, login) => Err(Fault::NoLogin {
                login: login.is_some(),
            }),
            (byte, _) => Err(Fault::Garbled {
                what: "way to log in",
                byte,
            }),
        }
    }

    /// Reads the address the proxy calls from, and its port. Nobody asked.
    async fn skip_address(&mut self, kind: u8) -> Result<(), Fault> {
        match kind {
            V4 => self.hear::<6>().await.map(|_| ()),
            V6 => self.hear::<18>().await.map(|_| ()),
            NAME => {
                let [len] = self.hear().await?;
                let mut name = [0; 255 + 2];
                let rest = &mut name[..usize::from(len) + 2];
                self.stream.read_exact(rest).await.map_err(Fault::Io)?;
                Ok(())
            }
            byte => Err(Fault::Garbled {
                what: "kind of address",
                byte,
            }),
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).await.map_err(Fault::Io)?;
        self.stream.flush().await.map_err(Fault::Io)
    }

    async fn hear<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        self.stream
            .read_exact(&mut bytes)
            .await
            .map_err(Fault::Io)?;
        Ok(bytes)
    }
}

fn expect(what: &'static str, expected: u8, byte: u8) -> Result<(), Fault> {
    if byte == expected {
        Ok(())
    } else {
        Err(Fault::Garbled { what, byte })
    }
}
