//! The heartbeat both sides speak: the payload of docs/protocol.md in binary frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bowline_link::codec::{Command, Frame};
use bowline_link::probing::{Probe, Sorted};
use bytes::{BufMut, Bytes, BytesMut};

/// A probe; its answer has the response bit.
pub(crate) const PING: Command = Command::new(1);

/// The part of a probe that every heartbeat has: node, timestamp, status, sequence.
pub(crate) const PAYLOAD_BYTES: usize = 17;

/// Probes as a node sends them, and how many were sent by all that share the count.
#[derive(Debug)]
pub(crate) struct Ping {
    pub(crate) sequence: u32,
    pub(crate) sent: Arc<AtomicU64>,
}

impl Probe for Ping {
    type Frame = Frame;

    fn ping(&mut self, next_interval: Duration) -> Frame {
        self.sequence += 1;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut payload = BytesMut::with_capacity(PAYLOAD_BYTES + 4);
        payload.put_u32(1);
        payload.put_u64(0);
        payload.put_u8(0);
        payload.put_u32(self.sequence);
        payload.put_u32(u32::try_from(next_interval.as_millis()).unwrap_or(u32::MAX));
        Frame {
            cmd: PING,
            payload: payload.freeze(),
        }
    }

    fn sort(&mut self, frame: Frame) -> Sorted<Frame> {
        if frame.cmd == PING.response() {
            Sorted::Answer
        } else {
            Sorted::Item(frame)
        }
    }
}

/// The interval that a probe names.
pub(crate) fn next_interval(payload: &Bytes) -> Option<Duration> {
    let named = payload.get(PAYLOAD_BYTES..PAYLOAD_BYTES + 4)?;
    let millis = u32::from_be_bytes(named.try_into().ok()?);
    Some(Duration::from_millis(millis.into()))
}
