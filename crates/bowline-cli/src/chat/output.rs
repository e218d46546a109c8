//! Where lines go: messages to standard output, notices to standard error, in the
//! order in which they happened.

use std::io::{self, Write};

use bowline_chat::log::{Epoch, Message};

use super::lines::{self, Notice};

/// What lines look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// For a person.
    Plain,
    /// For a program: one JSON object per line.
    Json,
}

/// The two outputs.
#[derive(Debug)]
pub(super) struct Output {
    format: Format,
    /// Messages not written yet.
    waiting: String,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            waiting: String::new(),
        }
    }

    /// Adds a message; [`flush`](Self::flush) writes it.
    pub(super) fn message(&mut self, room: &str, epoch: Epoch, message: &Message) {
        let line = match self.format {
            Format::Plain => lines::plain(message),
            Format::Json => lines::json(room, epoch, message),
        };
        self.waiting.push_str(&line);
        self.waiting.push('\n');
    }

    /// Writes a notice, after all the messages before it.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush). Nobody need read notices, so standard error may be
    /// closed.
    pub(super) fn notice(&mut self, notice: &Notice<'_>) -> io::Result<()> {
        self.flush()?;
        self.notice_alone(notice);
        Ok(())
    }

    /// Writes a notice, whatever became of the messages.
    pub(super) fn notice_alone(&self, notice: &Notice<'_>) {
        let line = match self.format {
            Format::Plain => notice.plain(),
            Format::Json => Some(notice.json()),
        };
        if let Some(line) = line {
            let _unread = io::stderr().write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Writes the messages.
    ///
    /// # Errors
    ///
    /// Whatever standard output answered. What waited is then gone.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let written = out.write_all(self.waiting.as_bytes());
        self.waiting.clear();
        written?;
        out.flush()
    }
}
