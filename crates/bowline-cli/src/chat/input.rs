//! Standard input, line by line, on a thread of its own: a read that waits for a
//! person can be neither cancelled nor allowed to hold up the end of the process.

use std::io::{self, BufRead, ErrorKind};
use std::thread;

use bowline_link::codec::FRAME_BYTES_MAX;
use tokio::sync::mpsc;

/// The longest line kept: no server takes a longer one, whatever its settings.
pub(super) const LINE_BYTES_MAX: usize = FRAME_BYTES_MAX;

/// How many lines may be read ahead. With the longest of lines that is 16 MiB.
const LINES_MAX: usize = 16;

/// What came in.
#[derive(Debug)]
pub(super) enum Line {
    /// A line without its end, be that LF, CR LF or the end of input.
    Text(Vec<u8>),
    /// A line above [`LINE_BYTES_MAX`]; it was skipped.
    TooLong {
        /// How long it was.
        bytes: u64,
    },
    /// Nothing more can be read.
    Failed(io::Error),
}

/// Reads lines until the end of input, which closes the channel. The thread ends
/// with the line after the receiver is gone, or with the process.
///
/// # Errors
///
/// When the system starts no more threads.
pub(super) fn lines() -> io::Result<mpsc::Receiver<Line>> {
    let (sender, lines) = mpsc::channel(LINES_MAX);
    thread::Builder::new()
        .name("bowline-stdin".to_owned())
        .spawn(move || {
            let mut from = io::stdin().lock();
            loop {
                let line = match next_line(&mut from, LINE_BYTES_MAX) {
                    Ok(None) => return,
                    Ok(Some(line)) => line,
                    Err(error) => Line::Failed(error),
                };
                let last = matches!(line, Line::Failed(_));
                if sender.blocking_send(line).is_err() || last {
                    return;
                }
            }
        })?;
    Ok(lines)
}

/// The next line, of which at most `max` bytes are kept; `None` at the end.
fn next_line(from: &mut impl BufRead, max: usize) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut bytes: u64 = 0;
    loop {
        let ready = match from.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            ready => ready?,
        };
        let end = ready.iter().position(|&byte| byte == b'\n');
        let part = &ready[..end.unwrap_or(ready.len())];
        let at_end = ready.is_empty();
        bytes += part.len() as u64;
        // One more than is kept: the CR of a line end may be that one.
        let kept = (max + 1).saturating_sub(line.len()).min(part.len());
        line.extend_from_slice(&part[..kept]);
        let consumed = part.len() + usize::from(end.is_some());
        from.consume(consumed);
        if at_end && bytes == 0 {
            return Ok(None);
        }
        if end.is_some() || at_end {
            break;
        }
    }
    if bytes == line.len() as u64 && line.last() == Some(&b'\r') {
        line.pop();
        bytes -= 1;
    }
    Ok(Some(if bytes > max as u64 {
        Line::TooLong { bytes }
    } else {
        Line::Text(line)
    }))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Reads `input` in pieces of three bytes, keeping lines of four.
    fn check(input: &[u8], expected: &[&str]) {
        let mut from = BufReader::with_capacity(3, input);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut from, 4).unwrap() {
            lines.push(match line {
                Line::Text(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Line::TooLong { bytes } => format!("too long: {bytes}"),
                Line::Failed(error) => error.to_string(),
            });
        }
        assert_eq!(lines, expected, "{input:?}");
    }

    #[test]
    fn every_line_comes_whole_and_without_its_end() {
        check(b"", &[]);
        check(b"\n", &[""]);
        check(b"ahoy\n", &["ahoy"]);
        check(b"ahoy\r\nyou\r\n", &["ahoy", "you"]);
        check(b"a\n\nb", &["a", "", "b"]);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_one_is_read() {
        check(b"01234\nahoy\n", &["too long: 5", "ahoy"]);
        check(b"0123456789\r\nahoy\r\n", &["too long: 11", "ahoy"]);
        check(b"0123456789", &["too long: 10"]);
    }

    #[test]
    fn a_line_that_is_no_text_keeps_its_bytes() {
        let mut from: &[u8] = b"\xff\x00\xfe\n";
        let line = next_line(&mut from, 4).unwrap();
        assert!(matches!(line, Some(Line::Text(bytes)) if bytes == b"\xff\x00\xfe"));
    }
}
