//! One established stream as both its ends know it, and what each end's next operation
//! meets. It moves no bytes and knows no time.

use std::io;
use std::task::{Context, Waker};

use super::place::Place;
use super::{SEGMENT_BYTES, WINDOW_BYTES};

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Dialing,
    Accepting,
}

/// A stream between two places.
#[derive(Debug)]
pub(super) struct Wire {
    dialing: End,
    accepting: End,
    pub(super) silence: Silence,
}

/// Whether one of the machines has lost its power since the stream was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// No.
    Never,
    /// Yes, and it is still dark: nobody answers.
    Dark,
    /// Yes, and it is back and knows nothing of the stream.
    Forgotten,
}

#[derive(Debug)]
pub(super) struct End {
    pub(super) place: Place,
    pub(super) gone: bool,
    /// Bytes sent to this end that it has not read.
    pub(super) unread: usize,
    pub(super) fate: Fate,
    /// Whether a worse fate is on its way.
    pub(super) doomed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What the network has told an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Alive,
    /// The peer's kernel refused what was written after the peer had closed.
    Unheard,
    /// A reset, which the application has not seen.
    Reset,
    /// A reset that one operation has reported.
    Over,
}

/// What a read meets before it reaches the socket.
#[derive(Debug)]
pub(super) enum Reading {
    /// The socket decides.
    Pass,
    /// Nothing arrives for now; the reader is noted.
    Wait,
    /// The stream has ended.
    End,
    /// The stream has failed.
    Fail(io::ErrorKind),
}

/// What a write meets before it reaches the socket.
#[derive(Debug)]
pub(super) enum Writing {
    /// The socket may take that many bytes.
    Pass(usize),
    /// That many bytes are taken and will arrive nowhere.
    Swallow(usize),
    /// The window is full; the writer is noted.
    Wait,
    /// The stream has failed.
    Fail(io::ErrorKind),
}

// === impl Side ===

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Dialing, Self::Accepting];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialing => Self::Accepting,
            Self::Accepting => Self::Dialing,
        }
    }
}

// === impl Wire ===

impl Wire {
    pub(super) fn new(dialing: Place, accepting: Place) -> Self {
        Self {
            dialing: End::new(dialing),
            accepting: End::new(accepting),
            silence: Silence::Never,
        }
    }

    pub(super) fn end(&self, side: Side) -> &End {
        match side {
            Side::Dialing => &self.dialing,
            Side::Accepting => &self.accepting,
        }
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialing => &mut self.dialing,
            Side::Accepting => &mut self.accepting,
        }
    }

    /// What a read at `side` meets, while bytes to it are `stalled` or not.
    pub(super) fn before_read(&mut self, side: Side, stalled: bool, cx: &Context<'_>) -> Reading {
        let silent = self.silence != Silence::Never;
        let end = self.end_mut(side);
        match end.fate {
            Fate::Reset => {
                end.fate = Fate::Over;
                return Reading::Fail(io::ErrorKind::ConnectionReset);
            }
            Fate::Over => return Reading::End,
            Fate::Alive | Fate::Unheard => {}
        }
        if stalled || silent {
            end.note_reader(cx);
            Reading::Wait
        } else {
            Reading::Pass
        }
    }

    /// What a write of `len` bytes at `side` meets. What is swallowed is counted here.
    pub(super) fn before_write(&mut self, side: Side, len: usize, cx: &Context<'_>) -> Writing {
        let silent = self.silence != Silence::Never;
        let end = self.end_mut(side);
        match end.fate {
            Fate::Reset => {
                end.fate = Fate::Over;
                return Writing::Fail(io::ErrorKind::ConnectionReset);
            }
            Fate::Over | Fate::Unheard => return Writing::Fail(io::ErrorKind::BrokenPipe),
            Fate::Alive => {}
        }
        let peer = self.end_mut(side.other());
        let room = WINDOW_BYTES.saturating_sub(peer.unread);
        let taken = len.min(room).min(SEGMENT_BYTES);
        if taken == 0 && len > 0 {
            self.end_mut(side).note_writer(cx);
            Writing::Wait
        } else if peer.gone || silent {
            peer.unread += taken;
            Writing::Swallow(taken)
        } else {
            Writing::Pass(taken)
        }
    }

    /// Whether the other end exists and can be reached, if only later.
    pub(super) fn is_heard(&self, side: Side) -> bool {
        self.silence == Silence::Never && !self.end(side.other()).gone
    }

    pub(super) fn both_gone(&self) -> bool {
        self.dialing.gone && self.accepting.gone
    }
}

// === impl End ===

impl End {
    fn new(place: Place) -> Self {
        Self {
            place,
            gone: false,
            unread: 0,
            fate: Fate::Alive,
            doomed: false,
            reader: None,
            writer: None,
        }
    }

    /// Remembers a reader for what only we know of; the socket remembers it for the rest.
    pub(super) fn note_reader(&mut self, cx: &Context<'_>) {
        note(&mut self.reader, cx);
    }

    /// Remembers a writer, likewise.
    pub(super) fn note_writer(&mut self, cx: &Context<'_>) {
        note(&mut self.writer, cx);
    }

    pub(super) fn wake_reader(&mut self, wake: &mut Vec<Waker>) {
        wake.extend(self.reader.take());
    }

    pub(super) fn wake_writer(&mut self, wake: &mut Vec<Waker>) {
        wake.extend(self.writer.take());
    }

    /// Imposes `fate` unless a worse one came first.
    pub(super) fn meet(&mut self, fate: Fate, wake: &mut Vec<Waker>) {
        let worse = match self.fate {
            Fate::Alive => true,
            Fate::Unheard => fate == Fate::Reset,
            Fate::Reset | Fate::Over => false,
        };
        if worse && !self.gone {
            self.fate = fate;
            self.wake_reader(wake);
            self.wake_writer(wake);
        }
    }
}

fn note(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
