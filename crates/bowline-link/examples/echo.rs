//! A server that sends every frame back, and one caller, over real TCP on a free loopback port.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use bowline_link::codec::{Command, Frame, HeaderCodec, Limits};
use bowline_link::{AcceptNext, BoxError, Io, Listen, tcp};
use futures_util::{SinkExt, StreamExt};
use tokio::task::JoinSet;
use tokio_util::codec::Framed;
use tower::ServiceExt;

const SAY: Command = Command::new(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let address = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(listener));

    let stream = tcp::Dialer::new().oneshot(address.into()).await?;
    let mut frames = Framed::new(stream, HeaderCodec::new(Limits::default()));
    for text in ["ahoy", "how is the weather", "fair winds"] {
        let payload = text.into();
        frames.send(Frame { cmd: SAY, payload }).await?;
        let echo = frames.next().await.ok_or("the server hung up")??;
        println!("{address} answered {:?}", echo.payload);
    }

    tasks.shutdown().await;
    Ok(())
}

/// Serves until it is dropped, and its connections with it.
async fn serve(mut listener: impl Listen) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => {
                connections.spawn(echo(stream));
            }
            Err(error) => match AcceptNext::after_error(&error) {
                AcceptNext::AtOnce => {}
                AcceptNext::After(pause) => tokio::time::sleep(pause).await,
            },
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn echo(stream: impl Io) {
    let mut frames = Framed::new(stream, HeaderCodec::new(Limits::default()));
    while let Some(Ok(Frame { cmd, payload })) = frames.next().await {
        let cmd = cmd.response();
        if frames.send(Frame { cmd, payload }).await.is_err() {
            return;
        }
    }
}
