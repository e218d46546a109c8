//! Ten callers share two connections to a TCP echo server, which it starts
//! itself on a free port of loopback.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use bowline_link::tcp::{Dialer, Listener};
use bowline_link::{BoxError, Listen};
use bowline_pool::{Pool, Settings, Streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::task::JoinSet;

async fn serve(mut listener: Listener) {
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        conversations.spawn(async move {
            let (mut from, mut to) = split(stream);
            copy(&mut from, &mut to).await
        });
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = Listener::bind(([127, 0, 0, 1], 0).into())?;
    let endpoint = listener.local_addr()?.into();
    let mut server = JoinSet::new();
    server.spawn(serve(listener));

    let settings = Settings::new(2, u64::from(std::process::id()))?;
    let pool = Pool::new(Streams::new(Dialer::new()), endpoint, settings);

    let mut callers = JoinSet::new();
    for number in 0..10_u8 {
        let pool = pool.clone();
        callers.spawn(async move {
            // The pool gets the stream back because the exchange succeeds.
            pool.run(async |stream| {
                stream.write_all(&[number; 16]).await?;
                let mut answer = [0; 16];
                stream.read_exact(&mut answer).await?;
                Ok::<_, BoxError>(answer == [number; 16])
            })
            .await
        });
    }
    let mut echoed = 0;
    while let Some(answer) = callers.join_next().await {
        echoed += usize::from(answer??);
    }
    println!("{echoed} echoes over {} connections", pool.snapshot().open);
    Ok(())
}
