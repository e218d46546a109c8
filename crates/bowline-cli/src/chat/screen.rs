//! What the user sees of what the client tells. It decides nothing, and remembers
//! only how far it has shown the room.

use std::time::Duration;

use bowline_chat::client::Event;
use bowline_chat::log::Position;
use bowline_chat::protocol::Failure;

use super::error::Error;
use super::lines::Notice;
use super::output::Output;

/// What the user sees.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) output: Output,
    /// What the server is called.
    server: String,
    shown: Option<Position>,
    connected_before: bool,
    /// The last reason told, so as not to repeat it at every attempt.
    reason_told: String,
}

impl Screen {
    pub(super) fn new(server: String, output: Output) -> Self {
        Self {
            output,
            server,
            shown: None,
            connected_before: false,
            reason_told: String::new(),
        }
    }

    /// Shows an event; a message only with the next notice or [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// The client will get no further, or nobody reads any more.
    pub(super) fn event(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Message {
                room,
                epoch,
                message,
            } => {
                self.output.message(&room, epoch, &message);
                let offset = message.offset;
                self.shown = Some(Position { epoch, offset });
                Ok(())
            }
            Event::Connected { user, durable } => self.connected(&user, durable),
            Event::Joined {
                room,
                since,
                position,
                recovered,
                count,
            } => {
                self.shown = Some(position);
                self.notice(&Notice::Joined {
                    room: &room,
                    since,
                    epoch: position.epoch,
                    offset: position.offset,
                    recovered,
                    count,
                })
            }
            Event::Lost { reason } => {
                self.notice(&Notice::Lost { reason: &reason })?;
                self.reason_told = reason;
                Ok(())
            }
            Event::Retrying {
                attempt,
                after,
                reason,
            } => self.retrying(attempt, after, reason),
            Event::JoinRefused { room, failure } => self.join_refused(&room, failure),
            Event::Parked { reason } => self.parked(reason),
            // What a later client tells besides is for those who know it.
            _ => Ok(()),
        }
    }

    /// Whether everything up to `position` was shown, or cannot be any more: in a log
    /// that has been replaced nothing follows.
    pub(super) fn shows(&self, position: Option<Position>) -> bool {
        match (position, self.shown) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(position), Some(shown)) => {
                shown.epoch != position.epoch || shown.offset >= position.offset
            }
        }
    }

    /// Shows a notice, after all messages before it.
    pub(super) fn notice(&mut self, notice: &Notice<'_>) -> Result<(), Error> {
        self.output.notice(notice).map_err(Error::Output)
    }

    /// Shows the messages that wait.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.output.flush().map_err(Error::Output)
    }

    fn connected(&mut self, user: &str, durable: bool) -> Result<(), Error> {
        let again = std::mem::replace(&mut self.connected_before, true);
        self.reason_told.clear();
        let notice = Notice::Connected {
            server: &self.server,
            user,
            durable,
            again,
        };
        self.output.notice(&notice).map_err(Error::Output)
    }

    fn retrying(&mut self, attempt: u32, after: Duration, reason: String) -> Result<(), Error> {
        self.notice(&Notice::Retrying {
            attempt,
            after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            reason: &reason,
            told: reason == self.reason_told,
        })?;
        self.reason_told = reason;
        Ok(())
    }

    fn join_refused(&mut self, room: &str, failure: Failure) -> Result<(), Error> {
        self.notice(&Notice::JoinRefused {
            room,
            code: failure.code.0,
            reason: &failure.message,
        })?;
        Err(Error::JoinRefused {
            room: room.to_owned(),
            reason: failure.message,
        })
    }

    fn parked(&mut self, reason: String) -> Result<(), Error> {
        self.notice(&Notice::Parked { reason: &reason })?;
        Err(Error::Parked {
            server: self.server.clone(),
            reason,
        })
    }
}
