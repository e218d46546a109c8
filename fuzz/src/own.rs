//! Split functions: one that keeps to the rules, and one that answers whatever the input says.

use std::cell::Cell;
use std::convert::Infallible;

use bowline_link::codec::{GAP_BYTES_MAX, Split, SplitCodec};
use bytes::BytesMut;

use crate::arrival::{arrive, outcome};
use crate::{Manner, limits};

/// Split functions: manner, how many answers the wild one has, those, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn split(data: &[u8]) {
    let Some((manner, [answers, data @ ..])) = Manner::of(data) else {
        return;
    };
    let Some((answers, stream)) = data.split_at_checked(4 * usize::from(answers % 8)) else {
        return;
    };
    tame(manner, stream);
    wild(manner, answers.as_chunks().0, stream);
}

/// `<`, a length, `>` and as many bytes; anything else is between frames.
fn tagged(bytes: &[u8], _limit: usize) -> Result<Split, Infallible> {
    Ok(match bytes {
        [b'<', length, b'>', behind @ ..] => {
            let length = usize::from(*length);
            if behind.len() < length {
                Split::Need(3 + length)
            } else {
                let frame = 3..3 + length;
                let consumed = frame.end;
                Split::Frame { frame, consumed }
            }
        }
        [b'<'] | [b'<', _] => Split::More,
        _ => Split::Skip(1),
    })
}

fn tame(manner: Manner, stream: &[u8]) {
    let mut codec = SplitCodec::new(tagged, limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let kept_max = manner.limit() + GAP_BYTES_MAX;
    let (frames, said) = outcome(&codec, stream, manner.piece, kept_max);
    let mut wire = Vec::new();
    for frame in &frames {
        assert!(frame.len() <= manner.limit());
        let length = u8::try_from(frame.len()).expect("the limit is lower");
        wire.extend_from_slice(&[b'<', length, b'>']);
        wire.extend_from_slice(frame);
    }
    assert!(wire.len() <= stream.len(), "no frame is made up");
    assert_eq!(
        said.is_none() && frames.is_empty(),
        said.is_none() && !has_frame(stream)
    );
    let again = outcome(&codec, &wire, manner.piece, kept_max);
    assert_eq!(again, (frames, None));
}

/// Whether a frame of any length begins in `stream`.
fn has_frame(stream: &[u8]) -> bool {
    stream
        .windows(3)
        .any(|three| matches!(three, [b'<', _, b'>']))
}

/// Whatever the function answers, in whatever order: decoding ends, and little is kept.
fn wild(manner: Manner, answers: &[[u8; 4]], stream: &[u8]) {
    if answers.is_empty() {
        return;
    }
    let turn = Cell::new(0);
    let function = |_: &[u8], _limit| {
        let [kind, start, end, consumed] = answers[turn.get() % answers.len()];
        turn.set(turn.get() + 1);
        // The highest stands for what cannot be.
        let [start, end, consumed] = [start, end, consumed].map(|number| match number {
            u8::MAX => usize::MAX,
            number => usize::from(number),
        });
        match kind % 5 {
            0 => Ok(Split::More),
            1 => Ok(Split::Need(start)),
            2 => Ok(Split::Skip(start)),
            3 => Err("refused"),
            _ => Ok(Split::Frame {
                frame: start..end,
                consumed,
            }),
        }
    };
    let mut codec = SplitCodec::new(function, limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let pieces: Vec<&[u8]> = stream.chunks(manner.piece).collect();
    let kept_max = manner.limit() + GAP_BYTES_MAX;
    let (frames, _) = arrive(&mut codec, &mut BytesMut::new(), &pieces, kept_max);
    assert!(frames.iter().all(|frame| frame.len() <= manner.limit()));
    // At most one question per byte, per piece, and for the end.
    assert!(turn.get() <= stream.len() + pieces.len() + 1);
}
