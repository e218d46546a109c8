//! The streams on which people hear. In some seeds they repeat live messages or leave them
//! out, as no TCP would and a bad server might: a client must notice by itself.
//!
//! Replays are left whole, so that what was announced is owed; and so is everything once
//! the trouble is over, since only a message that follows shows that one is missing.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bowline_chat::protocol::{Reply, RoomRef, Wire, WireCodec};
use bowline_link::Endpoint;
use bowline_link::codec::{FRAME_BYTES_MAX, Limits};
use bowline_sim::scenario::Node;
use bytes::{Buf, BytesMut};
use rand_core::Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use super::TROUBLE;
use super::board::Board;
use super::script::{Hearing, hearing, one_in};

/// One live message in so many is repeated or left out.
const SPOILT_EVERY: u64 = 12;

/// How many bytes are read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Dials for one person.
#[derive(Clone)]
pub(super) struct Dialer {
    node: Node<Board>,
}

/// A stream, and the ear trumpet at its end.
pub(super) struct Line<I> {
    io: I,
    trumpet: Option<Trumpet>,
}

/// What spoils messages.
struct Trumpet {
    node: Node<Board>,
    hearing: Hearing,
    chance: Box<dyn Rng + Send>,
    codec: WireCodec,
    input: BytesMut,
    output: BytesMut,
    /// How much of a replay is to come, by the room's number.
    replaying: BTreeMap<u32, u64>,
}

// === impl Dialer ===

impl Dialer {
    pub(super) fn new(node: Node<Board>) -> Self {
        Self { node }
    }
}

impl Service<Endpoint> for Dialer {
    type Response = Line<bowline_sim::net::Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialing = self.node.dialer().call(endpoint);
        let node = self.node.clone();
        Box::pin(async move {
            let io = dialing.await?;
            let hearing = hearing(node.shared().streams);
            let trumpet = (hearing != Hearing::Well).then(|| Trumpet::new(node, hearing));
            Ok(Line { io, trumpet })
        })
    }
}

// === impl Trumpet ===

impl Trumpet {
    fn new(node: Node<Board>, hearing: Hearing) -> Self {
        let limits = Limits::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).expect("both are the limit");
        // Each dial at another moment has another chance.
        let moment = node.elapsed().as_micros() as u64;
        let chance = node.shared().streams.workload(HEARING ^ moment);
        Self {
            node,
            hearing,
            chance: Box::new(chance),
            codec: WireCodec::new(Wire::Binary, limits),
            input: BytesMut::new(),
            output: BytesMut::new(),
            replaying: BTreeMap::new(),
        }
    }

    /// Passes on what has arrived whole.
    fn pass(&mut self) -> io::Result<()> {
        while let Some(reply) = self
            .codec
            .next_reply(&mut self.input)
            .map_err(io::Error::other)?
        {
            let copies = self.copies(&reply);
            for _ in 0..copies {
                Wire::Binary.put_reply(&reply, &mut self.output);
            }
        }
        Ok(())
    }

    fn copies(&mut self, reply: &Reply) -> usize {
        match reply {
            Reply::Joined(joined) => {
                self.replaying.insert(joined.number, joined.count);
                1
            }
            Reply::Message(message) => {
                let RoomRef::Number(number) = message.room else {
                    return 1;
                };
                let left = self.replaying.entry(number).or_default();
                if *left > 0 {
                    *left -= 1;
                    return 1;
                }
                if self.node.elapsed() >= TROUBLE {
                    return 1;
                }
                let is_spoilt = one_in(&mut self.chance, SPOILT_EVERY);
                match self.hearing {
                    Hearing::Badly if is_spoilt && one_in(&mut self.chance, 2) => 0,
                    Hearing::Badly | Hearing::Twice if is_spoilt => 2,
                    Hearing::Well | Hearing::Badly | Hearing::Twice => 1,
                }
            }
            _ => 1,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Line<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(trumpet) = &mut this.trumpet else {
            return Pin::new(&mut this.io).poll_read(cx, into);
        };
        while trumpet.output.is_empty() {
            let mut scratch = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            trumpet.input.extend_from_slice(read.filled());
            trumpet.pass()?;
        }
        let len = trumpet.output.len().min(into.remaining());
        into.put_slice(&trumpet.output[..len]);
        trumpet.output.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Line<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Set in the index of the workload generator of every stream.
const HEARING: u64 = 1 << 62;
