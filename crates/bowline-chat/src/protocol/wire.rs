//! The two wire formats behind one codec: what arrived, whatever way it was written.

use bowline_link::codec::{self, Command, HeaderCodec, Limits, LineCodec};
use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::message::{Reply, Request};
use super::{Close, CloseCode, binary, json};

/// How one connection writes its messages; its first byte decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    /// Frames with the 8-byte header.
    Binary,
    /// One JSON object per line.
    Json,
}

/// Why what arrived cannot be answered with anything but the end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The framing is broken or claims too much.
    #[error(transparent)]
    Framing(#[from] codec::Error),
    /// A frame whose payload lacks what its command needs.
    #[error("{0}")]
    Malformed(String),
    /// A command neither known nor marked as one to be ignored.
    #[error("unknown command {opcode:#x}")]
    UnknownCommand {
        /// The low 12 bits of the command.
        opcode: u16,
    },
}

/// Reads one side's messages from its bytes, with the limits before and after HELLO.
///
/// It is given a buffer and keeps no byte of its own, so dropping whoever drives
/// it between two reads loses nothing.
#[derive(Debug)]
pub struct WireCodec {
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    Binary(HeaderCodec),
    Json(LineCodec),
}

// === impl Wire ===

impl Wire {
    /// What a connection that begins with `first` speaks; `None` for neither.
    pub fn sniff(first: u8) -> Option<Self> {
        const MAGIC: u8 = codec::MAGIC.to_be_bytes()[0];
        match first {
            MAGIC => Some(Self::Binary),
            // Blanks before the first object are JSON too.
            b'{' | b' ' | b'\t' | b'\r' | b'\n' => Some(Self::Json),
            _ => None,
        }
    }

    /// Appends what a client says.
    pub fn put_request(self, request: &Request, out: &mut BytesMut) {
        match self {
            Self::Binary => put_frame(out, binary::request_command(request), |out| {
                binary::put_request(request, out);
            }),
            Self::Json => put_line(out, &json::request_line(request)),
        }
    }

    /// Appends what a server says.
    pub fn put_reply(self, reply: &Reply, out: &mut BytesMut) {
        match self {
            Self::Binary => put_frame(out, binary::reply_command(reply), |out| {
                binary::put_reply(reply, out);
            }),
            Self::Json => put_line(out, &json::reply_line(reply)),
        }
    }
}

fn put_frame(out: &mut BytesMut, command: u16, payload: impl FnOnce(&mut BytesMut)) {
    codec::encode_into(out, Command::from_bits(command), payload)
        .expect("what is sent was accepted under a smaller limit");
}

fn put_line(out: &mut BytesMut, line: &[u8]) {
    out.reserve(line.len() + 1);
    out.put_slice(line);
    out.put_u8(b'\n');
}

// === impl WireCodec ===

impl WireCodec {
    /// Starts under the limit before HELLO.
    pub fn new(wire: Wire, limits: Limits) -> Self {
        Self {
            framing: match wire {
                Wire::Binary => Framing::Binary(HeaderCodec::new(limits)),
                Wire::Json => Framing::Json(LineCodec::new(limits)),
            },
        }
    }

    /// Raises the limit: the other side has introduced itself.
    pub fn authenticated(&mut self) {
        match &mut self.framing {
            Framing::Binary(codec) => codec.authenticated(),
            Framing::Json(codec) => codec.authenticated(),
        }
    }

    /// Takes the next thing a client said from the front of `input`; `None` when
    /// it has not arrived whole.
    ///
    /// # Errors
    ///
    /// [`Fault`], after which nothing more can be read from this connection.
    pub fn next_request(&mut self, input: &mut BytesMut) -> Result<Option<Request>, Fault> {
        self.next(input, binary::request, json::request, || Request::Unknown {
            seq: None,
            op: String::new(),
        })
    }

    /// Takes the next thing a server said from the front of `input`.
    ///
    /// # Errors
    ///
    /// [`Fault`], after which nothing more can be read from this connection.
    pub fn next_reply(&mut self, input: &mut BytesMut) -> Result<Option<Reply>, Fault> {
        self.next(input, binary::reply, json::reply, || Reply::Unknown)
    }

    fn next<T, E: std::fmt::Display>(
        &mut self,
        input: &mut BytesMut,
        binary: fn(u16, Bytes) -> Result<Option<T>, E>,
        json: fn(&[u8]) -> serde_json::Result<T>,
        ignorable: fn() -> T,
    ) -> Result<Option<T>, Fault> {
        match &mut self.framing {
            Framing::Binary(codec) => {
                let Some(frame) = codec.decode(input)? else {
                    return Ok(None);
                };
                // The bit says how to take an unknown command, not which one it is.
                let known = frame.cmd.bits() & !Command::new(0).ignorable().bits();
                match binary(known, frame.payload) {
                    Ok(Some(message)) => Ok(Some(message)),
                    Ok(None) if frame.cmd.is_ignorable() => Ok(Some(ignorable())),
                    Ok(None) => Err(Fault::UnknownCommand {
                        opcode: frame.cmd.opcode(),
                    }),
                    Err(malformed) => Err(Fault::Malformed(malformed.to_string())),
                }
            }
            Framing::Json(codec) => loop {
                let Some(line) = codec.decode(input)? else {
                    return Ok(None);
                };
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return json(&line)
                    .map(Some)
                    .map_err(|error| Fault::Malformed(error.to_string()));
            },
        }
    }
}

// === impl Fault ===

impl From<&Fault> for Close {
    fn from(fault: &Fault) -> Self {
        let code = match fault {
            Fault::Framing(codec::Error::TooLarge { .. } | codec::Error::LineTooLong { .. }) => {
                CloseCode::TOO_LARGE
            }
            Fault::Framing(_) | Fault::Malformed(_) => CloseCode::BAD_FRAME,
            Fault::UnknownCommand { .. } => CloseCode::UNKNOWN_COMMAND,
        };
        // What the other side sent may be quoted in it, at any length.
        Self::because(code, format!("{:.200}", fault.to_string()))
    }
}
