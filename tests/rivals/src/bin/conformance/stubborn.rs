//! stubborn-io: a byte stream that reconnects. Its strategy of delays, too.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bowline_conformance::{
    Answer, Backoff, BoxError, Lacks, Law, Pace, Peer, Request, Subject, Wire, WireError,
};
use stubborn_io::ReconnectOptions;
use stubborn_io::strategies::{ExpBackoffIter, ExpBackoffStrategy};
use stubborn_io::tokio::{StubbornIo, UnderlyingIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::Mutex;
use tower::util::BoxService;
use tower::{Service, service_fn};

/// A stream over which requests are written and answers read.
#[derive(Debug)]
pub(crate) struct Stubborn;

/// Its exponential strategy.
#[derive(Debug)]
pub(crate) struct Strategy;

/// A connection of the laws as a stream of bytes: a request is its number, an answer is the
/// request's and the connection's.
struct Bytes {
    wire: Wire,
    closed: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    answer: Option<<Wire as Service<Request>>::Future>,
    /// What of an answer was not read yet.
    unread: Vec<u8>,
}

// === impl Stubborn ===

impl Subject for Stubborn {
    type Service = BoxService<Request, Answer, BoxError>;

    fn service(&self, peer: &Peer, pace: Pace) -> Self::Service {
        over(peer, move || options(pace, None))
    }

    fn limited(&self, peer: &Peer, pace: Pace, attempts: u32) -> Result<Self::Service, Lacks> {
        Ok(over(peer, move || options(pace, Some(attempts))))
    }

    fn exempt(&self, law: Law) -> Option<&'static str> {
        match law {
            Law::Readiness | Law::HotLoop => Some("it is a stream of bytes and no service"),
            Law::LostWakeUps => Some("a stream of bytes has neither handles nor calls"),
            Law::InFlightHonesty => Some("a stream of bytes knows no requests"),
            _ => None,
        }
    }
}

/// One stream, connected at the first call and then kept.
fn over(
    peer: &Peer,
    options: impl Fn() -> ReconnectOptions + Clone + Send + 'static,
) -> BoxService<Request, Answer, BoxError> {
    let (peer, stream) = (peer.clone(), Arc::new(Mutex::new(None)));
    BoxService::new(service_fn(move |request: Request| {
        let (peer, stream, options) = (peer.clone(), Arc::clone(&stream), options.clone());
        async move {
            let mut stream = stream.lock().await;
            let stream: &mut StubbornIo<Bytes, Peer> = match &mut *stream {
                Some(stream) => stream,
                none => none.insert(StubbornIo::connect_with_options(peer, options()).await?),
            };
            stream.write_u64(request.0).await?;
            let request = Request(stream.read_u64().await?);
            let connection = stream.read_u64().await?;
            Ok(Answer {
                request,
                connection,
            })
        }
    }))
}

fn options(pace: Pace, attempts: Option<u32>) -> ReconnectOptions {
    let attempts = attempts.map_or(usize::MAX, |attempts| attempts as usize);
    ReconnectOptions::new()
        .with_exit_if_first_connect_fails(false)
        .with_retries_generator(move || strategy(pace).take(attempts))
}

fn strategy(pace: Pace) -> ExpBackoffIter {
    ExpBackoffStrategy::new(pace.base, 2.0, 0.5)
        .with_max(pace.cap)
        .into_iter()
}

// === impl Strategy ===

impl Backoff for Strategy {
    type Delays = ExpBackoffIter;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<ExpBackoffIter> {
        (0..count).map(|_| strategy(pace)).collect()
    }

    fn ending(&self, _: Pace, _: Duration) -> Result<ExpBackoffIter, Lacks> {
        Err(Lacks("it has no limit on elapsed time"))
    }
}

// === impl Bytes ===

impl UnderlyingIo<Peer> for Bytes {
    fn establish(peer: Peer) -> Pin<Box<dyn Future<Output = io::Result<Self>> + Send>> {
        Box::pin(async move {
            let refused = |error| io::Error::new(ErrorKind::ConnectionRefused, error);
            let wire = peer.dial().await.map_err(refused)?;
            let closed = Box::pin(wire.closed());
            Ok(Self {
                wire,
                closed,
                answer: None,
                unread: Vec::new(),
            })
        })
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.wire.is_over() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let number = from.try_into().expect("a request is written as one");
        let call = self.wire.call(Request(u64::from_be_bytes(number)));
        self.answer = Some(call);
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Bytes {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            let Some(answer) = &mut self.answer else {
                // Nothing was asked: only the end can come, which reads as nothing.
                ready!(self.closed.as_mut().poll(cx));
                return Poll::Ready(Ok(()));
            };
            let answer = ready!(answer.as_mut().poll(cx));
            self.answer = None;
            match answer {
                Ok(answer) => {
                    let number = answer.request.0.to_be_bytes();
                    self.unread.extend(number);
                    self.unread.extend(answer.connection.to_be_bytes());
                }
                Err(WireError::Lost | WireError::NotSent) => {}
            }
        }
        let read = self.unread.len().min(into.remaining());
        into.put_slice(&self.unread[..read]);
        self.unread.drain(..read);
        Poll::Ready(Ok(()))
    }
}
