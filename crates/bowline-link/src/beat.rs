//! What a heartbeat says, in the 17 bytes that every transport shares. When to
//! say it is the policy's to decide, and who may say it the protocol's.

/// How many bytes a heartbeat has, at the least: what follows them is ignored
/// by whoever does not know it.
pub const BEAT_BYTES: usize = 17;

/// How a node feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(from = "u8", into = "u8"))]
pub enum Status {
    /// All is well.
    Ok,
    /// Answers may be slow.
    Busy,
    /// Something is broken.
    Fault,
}

/// A heartbeat: `node_id u32, timestamp u64, status u8, sequence u32`, all of
/// them big-endian.
///
/// ```
/// use bowline_link::beat::{Beat, Status};
///
/// let probe = Beat { node_id: 1, timestamp: 1_700_000_000_000_000, status: Status::Ok, sequence: 3 };
/// assert_eq!(Beat::from_bytes(probe.to_bytes()), probe);
/// assert_eq!(probe.answer(7).sequence, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Beat {
    /// Who sends it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub node_id: u32,
    /// When, in microseconds since 1970 on the sender's clock; an answer echoes
    /// it, so that the prober gets the round trip on its own clock.
    #[cfg_attr(feature = "serde", serde(default))]
    pub timestamp: u64,
    /// How the sender feels.
    #[cfg_attr(feature = "serde", serde(default))]
    pub status: Status,
    /// Which probe; an answer echoes it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sequence: u32,
}

// === impl Status ===

/// All is well, of whoever says nothing of it.
impl Default for Status {
    fn default() -> Self {
        Self::Ok
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Ok => 0,
            Status::Busy => 1,
            Status::Fault => 2,
        }
    }
}

/// A status this version does not know is taken for the worst one.
impl From<u8> for Status {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::Busy,
            _ => Self::Fault,
        }
    }
}

// === impl Beat ===

impl Beat {
    /// As it goes over the wire.
    pub fn to_bytes(self) -> [u8; BEAT_BYTES] {
        let mut bytes = [0; BEAT_BYTES];
        bytes[..4].copy_from_slice(&self.node_id.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[12] = self.status.into();
        bytes[13..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. Any 17 bytes are a
    /// heartbeat.
    pub fn from_bytes(bytes: [u8; BEAT_BYTES]) -> Self {
        let [
            n0,
            n1,
            n2,
            n3,
            t0,
            t1,
            t2,
            t3,
            t4,
            t5,
            t6,
            t7,
            status,
            s0,
            s1,
            s2,
            s3,
        ] = bytes;
        Self {
            node_id: u32::from_be_bytes([n0, n1, n2, n3]),
            timestamp: u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            status: status.into(),
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
        }
    }

    /// The answer to this probe: its own sequence and timestamp, told by
    /// `node_id`, with which all is well.
    pub fn answer(self, node_id: u32) -> Self {
        Self {
            node_id,
            status: Status::Ok,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_packed_big_endian_in_its_documented_order() {
        let beat = Beat {
            node_id: 7,
            timestamp: 1_700_000_000_000_000,
            status: Status::Fault,
            sequence: 3,
        };
        let hex = data_encoding::HEXLOWER.encode(&beat.to_bytes());
        assert_eq!(hex, "0000000700060a24181e40000200000003");
        assert_eq!(Beat::from_bytes(beat.to_bytes()), beat);
    }

    #[test]
    fn a_status_of_a_later_version_is_taken_for_the_worst() {
        assert_eq!(Status::from(200), Status::Fault);
    }
}
