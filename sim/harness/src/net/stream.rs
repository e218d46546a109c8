//! One end of a simulated TCP stream, with the network's faults in front of the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::Net;
use super::place::Place;
use super::state::WireId;
use super::wire::{End, Fate, Reading, Side, Writing};
use crate::trace::What;

/// One end of a simulated stream, dialed or accepted.
///
/// Which faults do what to it is said at [`Fault`](crate::Fault). Dropping it closes it as
/// Linux does: with an end, or with a reset where bytes were left unread.
#[derive(Debug)]
pub struct Stream {
    /// There until the stream is dropped.
    socket: Option<TcpStream>,
    net: Net,
    wire: WireId,
    side: Side,
    at: Place,
    shut: bool,
    ended: bool,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, net: Net, wire: WireId, side: Side, at: Place) -> Self {
        Self {
            socket: Some(socket),
            net,
            wire,
            side,
            at,
            shut: false,
            ended: false,
        }
    }

    fn socket(&mut self) -> Pin<&mut TcpStream> {
        let socket = self.socket.as_mut();
        Pin::new(socket.expect("only the drop takes it"))
    }

    fn wait<T>(&self, note: impl FnOnce(&mut End)) -> Poll<T> {
        self.net
            .change(|state, _| note(state.wire_mut(self.wire).end_mut(self.side)));
        Poll::Pending
    }

    /// The application is told that the peer will send no more.
    fn end(&mut self) -> Poll<io::Result<()>> {
        if !self.ended {
            self.ended = true;
            self.record(What::End, 0);
        }
        Poll::Ready(Ok(()))
    }

    fn fail(&self, kind: io::ErrorKind) -> io::Error {
        self.record(What::Broken, 0);
        kind.into()
    }

    fn record(&self, what: What, len: usize) {
        self.net.record_end(self.wire, self.side, what, len);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (wire, side) = (self.wire, self.side);
        let clock = &self.net.shared.clock;
        let reading = self
            .net
            .change(|state, _| state.reading(wire, side, clock, cx));
        let limit = match reading {
            Reading::Pass(limit) => limit,
            Reading::Wait | Reading::WaitUntil(_) => return Poll::Pending,
            Reading::End => return self.end(),
            Reading::Over => return Poll::Ready(Ok(())),
            Reading::Fail(kind) => return Poll::Ready(Err(self.fail(kind))),
        };
        let before = buf.filled().len();
        match read_up_to(limit, self.socket(), cx, buf) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                self.net
                    .change(|state, _| state.wire_mut(wire).end_mut(side).fate = Fate::Over);
                return Poll::Ready(Err(self.fail(error.kind())));
            }
            Poll::Pending => return self.wait(|end| end.note_reader(cx)),
        }
        let read = &mut buf.filled_mut()[before..];
        if read.is_empty() {
            return self.end();
        }
        let (at, peer) = self
            .net
            .change(|state, wake| state.took(wire, side, read, wake));
        self.net
            .shared
            .trace
            .stream(at, peer, What::Read, read.len());
        Poll::Ready(Ok(()))
    }
}

/// Reads no more than `limit` bytes, whatever room there is.
fn read_up_to(
    limit: usize,
    socket: Pin<&mut TcpStream>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if limit >= buf.remaining() {
        return socket.poll_read(cx, buf);
    }
    let mut few = ReadBuf::new(buf.initialize_unfilled_to(limit));
    ready!(socket.poll_read(cx, &mut few))?;
    let read = few.filled().len();
    buf.advance(read);
    Poll::Ready(Ok(()))
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.shut {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let (wire, side) = (self.wire, self.side);
        let clock = &self.net.shared.clock;
        let writing = self
            .net
            .change(|state, wake| state.writing(wire, side, buf.len(), clock, wake, cx));
        let (wrote, (at, peer)) = match writing {
            Writing::Pass(len) => match self.socket().poll_write(cx, &buf[..len]) {
                Poll::Ready(Ok(wrote)) => {
                    let clock = &self.net.shared.clock;
                    let names = self
                        .net
                        .change(|state, _| state.wrote(wire, side, wrote, clock));
                    (wrote, names)
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(error.kind()))),
                Poll::Pending => return self.wait(|end| end.note_writer(cx)),
            },
            Writing::Swallow(len) | Writing::Lose(len) | Writing::Cut(len) => {
                (len, self.net.change(|state, _| state.names(wire, side)))
            }
            Writing::Wait => return Poll::Pending,
            Writing::Fail(kind) => return Poll::Ready(Err(self.fail(kind))),
        };
        self.net.shared.trace.stream(at, peer, What::Wrote, wrote);
        Poll::Ready(Ok(wrote))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shut {
            return Poll::Ready(Ok(()));
        }
        let (wire, side) = (self.wire, self.side);
        let (fate, heard) = self.net.change(|state, _| {
            let wire = state.wire(wire);
            (wire.end(side).fate, wire.is_heard(side))
        });
        if fate != Fate::Alive {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        if heard {
            ready!(self.socket().poll_shutdown(cx))?;
            let now = self.net.now();
            self.net.change(|state, _| state.shut(wire, side, now));
        }
        self.shut = true;
        self.record(What::Shut, 0);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let socket = self.socket.take().expect("a stream is dropped once");
        let (wire, side) = (self.wire, self.side);
        let at = &self.at;
        if let Some(socket) = self
            .net
            .change(|state, _| state.lay_out(wire, side, at, socket))
        {
            self.net.close(wire, side, socket);
        }
    }
}
