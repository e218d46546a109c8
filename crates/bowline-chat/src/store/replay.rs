//! A room's past as one consistent snapshot, handed over in pages; never part of it as if it were all.

use std::fmt;
use std::sync::Arc;

use crate::log::{Message, Offset};

use super::{Error, Head};

/// What a message costs in a page beside its body and sender: its frame and fields.
const MESSAGE_BYTES: usize = 64;

/// A snapshot of the messages of a room after some offset, in order.
///
/// Nothing that is appended or trimmed later changes it. While it lives, a store
/// on disk cannot use again the space of what is trimmed meanwhile, so whoever
/// holds one bounds how long. Reopening the store ends it: its next page is an
/// error, never a silent end.
pub struct Replay {
    room: Arc<str>,
    head: Head,
    count: u64,
    /// The place that the next message must have.
    expected: Offset,
    ahead: Option<Message>,
    messages: Box<dyn Iterator<Item = Result<Message, Error>> + Send>,
    broken: bool,
}

impl Replay {
    /// A replay of the messages of `room` after `after`, for implementors of
    /// [`Store`](super::Store).
    ///
    /// `messages` must yield, in order, exactly those offsets after `after` that
    /// `head` says are kept; anything else ends the replay with an error.
    pub fn new(
        room: Arc<str>,
        head: Head,
        after: Offset,
        messages: impl Iterator<Item = Result<Message, Error>> + Send + 'static,
    ) -> Self {
        let expected = head.first.max(Offset(after.0.saturating_add(1)));
        Self {
            room,
            head,
            count: (head.last.0 + 1).saturating_sub(expected.0),
            expected,
            ahead: None,
            messages: Box::new(messages),
            broken: false,
        }
    }

    /// The room's log as it was when the snapshot was taken. Where `first` is more
    /// than one above the offset asked for, what is between them is gone.
    pub fn head(&self) -> Head {
        self.head
    }

    /// How many messages the snapshot has in all, handed over or not.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The next messages, of at most `bytes_max` bytes together (bodies, senders,
    /// and 64 for each) but always at least one; none when all were handed over.
    ///
    /// May read the disk.
    ///
    /// # Errors
    ///
    /// When the store failed or was reopened since, or its content is damaged. No
    /// page follows: every further call is an error too.
    pub fn next_page(&mut self, bytes_max: usize) -> Result<Vec<Message>, Error> {
        if self.broken {
            return Err(Error::ReplayBroken);
        }
        let page = self.page(bytes_max);
        self.broken = page.is_err();
        page
    }

    fn page(&mut self, bytes_max: usize) -> Result<Vec<Message>, Error> {
        let mut page = Vec::new();
        let mut bytes = 0;
        while let Some(message) = self.next()? {
            bytes += MESSAGE_BYTES + message.body.len() + message.from.len();
            if bytes > bytes_max && !page.is_empty() {
                self.ahead = Some(message);
                break;
            }
            page.push(message);
        }
        Ok(page)
    }

    fn next(&mut self) -> Result<Option<Message>, Error> {
        if let Some(message) = self.ahead.take() {
            return Ok(Some(message));
        }
        let message = self.messages.next().transpose()?;
        let complete = match &message {
            Some(message) => message.offset == self.expected && self.expected <= self.head.last,
            None => self.expected > self.head.last,
        };
        if !complete {
            return Err(Error::Damaged {
                room: Arc::clone(&self.room),
                offset: self.expected,
                what: "the log has a hole",
            });
        }
        if message.is_some() {
            self.expected = self.expected.next();
        }
        Ok(message)
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("room", &self.room)
            .field("head", &self.head)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::log::{Epoch, MsgId};

    fn message(offset: u64) -> Message {
        Message {
            offset: Offset(offset),
            prev: Offset(offset - 1),
            msg_id: MsgId([0; 16]),
            from: Arc::from("ann"),
            guest: false,
            ts: 0,
            body: Bytes::from_static(b"hello"),
        }
    }

    fn replay(offsets: &'static [u64], last: u64) -> Replay {
        let head = Head {
            epoch: Epoch(1),
            first: Offset(1),
            last: Offset(last),
        };
        Replay::new(
            Arc::from("lobby"),
            head,
            Offset(0),
            offsets.iter().map(|&offset| Ok(message(offset))),
        )
    }

    // contract: chat-3
    #[test]
    fn a_log_with_a_hole_or_a_missing_end_is_an_error_and_stays_one() {
        for offsets in [&[1, 3][..], &[1, 2], &[]] {
            let mut replay = replay(offsets, 3);
            assert!(matches!(
                replay.next_page(usize::MAX),
                Err(Error::Damaged { .. })
            ));
            assert!(matches!(replay.next_page(1), Err(Error::ReplayBroken)));
        }
    }

    #[test]
    fn a_store_that_yields_more_than_its_head_says_is_not_believed() {
        assert!(replay(&[1, 2, 3, 4], 3).next_page(usize::MAX).is_err());
    }
}
