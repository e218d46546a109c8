//! The conversation: lines in, messages out, until the input has ended and all of it
//! is acknowledged, or somebody says stop.

use std::future::{Future, pending};
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use bowline_chat::client::{Client, Closed, EVENTS_MAX, Event, PublishError, Publishing, Receipt};
use bowline_chat::log::{MsgId, Position};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::error::Error;
use super::input::{LINE_BYTES_MAX, Line};
use super::lines::{Notice, Published};
use super::output::Output;
use super::screen::Screen;
use crate::signals::Stop;

/// How long to wait, at the end, for our own acknowledged lines to be shown.
const ECHO_WAIT: Duration = Duration::from_secs(5);

/// How long saying goodbye may take; after that the server is left to notice.
const GOODBYE_WAIT: Duration = Duration::from_secs(2);

/// What a conversation is told before it starts.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) room: String,
    /// What the server is called in notices.
    pub(super) server: String,
    /// How long to stay after everything is said.
    pub(super) linger: Duration,
}

/// A conversation in one room.
pub(super) struct Talk {
    client: Client,
    settings: Settings,
    screen: Screen,
    /// The line being handed to the client: at most one, for the lines' order.
    starting: Option<Starting>,
    /// Lines the client has and nobody has acknowledged; the client bounds them.
    receipts: FuturesUnordered<Settling>,
    input: Input,
    /// What ended the input, where that was not its end.
    input_error: Option<io::Error>,
    /// Whether the client was ever let in.
    reached: bool,
    /// How many lines came in.
    lines: u64,
    /// How many of them will never be acknowledged.
    failed: u64,
    /// How far it is acknowledged.
    acknowledged: Option<Position>,
    /// Since when nothing is left to be acknowledged.
    settled_at: Option<Instant>,
}

type Starting = Pin<Box<dyn Future<Output = (u64, Bytes, Result<Publishing, Closed>)> + Send>>;
type Settling = Pin<Box<dyn Future<Output = (u64, MsgId, Result<Receipt, PublishError>)> + Send>>;

/// Whether more lines may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    Ended,
}

/// Why a conversation ended, when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Everything was said.
    Done,
    /// Somebody asked.
    Stopped,
}

// === impl Talk ===

impl Talk {
    pub(super) fn new(client: Client, settings: Settings, output: Output) -> Self {
        Self {
            client,
            screen: Screen::new(settings.server.clone(), output),
            settings,
            starting: None,
            receipts: FuturesUnordered::new(),
            input: Input::Open,
            input_error: None,
            reached: false,
            lines: 0,
            failed: 0,
            acknowledged: None,
            settled_at: None,
        }
    }

    /// Talks until the end and says goodbye. Returns what went wrong, all of it;
    /// that nobody reads the messages any more (a closed pipe) is only an end.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        mut lines: mpsc::Receiver<Line>,
        mut stop: Stop,
    ) -> (Output, Vec<Error>) {
        let mut errors = Vec::new();
        match self.talk(&mut events, &mut lines, &mut stop).await {
            Ok(End::Done) if !self.reached && !self.settings.linger.is_zero() => {
                let server = self.settings.server.clone();
                errors.push(Error::NeverReached { server });
            }
            Ok(End::Done | End::Stopped) => {}
            Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => errors.push(error),
        }
        errors.extend(self.input_error.take().map(Error::Input));
        let started = self.receipts.len() + usize::from(self.starting.is_some());
        let unacknowledged = (started + lines.len()) as u64;
        if unacknowledged > 0 {
            errors.push(Error::Unacknowledged {
                lines: unacknowledged,
            });
        }
        if self.failed > 0 {
            errors.push(Error::Failed { lines: self.failed });
        }
        drop((self.starting, lines));
        goodbye(self.client, events).await;
        (self.screen.output, errors)
    }

    async fn talk(
        &mut self,
        events: &mut mpsc::Receiver<Event>,
        lines: &mut mpsc::Receiver<Line>,
        stop: &mut Stop,
    ) -> Result<End, Error> {
        let mut batch = Vec::new();
        loop {
            let end_at = self.end_at();
            // The client stops reading while its events wait, and then takes no
            // lines: so no line may be waited for without taking events.
            tokio::select! {
                biased;
                () = stop.asked() => return Ok(End::Stopped),
                Some(settled) = self.receipts.next() => self.settled(settled)?,
                started = at(&mut self.starting) => {
                    self.starting = None;
                    self.started(started)?;
                }
                line = lines.recv(), if self.input == Input::Open && self.starting.is_none() => {
                    match line {
                        Some(line) => self.line(line)?,
                        None => self.input = Input::Ended,
                    }
                }
                count = events.recv_many(&mut batch, EVENTS_MAX) => {
                    if count == 0 {
                        return Err(Error::Ended);
                    }
                    for event in batch.drain(..) {
                        self.reached |= matches!(event, Event::Connected { .. });
                        self.screen.event(event)?;
                    }
                    self.screen.flush()?;
                }
                () = until(end_at) => return Ok(End::Done),
            }
        }
    }

    /// When everything will have been said, unless something happens before.
    fn end_at(&mut self) -> Option<Instant> {
        let settled =
            self.input == Input::Ended && self.starting.is_none() && self.receipts.is_empty();
        if !settled {
            return None;
        }
        let since = *self.settled_at.get_or_insert_with(Instant::now);
        let linger = self.settings.linger;
        Some(match self.screen.shows(self.acknowledged) {
            true => since + linger,
            false => since + linger.max(ECHO_WAIT),
        })
    }

    fn line(&mut self, line: Line) -> Result<(), Error> {
        let body = match line {
            Line::Text(body) => Bytes::from(body),
            Line::TooLong { bytes } => {
                self.lines += 1;
                let reason = format!("it has {bytes} bytes, no server takes {LINE_BYTES_MAX}");
                return self.fail(self.lines, None, Published::No, reason);
            }
            Line::Failed(error) => {
                self.input = Input::Ended;
                self.input_error = Some(error);
                return Ok(());
            }
        };
        self.lines += 1;
        let (line, client, room) = (self.lines, self.client.clone(), self.settings.room.clone());
        self.starting = Some(Box::pin(async move {
            let started = client.publish(&room, body.clone()).await;
            (line, body, started)
        }));
        Ok(())
    }

    fn started(
        &mut self,
        (line, body, started): (u64, Bytes, Result<Publishing, Closed>),
    ) -> Result<(), Error> {
        let publishing = started.map_err(|Closed| Error::Ended)?;
        let msg_id = publishing.msg_id();
        self.screen.notice(&Notice::Published {
            line,
            msg_id,
            body: body.as_ref().into(),
        })?;
        self.receipts.push(Box::pin(async move {
            (line, msg_id, publishing.receipt().await)
        }));
        Ok(())
    }

    fn settled(
        &mut self,
        (line, msg_id, outcome): (u64, MsgId, Result<Receipt, PublishError>),
    ) -> Result<(), Error> {
        let error = match outcome {
            Ok(receipt) => {
                self.acknowledge(receipt.position);
                let room = self.settings.room.clone();
                return self.screen.notice(&Notice::Acked {
                    line,
                    room: &room,
                    epoch: receipt.position.epoch,
                    offset: receipt.position.offset,
                    msg_id,
                    duplicate: receipt.duplicate,
                });
            }
            Err(error) => error,
        };
        let published = match error {
            PublishError::NotJoined | PublishError::Refused(_) | PublishError::TooLarge { .. } => {
                Published::No
            }
            _ => Published::Unknown,
        };
        self.fail(line, Some(msg_id), published, error.to_string())
    }

    fn fail(
        &mut self,
        line: u64,
        msg_id: Option<MsgId>,
        published: Published,
        reason: String,
    ) -> Result<(), Error> {
        self.failed += 1;
        self.screen.notice(&Notice::Failed {
            line,
            msg_id,
            published,
            reason,
        })
    }

    fn acknowledge(&mut self, position: Position) {
        let further = self
            .acknowledged
            .is_none_or(|old| old.epoch != position.epoch || old.offset < position.offset);
        if further {
            self.acknowledged = Some(position);
        }
    }
}

/// Says goodbye. The events are taken meanwhile, since a client that cannot tell them
/// would not get round to closing.
async fn goodbye(client: Client, mut events: mpsc::Receiver<Event>) {
    let mut closing = pin!(timeout(GOODBYE_WAIT, client.close()));
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            _said = &mut closing => return,
            event = events.recv(), if open => open = event.is_some(),
        }
    }
}

/// Waits for the future there is, and for ever where there is none.
async fn at<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn until(end_at: Option<Instant>) {
    match end_at {
        Some(end_at) => sleep_until(end_at).await,
        None => pending().await,
    }
}
