//! The side that answers, and times out by silence.

use bowline_link::alive::{Alive, death};
use bowline_link::codec::{Error, HeaderCodec, Limits};
use bowline_link::{BoxError, Io, Listen};
use bowline_policy::heartbeat::Death;
use bowline_sim::history::{Name, What};
use bowline_sim::scenario::Node;
use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio_util::codec::Framed;

use super::words::{ASK, HELLO, PING, bare, named};
use super::{Client, PORT, SERVER};

pub(super) async fn run(node: Node) -> Result<(), BoxError> {
    let mut listener = node.listen(PORT).await?;
    let mut guests = JoinSet::new();
    loop {
        let (stream, _peer) = listener.accept().await?;
        guests.spawn(serve(node.clone(), stream));
    }
}

/// Serves one connection. The handshake is one frame that says who calls, and so which
/// heartbeat both sides go by.
async fn serve(node: Node, stream: impl Io) {
    let mut hello = Framed::new(stream, HeaderCodec::new(Limits::default()));
    let name = match hello.next().await {
        Some(Ok(frame)) if frame.cmd == HELLO => frame.payload,
        _ => return,
    };
    let client = Client::named(std::str::from_utf8(&name).unwrap_or_default());
    let policy = client.beat.policy().expect("it was tried at the start");
    let parts = hello.into_parts();
    let alive = Alive::new(parts.io, policy);
    let liveness = alive.liveness();
    let mut frames = Framed::new(alive, parts.codec);
    // What was read with the greeting.
    frames.read_buffer_mut().unsplit(parts.read_buf);
    let error = loop {
        let frame = match frames.next().await {
            None => return,
            Some(Err(error)) => break error,
            Some(Ok(frame)) => frame,
        };
        if frame.cmd == PING
            && let Some(interval) = named(&frame)
        {
            liveness.probed(interval);
        }
        if (frame.cmd == PING || frame.cmd == ASK)
            && let Err(error) = frames.send(bare(frame.cmd.response())).await
        {
            break error;
        }
    };
    if let Error::Io(error) = &error
        && let Some(Death::Silence { silent, .. }) = death(error)
    {
        let silent_us = u64::try_from(silent.as_micros()).unwrap_or(u64::MAX);
        let on = Name::from(client.name);
        node.record_as(SERVER, What::GaveUp { on, silent_us });
    }
}
