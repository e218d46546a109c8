//! A stream that is TLS or plain. It reads and writes; shaking hands is over when there is one.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::{CommonState, HandshakeKind};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use super::Version;
use super::error::of_stream;
use super::flight::Flight;
use crate::Io;

/// How many bytes of plain text a stream takes while its peer does not read: 64 KiB.
pub const BUFFER_MAX: usize = 64 << 10;

/// A TLS stream over `I`, or a plain one: one type for both, to be named in a struct.
///
/// # Flushing
///
/// A write returns when the bytes are taken, up to [`BUFFER_MAX`] of them; only a flush says that
/// they were handed to the stream below. [`Framed`](tokio_util::codec::Framed) flushes.
///
/// # The end
///
/// `shutdown` sends everything, then TLS's goodbye (`close_notify`), then shuts the stream below.
/// An end with the peer's goodbye reads as an end. One without is an error of the kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) with [`Error::Truncated`](super::Error) in it:
/// somebody may have cut the stream, and what was read may lack its end. A reader whose protocol
/// says by itself when it is complete may take that as an end.
///
/// Dropping it closes the stream below without a goodbye, so that the peer knows that something
/// is missing.
///
/// # Cancellation
///
/// Dropping the future of a read loses no byte. That of a write may have taken part of what was
/// given, as with any stream.
pub struct MaybeTls<I> {
    kind: Kind<I>,
}

enum Kind<I> {
    Plain(I),
    Tls(Box<TlsStream<Flight<I>>>),
}

// === impl MaybeTls ===

impl<I: Io> MaybeTls<I> {
    /// Leaves `io` as it is.
    pub fn plain(io: I) -> Self {
        Self {
            kind: Kind::Plain(io),
        }
    }

    pub(super) fn tls(stream: impl Into<TlsStream<Flight<I>>>) -> Self {
        let mut stream = Box::new(stream.into());
        stream.get_mut().0.pass();
        Self {
            kind: Kind::Tls(stream),
        }
    }

    /// Whether it is TLS.
    pub fn is_tls(&self) -> bool {
        self.state().is_some()
    }

    /// The version of TLS that is spoken.
    pub fn version(&self) -> Option<Version> {
        self.state()?.protocol_version().and_then(Version::of)
    }

    /// The protocol that both agreed to speak inside. `None` if either named none.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.state()?.alpn_protocol()
    }

    /// The peer's certificates, its own first. They were verified; empty if it showed none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        let certificates = self.state().and_then(CommonState::peer_certificates);
        certificates.unwrap_or_default()
    }

    /// The name that the client asked for, as the server sees it. A client sees none here, and
    /// one that calls an address sends none.
    pub fn server_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Tls(stream) => match &**stream {
                TlsStream::Server(stream) => stream.get_ref().1.server_name(),
                TlsStream::Client(_) => None,
            },
            Kind::Plain(_) => None,
        }
    }

    /// Whether an earlier session was resumed, without certificates being shown again.
    pub fn is_resumed(&self) -> bool {
        let kind = self.state().and_then(CommonState::handshake_kind);
        kind == Some(HandshakeKind::Resumed)
    }

    /// The stream below.
    pub fn inner(&self) -> &I {
        match &self.kind {
            Kind::Plain(io) => io,
            Kind::Tls(stream) => stream.get_ref().0.inner(),
        }
    }

    fn state(&self) -> Option<&CommonState> {
        match &self.kind {
            Kind::Plain(_) => None,
            Kind::Tls(stream) => Some(stream.get_ref().1),
        }
    }
}

impl<I: Io> AsyncRead for MaybeTls<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(io) => Pin::new(io).poll_read(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf).map_err(of_stream),
        }
    }
}

impl<I: Io> AsyncWrite for MaybeTls<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(io) => Pin::new(io).poll_write(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, buf).map_err(of_stream),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.kind {
            Kind::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            Kind::Tls(stream) => {
                let written = Pin::new(stream).poll_write_vectored(cx, bufs);
                written.map_err(of_stream)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(io) => io.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(io) => Pin::new(io).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx).map_err(of_stream),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(io) => Pin::new(io).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx).map_err(of_stream),
        }
    }
}

impl<I: Io> fmt::Debug for MaybeTls<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaybeTls")
            .field("version", &self.version())
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .finish_non_exhaustive()
    }
}
