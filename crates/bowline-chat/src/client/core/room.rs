//! One room as the client knows it: where it stands, and what waits to be acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Effect;
use crate::client::{PublishError, Receipt};
use crate::log::{MsgId, Position};
use crate::protocol::JoinFrom;

#[derive(Debug)]
pub(super) struct Room<T> {
    /// Where a first JOIN begins.
    pub(super) first: JoinFrom,
    /// The last message handed over, once there is a log to stand in.
    pub(super) position: Option<Position>,
    pub(super) standing: Standing,
    /// Publishes not acknowledged, in the order they were made.
    pub(super) outbox: VecDeque<Entry<T>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not asked for on this connection yet.
    Away,
    /// JOIN is on its way; what arrives before JOINED belongs to an earlier one.
    Joining,
    /// This many replayed messages are still to come.
    Replaying { left: u64 },
    /// Nothing is missing.
    Live,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) msg_id: MsgId,
    pub(super) body: Bytes,
    /// The connection on which it was last asked for, if any.
    pub(super) asked_on: Option<u64>,
    /// Whether any connection ever took it.
    pub(super) sent: bool,
    pub(super) ticket: T,
}

impl<T> Entry<T> {
    /// Why it has no receipt: for this reason, unless it may have been taken before.
    pub(super) fn refused(&self, reason: PublishError) -> PublishError {
        if self.sent {
            PublishError::Maybe
        } else {
            reason
        }
    }
}

impl<T> Room<T> {
    pub(super) fn rejoin(&self) -> JoinFrom {
        self.position.map_or(self.first, JoinFrom::Since)
    }

    /// After a gap that cannot be told, what was sent may stand in the part that is
    /// gone, and its id with it: repeating it could say it twice. In another log it
    /// cannot stand.
    pub(super) fn settle_unknown(&mut self, joined: Position, out: &mut Vec<Effect<T>>) {
        if self.position.is_none_or(|old| old.epoch != joined.epoch) {
            return;
        }
        let (sent, unsent) = std::mem::take(&mut self.outbox)
            .into_iter()
            .partition::<VecDeque<_>, _>(|entry| entry.sent);
        self.outbox = unsent;
        for entry in sent {
            out.push(Effect::Resolve(entry.ticket, Err(PublishError::Maybe)));
        }
    }

    pub(super) fn refuse_larger_than(&mut self, max: usize, out: &mut Vec<Effect<T>>) {
        let (fitting, larger) = std::mem::take(&mut self.outbox)
            .into_iter()
            .partition::<VecDeque<_>, _>(|entry| entry.body.len() <= max);
        self.outbox = fitting;
        for entry in larger {
            let refused = entry.refused(too_large(&entry.body, max));
            out.push(Effect::Resolve(entry.ticket, Err(refused)));
        }
    }

    pub(super) fn resolve(
        &mut self,
        msg_id: MsgId,
        outcome: Result<Receipt, PublishError>,
        out: &mut Vec<Effect<T>>,
    ) {
        let at = self.outbox.iter().position(|entry| entry.msg_id == msg_id);
        if let Some(entry) = at.and_then(|at| self.outbox.remove(at)) {
            out.push(Effect::Resolve(entry.ticket, outcome));
        }
    }
}

pub(super) fn too_large(body: &Bytes, max: usize) -> PublishError {
    PublishError::TooLarge {
        bytes: body.len(),
        max,
    }
}
