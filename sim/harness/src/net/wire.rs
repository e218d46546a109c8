//! One established stream as both its ends know it, and what each end's next operation
//! meets. It moves no bytes.

use std::io;
use std::task::{Context, Waker};
use std::time::Duration;

use super::chance::Chance;
use super::lane::{Conditions, Lane, Readable};
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
    /// Whether something between the ends has cut it both ways.
    pub(super) severed: bool,
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
    /// The direction to this end.
    pub(super) lane: Lane,
    /// Decides what faults do to that direction.
    pub(super) chance: Chance,
    /// Bytes this end has sent into a lane that was cut, since somebody last took them.
    pub(super) lost: usize,
    pub(super) fate: Fate,
    /// A worse fate that is on its way.
    pub(super) doom: Option<Fate>,
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
    /// The socket decides, and may yield that many bytes.
    Pass(usize),
    /// Nothing arrives for now; the reader is noted.
    Wait,
    /// Nothing arrives before then; the reader is noted.
    WaitUntil(Duration),
    /// The stream ends here.
    End,
    /// The stream has failed, and that was said.
    Over,
    /// The stream has failed.
    Fail(io::ErrorKind),
}

/// What a write meets before it reaches the socket.
#[derive(Debug)]
pub(super) enum Writing {
    /// The socket may take that many bytes.
    Pass(usize),
    /// That many bytes are taken and will arrive nowhere, which the kernel at the other
    /// end says.
    Swallow(usize),
    /// That many bytes are taken and will arrive nowhere, which nobody says.
    Lose(usize),
    /// That many bytes are taken, and the stream must be cut before the first of them.
    Cut(usize),
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
    /// A stream over a network that takes up to `usual` one way.
    pub(super) fn new(
        dialing: Place,
        accepting: Place,
        usual: Duration,
        chance: impl Fn(Side) -> Chance,
    ) -> Self {
        Self {
            dialing: End::new(dialing, usual, chance(Side::Dialing)),
            accepting: End::new(accepting, usual, chance(Side::Accepting)),
            silence: Silence::Never,
            severed: false,
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

    /// From where to where bytes to `side` go.
    pub(super) fn way_to(&self, side: Side) -> (&Place, &Place) {
        (&self.end(side.other()).place, &self.end(side).place)
    }

    /// What a read at `side` meets under `conditions`. `now` counts only where the lane
    /// holds something back.
    pub(super) fn before_read(
        &mut self,
        side: Side,
        conditions: &Conditions,
        now: Duration,
        cx: &Context<'_>,
    ) -> Reading {
        let silent = self.silence != Silence::Never;
        let end = self.end_mut(side);
        match end.fate {
            Fate::Reset => {
                end.fate = Fate::Over;
                return Reading::Fail(io::ErrorKind::ConnectionReset);
            }
            Fate::Over => return Reading::Over,
            Fate::Alive | Fate::Unheard => {}
        }
        // A kernel that resets a stream says that and nothing else.
        if conditions.stalled || silent || end.doom == Some(Fate::Reset) {
            end.note_reader(cx);
            return Reading::Wait;
        }
        match end.lane.readable(now) {
            Readable::UpTo(limit) => Reading::Pass(limit.min(conditions.piece())),
            Readable::End => Reading::End,
            Readable::From(at) => {
                end.note_reader(cx);
                Reading::WaitUntil(at)
            }
        }
    }

    /// What a write of `len` bytes at `side` meets under `conditions`. What does not reach
    /// the socket is counted here.
    pub(super) fn before_write(
        &mut self,
        side: Side,
        len: usize,
        conditions: &Conditions,
        cx: &Context<'_>,
    ) -> Writing {
        let (silent, severed) = (self.silence != Silence::Never, self.severed);
        let end = self.end_mut(side);
        match end.fate {
            Fate::Reset => {
                end.fate = Fate::Over;
                return Writing::Fail(io::ErrorKind::ConnectionReset);
            }
            Fate::Over | Fate::Unheard => return Writing::Fail(io::ErrorKind::BrokenPipe),
            Fate::Alive => {}
        }
        let lost = end.lost;
        let peer = self.end_mut(side.other());
        let stopped = peer.lane.is_stopped();
        let ahead = if stopped { lost } else { peer.lane.unread() };
        let room = WINDOW_BYTES.saturating_sub(ahead);
        let taken = len.min(SEGMENT_BYTES).min(conditions.piece()).min(room);
        if taken == 0 && len > 0 {
            self.end_mut(side).note_writer(cx);
            return Writing::Wait;
        }
        if stopped {
            let said = silent || severed || peer.gone;
            self.end_mut(side).lost += taken;
            return if said {
                Writing::Swallow(taken)
            } else {
                Writing::Lose(taken)
            };
        }
        if peer.gone || silent {
            peer.lane.pass(taken);
            return Writing::Swallow(taken);
        }
        match peer.lane.before_cut().map(usize::try_from) {
            Some(Ok(0)) if taken > 0 => Writing::Cut(taken),
            Some(Ok(left)) => Writing::Pass(taken.min(left)),
            None | Some(Err(_)) => Writing::Pass(taken),
        }
    }

    /// Whether the other end exists and can be reached, if only later.
    pub(super) fn is_heard(&self, side: Side) -> bool {
        let peer = self.end(side.other());
        self.silence == Silence::Never && !peer.gone && !peer.lane.is_stopped()
    }

    pub(super) fn both_gone(&self) -> bool {
        self.dialing.gone && self.accepting.gone
    }
}

// === impl End ===

impl End {
    fn new(place: Place, usual: Duration, chance: Chance) -> Self {
        Self {
            place,
            gone: false,
            lane: Lane::new(usual),
            chance,
            lost: 0,
            fate: Fate::Alive,
            doom: None,
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

pub(super) fn note(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
