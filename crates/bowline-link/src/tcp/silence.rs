//! How long the kernel tolerates a peer that acknowledges nothing. It follows from the heartbeat,
//! so that there is no second set of knobs to contradict the first.

use std::io;
use std::time::Duration;

use bowline_policy::heartbeat::{Adaptive, Fixed, Policy};
use tokio::net::TcpStream;

/// The shortest silence the kernel is asked to act on: its keepalive counts whole seconds.
pub const SILENCE_MIN: Duration = Duration::from_secs(2);

/// The longest one: above it, Linux refuses the keepalive time that follows from it.
pub const SILENCE_MAX: Duration = Duration::from_secs(9 * 60 * 60);

/// A heartbeat that says how long a peer may be silent, which is all the kernel need know.
pub trait SilenceMax {
    /// The longest silence after which the peer still counts as alive.
    fn silence_max(&self) -> Duration;
}

impl SilenceMax for Fixed {
    fn silence_max(&self) -> Duration {
        Self::silence_max(self)
    }
}

impl SilenceMax for Adaptive {
    fn silence_max(&self) -> Duration {
        Self::silence_max(self)
    }
}

impl SilenceMax for Policy {
    fn silence_max(&self) -> Duration {
        Self::silence_max(self)
    }
}

const KEEPALIVE_RETRIES: u32 = 3;

/// Socket options derived from one duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Silence {
    user_timeout: Duration,
    idle: Duration,
    interval: Duration,
}

impl Silence {
    /// Half of `limit` passes before the kernel's first probe; three more, evenly
    /// spaced, fill the other half.
    pub(super) fn new(limit: Duration) -> Self {
        let limit = limit.clamp(SILENCE_MIN, SILENCE_MAX);
        let whole_seconds = |share: Duration| Duration::from_secs(share.as_secs().max(1));
        Self {
            user_timeout: limit,
            idle: whole_seconds(limit / 2),
            interval: whole_seconds(limit / (2 * KEEPALIVE_RETRIES)),
        }
    }

    #[cfg(target_os = "linux")]
    pub(super) fn apply(self, stream: &TcpStream) -> io::Result<()> {
        let socket = socket2::SockRef::from(stream);
        socket.set_tcp_keepalive(
            &socket2::TcpKeepalive::new()
                .with_time(self.idle)
                .with_interval(self.interval)
                .with_retries(KEEPALIVE_RETRIES),
        )?;
        socket.set_tcp_user_timeout(Some(self.user_timeout))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn apply(self, _stream: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // contract: link-3
    #[test]
    fn the_kernels_probes_fit_into_the_silence_they_follow_from() {
        for (limit_ms, user_timeout_ms, idle, interval) in [
            (0, 2_000, 1, 1),
            (2_000, 2_000, 1, 1),
            (33_500, 33_500, 16, 5),
            (60_000, 60_000, 30, 10),
            (u64::MAX, 32_400_000, 16_200, 5_400),
        ] {
            assert_eq!(
                Silence::new(Duration::from_millis(limit_ms)),
                Silence {
                    user_timeout: Duration::from_millis(user_timeout_ms),
                    idle: Duration::from_secs(idle),
                    interval: Duration::from_secs(interval),
                }
            );
        }
    }
}
