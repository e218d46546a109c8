//! A codec of which is known how far it has come: where frames end on their way out, and how much
//! of one has come in. It changes nothing of what passes.

use std::collections::VecDeque;

use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

#[derive(Debug)]
pub(super) struct Watched<C> {
    codec: C,
    skips: bool,
    /// Bytes since the last frame that the codec took, and those it left.
    taken: u64,
    left: usize,
    /// Bytes that there ever were to send.
    encoded: u64,
    /// Where the frames begin and end that are not wholly sent, in order.
    begins: u64,
    ends: VecDeque<u64>,
}

// === impl Watched ===

impl<C> Watched<C> {
    /// `unsent` bytes wait to be sent already: they are one frame.
    pub(super) fn new(codec: C, unsent: usize) -> Self {
        let unsent = unsent as u64;
        Self {
            codec,
            skips: false,
            taken: 0,
            left: 0,
            encoded: unsent,
            begins: 0,
            ends: Some(unsent).filter(|&end| end > 0).into_iter().collect(),
        }
    }

    pub(super) fn get_ref(&self) -> &C {
        &self.codec
    }

    pub(super) fn get_mut(&mut self) -> &mut C {
        &mut self.codec
    }

    pub(super) fn into_inner(self) -> C {
        self.codec
    }

    /// What it takes whole without yielding is no frame.
    pub(super) fn skips(&mut self) {
        self.skips = true;
    }

    /// How much of a frame has come.
    pub(super) fn received(&self) -> u64 {
        self.taken + self.left as u64
    }

    /// Where the first frame begins that is not wholly sent while `unsent` bytes are left, and how
    /// many of its bytes are sent.
    pub(super) fn head(&mut self, unsent: usize) -> Option<(u64, u64)> {
        let sent = self.forget_taken(unsent);
        self.ends.front()?;
        Some((self.begins, sent - self.begins))
    }

    /// Forgets the frames that are wholly sent; returns how many bytes are.
    pub(super) fn forget_taken(&mut self, unsent: usize) -> u64 {
        let sent = self.encoded - unsent as u64;
        while let Some(&end) = self.ends.front().filter(|end| **end <= sent) {
            self.begins = end;
            self.ends.pop_front();
        }
        sent
    }

    fn decoded<T>(&mut self, before: usize, after: usize, frame: Option<&T>) {
        self.left = after;
        if frame.is_some() || (self.skips && after == 0) {
            self.taken = 0;
        } else {
            self.taken += before.saturating_sub(after) as u64;
        }
    }
}

impl<C: Decoder> Decoder for Watched<C> {
    type Item = C::Item;
    type Error = C::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<C::Item>, C::Error> {
        let before = bytes.len();
        let frame = self.codec.decode(bytes)?;
        self.decoded(before, bytes.len(), frame.as_ref());
        Ok(frame)
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<C::Item>, C::Error> {
        let before = bytes.len();
        let frame = self.codec.decode_eof(bytes)?;
        self.decoded(before, bytes.len(), frame.as_ref());
        Ok(frame)
    }
}

impl<C: Encoder<F>, F> Encoder<F> for Watched<C> {
    type Error = C::Error;

    fn encode(&mut self, frame: F, bytes: &mut BytesMut) -> Result<(), C::Error> {
        let before = bytes.len();
        let encoded = self.codec.encode(frame, bytes);
        // Also after an error, which may leave bytes behind.
        let written = bytes.len().saturating_sub(before) as u64;
        if written > 0 {
            self.encoded += written;
            self.ends.push_back(self.encoded);
        }
        encoded
    }
}
