//! How a message lies in the file: one version byte, then only what its key does not say.
//!
//! `version u8 | flags u8 | ts u64 | msg_id 16 | sender's length u32 | sender | body`,
//! integers big-endian. The offset is the key, and `prev` follows from it.

use std::str;
use std::sync::Arc;

use bytes::Bytes;

use crate::log::{Message, MsgId, Offset};

use super::super::{Draft, before};

const VERSION: u8 = 1;
const GUEST: u8 = 1;

/// Puts the record of `draft` in `record`, in place of what was there.
pub(super) fn encode(draft: &Draft, record: &mut Vec<u8>) {
    let sender = u32::try_from(draft.from.len()).expect("a draft's size was checked");
    record.clear();
    record.extend_from_slice(&[VERSION, if draft.guest { GUEST } else { 0 }]);
    record.extend_from_slice(&draft.ts.to_be_bytes());
    record.extend_from_slice(&draft.msg_id.0);
    record.extend_from_slice(&sender.to_be_bytes());
    record.extend_from_slice(draft.from.as_bytes());
    record.extend_from_slice(&draft.body);
}

/// The message that `record` holds, or what is wrong with it.
pub(super) fn decode(offset: Offset, record: &[u8]) -> Result<Message, &'static str> {
    let (flags, ts, msg_id, rest) = header(record)?;
    let (length, rest) = rest.split_first_chunk().ok_or("it is too short")?;
    let (sender, body) = rest
        .split_at_checked(u32::from_be_bytes(*length) as usize)
        .ok_or("it is too short")?;
    let sender = str::from_utf8(sender).map_err(|_| "its sender is not text")?;
    Ok(Message {
        offset,
        prev: before(offset),
        msg_id,
        from: Arc::from(sender),
        guest: flags & GUEST != 0,
        ts,
        body: Bytes::copy_from_slice(body),
    })
}

/// The id in `record`: all that trimming needs to know.
pub(super) fn msg_id(record: &[u8]) -> Result<MsgId, &'static str> {
    header(record).map(|(_, _, msg_id, _)| msg_id)
}

fn header(record: &[u8]) -> Result<(u8, u64, MsgId, &[u8]), &'static str> {
    let (&[version, flags], rest) = record.split_first_chunk().ok_or("it is too short")?;
    if version != VERSION {
        return Err("its version is unknown");
    }
    let (ts, rest) = rest.split_first_chunk().ok_or("it is too short")?;
    let (id, rest) = rest.split_first_chunk().ok_or("it is too short")?;
    Ok((flags, u64::from_be_bytes(*ts), MsgId(*id), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_reads_as_the_message_it_was_written_from(
            from in ".{0,20}",
            guest: bool,
            ts: u64,
            id: [u8; 16],
            body: Vec<u8>,
        ) {
            let draft = Draft {
                room: Arc::from("lobby"),
                msg_id: MsgId(id),
                from: Arc::from(from),
                guest,
                ts,
                body: body.into(),
            };
            let mut record = Vec::new();
            encode(&draft, &mut record);
            prop_assert_eq!(decode(Offset(7), &record), Ok(draft.to_message(Offset(7))));
            prop_assert_eq!(msg_id(&record), Ok(draft.msg_id));
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            drop(decode(Offset(1), &bytes));
        }
    }

    #[test]
    fn a_record_of_another_version_is_refused() {
        assert_eq!(decode(Offset(1), &[2; 64]), Err("its version is unknown"));
    }
}
