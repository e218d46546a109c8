//! A thousand links that probe, and how each of them ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bowline_link::codec::{HeaderCodec, Limits};
use bowline_link::probing::{Error, Probing};
use bowline_link::{BoxError, Stamped, tcp};
use bowline_policy::heartbeat::Policy;
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::codec::Framed;
use tower::ServiceExt;

use crate::protocol::Ping;

/// Links under one policy; dropped, they are closed.
#[derive(Debug)]
pub(crate) struct Links {
    tasks: JoinSet<Option<Instant>>,
    sent: Arc<AtomicU64>,
}

impl Links {
    /// Opens `count` links.
    pub(crate) async fn open(
        count: usize,
        to: SocketAddr,
        policy: Policy,
    ) -> Result<Self, BoxError> {
        let sent = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let stream = tcp::Dialer::new().oneshot(to.into()).await?;
            tasks.spawn(keep(stream, policy, Arc::clone(&sent)));
        }
        Ok(Self { tasks, sent })
    }

    /// How many probes were sent so far, by all of them.
    pub(crate) fn probes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits for all ends; how long after `since` each link was given up, sorted. One that
    /// ended otherwise is left out.
    pub(crate) async fn given_up_after(mut self, since: Instant) -> Vec<Duration> {
        let mut delays = Vec::new();
        while let Some(end) = self.tasks.join_next().await {
            if let Ok(Some(at)) = end {
                delays.push(at.saturating_duration_since(since));
            }
        }
        delays.sort();
        delays
    }
}

/// Keeps a link until its peer is dead, and tells when that was.
async fn keep(stream: TcpStream, policy: Policy, sent: Arc<AtomicU64>) -> Option<Instant> {
    let stamped = Stamped::new(stream);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, HeaderCodec::new(Limits::default()));
    let mut link = Probing::new(frames, stamp, policy, Ping { sequence: 0, sent });
    loop {
        match link.next().await? {
            Ok(_frame) => {}
            Err(Error::Dead(_)) => return Some(Instant::now()),
            Err(_) => return None,
        }
    }
}
