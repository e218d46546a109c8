//! The options every stream of ours gets, dialed or accepted. None of them is a timer of its
//! own: those follow from the heartbeat.

use std::io;

use tokio::net::TcpStream;

use super::silence::{Silence, SilenceMax};

/// How much the kernel may hold that it has not sent, on streams with a heartbeat.
///
/// Above it a stream is not writable, so what waits, waits in our own queue, where a
/// probe overtakes it. 128 KiB is what Linux's option was introduced and measured with
/// (commit c9bee3b7fdec): it costs no throughput, since what is under way does not count.
pub const NOT_SENT_MAX: u32 = 128 * 1024;

/// The least that may be asked for; Linux reads zero as no limit.
pub const NOT_SENT_MIN: u32 = 4 * 1024;

/// What is set on a connected stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Options {
    silence: Option<Silence>,
    not_sent_max: Option<u32>,
}

// === impl Options ===

impl Options {
    pub(super) fn silence(&mut self, silence: Silence) {
        self.silence = Some(silence);
    }

    pub(super) fn not_sent_max(&mut self, bytes: u32) {
        self.not_sent_max = Some(bytes.max(NOT_SENT_MIN));
    }

    /// Everything that follows from a heartbeat.
    pub(super) fn heartbeat(&mut self, heartbeat: &impl SilenceMax) {
        self.silence(Silence::new(heartbeat.silence_max()));
        self.not_sent_max.get_or_insert(NOT_SENT_MAX);
    }

    pub(super) fn apply(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if let Some(silence) = self.silence {
            silence.apply(stream)?;
        }
        self.limit_not_sent(stream)
    }

    #[cfg(target_os = "linux")]
    fn limit_not_sent(self, stream: &TcpStream) -> io::Result<()> {
        let socket = socket2::SockRef::from(stream);
        self.not_sent_max
            .map_or(Ok(()), |bytes| socket.set_tcp_notsent_lowat(bytes))
    }

    #[cfg(not(target_os = "linux"))]
    fn limit_not_sent(self, _stream: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}
