//! What is said on a connection: binary frames of six kinds.

use std::time::Duration;

use bowline_link::codec::{Command, Frame};
use bowline_link::probing::{Probe, Sorted};
use bytes::{BufMut, Bytes, BytesMut};

/// Who it is that calls.
pub(super) const HELLO: Command = Command::new(1);

/// A question; the answer has the response bit.
pub(super) const ASK: Command = Command::new(2);

/// A probe, and the interval to the next in milliseconds; likewise.
pub(super) const PING: Command = Command::new(3);

/// Bytes that mean nothing.
pub(super) const DATA: Command = Command::new(4);

/// The words of our heartbeat.
#[derive(Debug)]
pub(super) struct Words;

/// A frame that says no more than its kind.
pub(super) fn bare(cmd: Command) -> Frame {
    frame(cmd, Bytes::new())
}

pub(super) fn frame(cmd: Command, payload: Bytes) -> Frame {
    Frame { cmd, payload }
}

/// The interval that a probe names.
pub(super) fn named(ping: &Frame) -> Option<Duration> {
    let millis = ping.payload.as_ref().try_into().ok()?;
    Some(Duration::from_millis(u64::from_be_bytes(millis)))
}

impl Probe for Words {
    type Frame = Frame;

    fn ping(&mut self, next_interval: Duration) -> Frame {
        let millis = u64::try_from(next_interval.as_millis()).unwrap_or(u64::MAX);
        let mut payload = BytesMut::new();
        payload.put_u64(millis);
        frame(PING, payload.freeze())
    }

    fn sort(&mut self, frame: Frame) -> Sorted<Frame> {
        if frame.cmd == PING.response() {
            Sorted::Answer
        } else {
            Sorted::Item(frame)
        }
    }
}
