//! A session with redis that a pool can lend: the redis crate's connection over
//! a stream of ours, and what says whether it is fit for the next caller. It
//! repeats no command and brings nothing back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Dial, DialStep, Endpoint, Stamp, Stamped};
use bowline_pool::{Death, Reuse};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Arg, AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisFuture, Value};
use tokio::task::JoinSet;
use tower::Service;

/// Commands after which a session answers the next caller differently, by their
/// first word. What they leave behind is not undone here: the session is closed
/// when it comes back. A transaction in one pipeline leaves nothing.
const ALTERING: [&str; 18] = [
    "ASKING",
    "AUTH",
    "CLIENT",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "QUIT",
    "READONLY",
    "READWRITE",
    "REPLCONF",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "WATCH",
];

/// A connection to redis, for one caller at a time.
///
/// Commands go through the redis crate's own traits, for which this is a
/// connection. It is fit for the next caller only if each of them was answered:
/// whoever stops waiting leaves it unsettled for good.
pub(crate) struct Session {
    redis: MultiplexedConnection,
    /// The one task that reads and writes. It ends with the connection; if this
    /// is dropped first, it is aborted and closes the connection a moment later.
    driver: JoinSet<()>,
    stamp: Stamp,
    /// Bytes received when the last answer had come: more were not asked for.
    answered_bytes: u64,
    /// Commands without their answer.
    unanswered: usize,
    /// The next caller would not get what a new session gives.
    altered: bool,
}

/// Connects sessions over the streams of `D`: plain TCP, TLS, a proxy.
#[derive(Debug, Clone)]
pub(crate) struct Sessions<D> {
    dial: D,
    info: RedisConnectionInfo,
    answer_limit: Duration,
}

// === impl Session ===

impl Session {
    async fn open(
        stream: Stamped<impl bowline_link::Io>,
        info: &RedisConnectionInfo,
        answer_limit: Duration,
    ) -> Result<Self, BoxError> {
        let stamp = stream.stamp();
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(answer_limit));
        let (redis, driver) = MultiplexedConnection::new_with_config(info, stream, config).await?;
        let mut session = Self {
            redis,
            driver: JoinSet::from_iter([driver]),
            stamp,
            answered_bytes: 0,
            unanswered: 0,
            altered: false,
        };
        // A server with too many clients, one that still loads its data and one
        // that wants a password accept connections as well as any other.
        session.greet().await?;
        Ok(session)
    }

    async fn greet(&mut self) -> Result<(), BoxError> {
        match redis::cmd("PING").query_async(self).await? {
            Value::SimpleString(answer) if answer == "PONG" => Ok(()),
            _ => Err("what answered the PING is not redis".into()),
        }
    }

    fn ask<'a>(&mut self, commands: impl IntoIterator<Item = &'a Cmd>) {
        self.unanswered += 1;
        self.altered |= commands.into_iter().any(alters);
    }

    fn answered(&mut self) {
        self.unanswered -= 1;
        self.answered_bytes = self.stamp.received_bytes();
    }
}

/// Whether later commands are answered differently after this one.
fn alters(command: &Cmd) -> bool {
    // Nobody would know when the answer to that one has come.
    if command.is_no_response() {
        return true;
    }
    let Some(Arg::Simple(name)) = command.args_iter().next() else {
        return false;
    };
    ALTERING
        .iter()
        .any(|altering| name.eq_ignore_ascii_case(altering.as_bytes()))
}

impl Reuse for Session {
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death> {
        match self.driver.poll_join_next(context) {
            Poll::Ready(Some(Err(_))) => Poll::Ready(Death::Failed),
            Poll::Ready(Some(Ok(())) | None) => Poll::Ready(Death::Ended),
            Poll::Pending if self.stamp.received_bytes() > self.answered_bytes => {
                Poll::Ready(Death::Unread)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_settled(&self) -> bool {
        self.unanswered == 0 && !self.altered
    }

    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        Some(self.greet())
    }
}

// An error from below leaves a command unanswered: its answer, late or by half,
// may still come. What redis itself calls an error is an answer.
impl ConnectionLike for Session {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            self.ask([command]);
            let answer = self.redis.send_packed_command(command).await?;
            self.answered();
            Ok(answer)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            self.ask(pipeline.cmd_iter());
            let answers = self.redis.send_packed_commands(pipeline, offset, count);
            let answers = answers.await?;
            self.answered();
            Ok(answers)
        })
    }

    fn get_db(&self) -> i64 {
        self.redis.get_db()
    }
}

// === impl Sessions ===

impl<D: Dial> Sessions<D> {
    /// Opens streams with `dial`, logs in as `info` says, and gives each command
    /// `answer_limit` for its answer. Who blocks in redis (BLPOP) needs a longer
    /// one.
    pub(crate) fn new(dial: D, info: RedisConnectionInfo, answer_limit: Duration) -> Self {
        Self {
            dial,
            info,
            answer_limit,
        }
    }
}

impl<D: Dial> Service<Endpoint> for Sessions<D> {
    type Response = Session;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Session, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dial.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialing = self.dial.call(endpoint);
        let (info, limit) = (self.info.clone(), self.answer_limit);
        Box::pin(async move {
            let stream = Stamped::new(dialing.await.map_err(Into::into)?);
            let opening = Session::open(stream, &info, limit);
            DialStep::Handshake("redis").during(opening).await
        })
    }
}
