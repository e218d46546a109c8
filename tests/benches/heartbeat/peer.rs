//! The other side: answers probes, and gives up a link by its silence.

use std::net::SocketAddr;

use bowline_link::alive::Alive;
use bowline_link::codec::{Frame, HeaderCodec, Limits};
use bowline_link::{BoxError, Listen, tcp};
use bowline_policy::heartbeat::Policy;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::codec::Framed;

use crate::protocol::{self, PAYLOAD_BYTES, PING};

/// Serves links on `address` until it is killed; says `ready` once it listens.
pub(crate) async fn serve(address: SocketAddr, policy: Policy) -> Result<(), BoxError> {
    let mut listener = tcp::Listener::bind(address)?;
    println!("ready");
    let mut links = JoinSet::new();
    loop {
        let (stream, _peer) = listener.accept().await?;
        links.spawn(answer(stream, policy));
        while links.try_join_next().is_some() {}
    }
}

/// Answers one peer's probes until the link ends, one way or the other.
async fn answer(stream: TcpStream, policy: Policy) {
    let alive = Alive::new(stream, policy);
    let liveness = alive.liveness();
    let mut frames = Framed::new(alive, HeaderCodec::new(Limits::default()));
    while let Some(Ok(frame)) = frames.next().await {
        if frame.cmd != PING {
            return;
        }
        if let Some(interval) = protocol::next_interval(&frame.payload) {
            liveness.probed(interval);
        }
        let answer = Frame {
            cmd: PING.response(),
            payload: frame.payload.slice(..PAYLOAD_BYTES),
        };
        if frames.send(answer).await.is_err() {
            return;
        }
    }
}
