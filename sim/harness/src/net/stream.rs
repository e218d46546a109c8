//! One end of a simulated TCP stream, with the network's faults in front of the socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::Net;
use super::place::Place;
use super::state::WireId;
use super::wire::{End, Fate, Reading, Side, Silence, Writing};
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

    /// Whether the other machine has lost its power since this was opened.
    pub(super) fn is_silent(&self) -> bool {
        let silence = self.net.change(|state, _| state.wire(self.wire).silence);
        silence != Silence::Never
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
        let reading = self.net.change(|state, _| {
            let stalled = state.is_wire_stalled(wire, side);
            state.wire_mut(wire).before_read(side, stalled, cx)
        });
        match reading {
            Reading::Pass => {}
            Reading::Wait => return Poll::Pending,
            Reading::End => return Poll::Ready(Ok(())),
            Reading::Fail(kind) => return Poll::Ready(Err(self.fail(kind))),
        }
        let before = buf.filled().len();
        match self.socket().poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => {
                self.net
                    .change(|state, _| state.wire_mut(wire).end_mut(side).fate = Fate::Over);
                return Poll::Ready(Err(self.fail(error.kind())));
            }
            Poll::Pending => return self.wait(|end| end.note_reader(cx)),
        }
        let read = buf.filled().len() - before;
        if read > 0 {
            self.net.change(|state, wake| {
                let wire = state.wire_mut(wire);
                let end = wire.end_mut(side);
                end.unread = end.unread.saturating_sub(read);
                wire.end_mut(side.other()).wake_writer(wake);
            });
            self.record(What::Read, read);
        } else if !self.ended {
            self.ended = true;
            self.record(What::End, 0);
        }
        Poll::Ready(Ok(()))
    }
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
        let due = self.net.after_round_trip();
        let writing = self.net.change(|state, _| {
            let writing = state.wire_mut(wire).before_write(side, buf.len(), cx);
            if matches!(writing, Writing::Swallow(_)) {
                state.wrote_in_vain(wire, side, due);
            }
            writing
        });
        let wrote = match writing {
            Writing::Pass(len) => match self.socket().poll_write(cx, &buf[..len]) {
                Poll::Ready(Ok(wrote)) => self.net.change(|state, _| {
                    state.wire_mut(wire).end_mut(side.other()).unread += wrote;
                    wrote
                }),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(error.kind()))),
                Poll::Pending => return self.wait(|end| end.note_writer(cx)),
            },
            Writing::Swallow(len) => len,
            Writing::Wait => return Poll::Pending,
            Writing::Fail(kind) => return Poll::Ready(Err(self.fail(kind))),
        };
        self.record(What::Wrote, wrote);
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
