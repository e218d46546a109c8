//! One name, one kind of record: every server, attempt and alias it takes. It remembers
//! nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use hickory_proto::rr::Name;
use rand_core::{CryptoRng, Rng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::message::{self, Data, Question, Reply, written};
use super::{ALIASES_MAX, Datagrams, Error, Kind, RECORDS_MAX, Secrets, Settings, Sockets};

/// The longest datagram that is taken: the most without EDNS is 512 bytes (RFC 1035), and a
/// server that sends more means well.
const DATAGRAM_BYTES: usize = 4096;

/// The first of the ports a question may come from (RFC 6335: those nobody is assigned).
const PORT_MIN: u16 = 49_152;

/// How many drawn ports are tried before any free one is taken.
const PORTS_TRIED: usize = 8;

/// What asking takes.
pub(super) struct Asking<'a, S> {
    pub(super) settings: &'a Settings,
    pub(super) sockets: &'a S,
    pub(super) secrets: &'a Secrets,
    /// How often each server is asked.
    pub(super) rounds: u32,
}

/// The worst that the servers said, worst last: a server that fails says more than silence,
/// and silence more than a socket that did not open.
enum Worst {
    Nothing,
    Network(SocketAddr, io::Error),
    Silence,
    Failure(SocketAddr, String),
}

// === impl Asking ===

impl<S: Sockets> Asking<'_, S> {
    /// The records of `text`, and how long they are good.
    pub(super) async fn find(
        &self,
        text: &str,
        kind: Kind,
    ) -> Result<(Vec<Data>, Duration), Error> {
        let name = message::name(text)?;
        match timeout(self.patience(), self.follow(name.clone(), kind)).await {
            Ok(found) => found,
            Err(_) => Err(self.silence(&name)),
        }
    }

    async fn follow(&self, asked: Name, kind: Kind) -> Result<(Vec<Data>, Duration), Error> {
        let mut name = asked.clone();
        let mut ttl = Duration::MAX;
        let mut aliases = 0;
        loop {
            let reply = self.ask(&name, kind).await?;
            let before = aliases;
            loop {
                if let Some((records, of_records)) = reply.records(&name, kind) {
                    if records.len() > RECORDS_MAX {
                        return Err(Error::TooManyRecords {
                            name: written(&name),
                            kind,
                            max: RECORDS_MAX,
                        });
                    }
                    return Ok((records, ttl.min(of_records)));
                }
                let Some((target, of_alias)) = reply.alias(&name) else {
                    break;
                };
                aliases += 1;
                if aliases > ALIASES_MAX {
                    return Err(Error::TooManyAliases {
                        name: written(&asked),
                        max: ALIASES_MAX,
                    });
                }
                (name, ttl) = (target, ttl.min(of_alias));
            }
            if reply.denies_name() {
                let name = written(&name);
                return Err(Error::NoSuchName { name });
            }
            // An alias that leads out of what the server told is asked for by itself.
            if aliases == before {
                let name = written(&name);
                return Err(Error::NoData { name, kind });
            }
        }
    }

    async fn ask(&self, name: &Name, kind: Kind) -> Result<Reply, Error> {
        let mut worst = Worst::Nothing;
        for _ in 0..self.rounds {
            for &server in self.settings.servers() {
                let id = self.draw_u16();
                let question = Question { id, name, kind };
                let bytes = question.to_bytes()?;
                let exchange = self.exchange(server, &question, &bytes);
                let now = match timeout(self.settings.per_attempt(), exchange).await {
                    Err(_) => Worst::Silence,
                    Ok(Err(error)) => Worst::Network(server, error),
                    Ok(Ok(reply)) => match reply.failure() {
                        None => return Ok(reply),
                        Some(said) => Worst::Failure(server, said),
                    },
                };
                if now.rank() >= worst.rank() {
                    worst = now;
                }
            }
        }
        Err(match worst {
            Worst::Nothing | Worst::Silence => self.silence(name),
            Worst::Network(server, source) => Error::Network {
                name: written(name),
                server,
                source,
            },
            Worst::Failure(server, said) => Error::ServerFailure {
                name: written(name),
                server,
                said,
            },
        })
    }

    async fn exchange(
        &self,
        server: SocketAddr,
        question: &Question<'_>,
        bytes: &[u8],
    ) -> io::Result<Reply> {
        let reply = self.by_datagram(server, question, bytes).await?;
        if reply.is_truncated() {
            return self.by_stream(server, question, bytes).await;
        }
        Ok(reply)
    }

    async fn by_datagram(
        &self,
        server: SocketAddr,
        question: &Question<'_>,
        bytes: &[u8],
    ) -> io::Result<Reply> {
        let socket = self.bind(server).await?;
        socket.send_to(bytes, server).await?;
        let mut answer = vec![0; DATAGRAM_BYTES];
        loop {
            let (len, from) = socket.receive(&mut answer).await?;
            // Whatever else arrives here was sent by a mistake or a forger.
            if from != server {
                continue;
            }
            if let Some(reply) = question.read(&answer[..len]) {
                return Ok(reply);
            }
        }
    }

    /// Messages over TCP have their length before them in two bytes (RFC 1035, 4.2.2).
    async fn by_stream(
        &self,
        server: SocketAddr,
        question: &Question<'_>,
        bytes: &[u8],
    ) -> io::Result<Reply> {
        let mut stream = self.sockets.connect(server).await?;
        let len = u16::try_from(bytes.len()).expect("a question has one name");
        let mut message = len.to_be_bytes().to_vec();
        message.extend_from_slice(bytes);
        stream.write_all(&message).await?;
        stream.flush().await?;
        let len = usize::from(stream.read_u16().await?);
        let mut answer = vec![0; len];
        stream.read_exact(&mut answer).await?;
        let reply = question.read(&answer).filter(|reply| !reply.is_truncated());
        reply.ok_or_else(|| {
            let message = "the answer over TCP is none to the question, or cut short too";
            io::Error::new(io::ErrorKind::InvalidData, message)
        })
    }

    /// A socket at a drawn port, so that a forger has to guess it as well as the id.
    async fn bind(&self, server: SocketAddr) -> io::Result<S::Udp> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        for _ in 0..PORTS_TRIED {
            let port = PORT_MIN | self.draw_u16();
            if let Ok(socket) = self.sockets.bind(SocketAddr::new(any, port)).await {
                return Ok(socket);
            }
        }
        self.sockets.bind(SocketAddr::new(any, 0)).await
    }

    fn draw_u16(&self) -> u16 {
        let mut bytes = [0; 2];
        lock(self.secrets).fill_bytes(&mut bytes);
        u16::from_le_bytes(bytes)
    }

    fn silence(&self, name: &Name) -> Error {
        Error::Timeout {
            name: written(name),
            servers: self.settings.servers().len(),
            attempts: self.rounds,
            after: self.patience(),
        }
    }

    fn patience(&self) -> Duration {
        self.settings.patience_of(self.rounds)
    }
}

// === impl Worst ===

impl Worst {
    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Network(..) => 1,
            Self::Silence => 2,
            Self::Failure(..) => 3,
        }
    }
}

fn lock(secrets: &Secrets) -> MutexGuard<'_, dyn CryptoRng + Send + 'static> {
    secrets.lock().unwrap_or_else(PoisonError::into_inner)
}
