//! How much history a store keeps: the bound on its growth, checked once.

/// How much history a store keeps.
///
/// With `n` rooms full of messages of `b` bytes a store holds about
/// `n * messages_per_room * (b + 100)` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    messages_per_room: u64,
    rooms_max: u32,
}

/// A retention that would keep nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a store must keep at least one message in at least one room, not {messages_per_room} in {rooms_max}"
)]
pub struct KeepsNothing {
    /// The messages that each room was to keep.
    pub messages_per_room: u64,
    /// The rooms there were to be at most.
    pub rooms_max: u32,
}

// === impl Retention ===

impl Retention {
    /// Keeps at most `messages_per_room` of the newest messages of each of at
    /// most `rooms_max` rooms.
    ///
    /// A message's id is remembered exactly as long as the message, so this is
    /// also how long a repeated publish is recognised.
    ///
    /// # Errors
    ///
    /// [`KeepsNothing`] when either is zero.
    pub fn new(messages_per_room: u64, rooms_max: u32) -> Result<Self, KeepsNothing> {
        if messages_per_room == 0 || rooms_max == 0 {
            return Err(KeepsNothing {
                messages_per_room,
                rooms_max,
            });
        }
        Ok(Self {
            messages_per_room,
            rooms_max,
        })
    }

    /// The messages a room keeps at most. Lowered on an existing store, a room
    /// is trimmed with the next message appended to it.
    pub fn messages_per_room(&self) -> u64 {
        self.messages_per_room
    }

    /// The rooms there are at most. Lowered below what an existing store holds,
    /// no room is lost, and none is added.
    pub fn rooms_max(&self) -> u32 {
        self.rooms_max
    }
}

impl Default for Retention {
    /// 10 000 messages in each of 10 000 rooms: a day of a lively room, and a
    /// bound on what strangers can make a server keep.
    fn default() -> Self {
        Self {
            messages_per_room: 10_000,
            rooms_max: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_of_nothing_is_refused_with_both_numbers() {
        assert_eq!(
            Retention::new(0, 7),
            Err(KeepsNothing {
                messages_per_room: 0,
                rooms_max: 7
            })
        );
        assert!(Retention::new(7, 0).is_err());
        assert!(Retention::new(1, 1).is_ok());
    }
}
