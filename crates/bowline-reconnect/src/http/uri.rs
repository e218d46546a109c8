//! The dialer of hyper-util's pooling client: URIs to endpoints, and streams of
//! ours as hyper's. Which connection serves which request is that client's affair.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bowline_link::{BoxError, Dial, Endpoint, Io};
use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::take_ready;

/// Dials the hosts of URIs: a connector for `hyper_util::client::legacy::Client`.
///
/// It takes URIs of one scheme only, so that nothing meant for TLS can leave in
/// the clear by mistake.
#[derive(Debug, Clone)]
pub struct UriDialer<D> {
    dialer: D,
    scheme: Scheme,
    port: u16,
    http2: bool,
}

/// A stream of ours as hyper's client takes it.
#[derive(Debug)]
pub struct UriStream<I> {
    io: TokioIo<I>,
    http2: bool,
}

/// Why a URI cannot be dialed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Another scheme than the dialer's.
    #[error("the scheme of {uri} is not {accepted}, the only one this dialer is for")]
    Scheme {
        /// What was asked for.
        uri: Uri,
        /// The scheme that is dialed.
        accepted: Scheme,
    },
    /// Nobody to dial.
    #[error("{uri} names no host")]
    NoHost {
        /// What was asked for.
        uri: Uri,
    },
}

// === impl UriDialer ===

impl<D> UriDialer<D> {
    /// Dials `http` URIs, port 80 unless they say.
    pub fn http(dialer: D) -> Self {
        Self {
            dialer,
            scheme: Scheme::HTTP,
            port: 80,
            http2: false,
        }
    }

    /// Dials `https` URIs, port 443 unless they say, with a `dialer` that does
    /// TLS: the name that it verifies is the endpoint's host.
    pub fn https(dialer: D) -> Self {
        Self {
            dialer,
            scheme: Scheme::HTTPS,
            port: 443,
            http2: false,
        }
    }

    /// Tells the client that every connection speaks HTTP/2: the peer is known
    /// to, or the dialer's ALPN offers nothing else.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    fn endpoint(&self, uri: Uri) -> Result<Endpoint, UriError> {
        if uri.scheme() != Some(&self.scheme) {
            let accepted = self.scheme.clone();
            return Err(UriError::Scheme { uri, accepted });
        }
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
            return Err(UriError::NoHost { uri });
        };
        let bare = host.strip_prefix('[').and_then(|v6| v6.strip_suffix(']'));
        let port = uri.port_u16().unwrap_or(self.port);
        Ok(Endpoint::new(bare.unwrap_or(host), port))
    }
}

impl<D: Dial> Service<Uri> for UriDialer<D> {
    type Response = UriStream<D::Io>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<UriStream<D::Io>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dialer.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let to = match self.endpoint(uri) {
            Ok(to) => to,
            Err(error) => return Box::pin(async { Err(error.into()) }),
        };
        let mut ready = take_ready(&mut self.dialer);
        let http2 = self.http2;
        Box::pin(async move {
            let stream = ready.call(to).await.map_err(Into::into)?;
            let io = TokioIo::new(stream);
            Ok(UriStream { io, http2 })
        })
    }
}

// === impl UriStream ===

impl<I> Connection for UriStream<I> {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.http2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl<I: Io> Read for UriStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: Io> Write for UriStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
