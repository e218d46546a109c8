//! A line-echo server on real TCP that is killed once, and a client that comes back to it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{sync::Arc, time::Duration};

use bowline_link::{BoxError, Endpoint, Listen, tcp};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_reconnect::{Established, Reconnect};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy, split};
use tokio::{sync::Mutex, sync::mpsc, task::JoinSet};
use tower::{Service as _, ServiceExt as _, service_fn, util::BoxCloneService};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let address = listener.local_addr()?;
    let mut server = JoinSet::from_iter([serve(listener)]);
    let schedule = Schedule::exponential(Duration::from_millis(200), Duration::from_secs(2))?;
    let maker = Maker::new(schedule, 1);
    let mut echo = Reconnect::builder(service_fn(connect), address.into(), &maker).build();
    println!("before: {}", echo.ready().await?.call("ahoy").await?);
    server.shutdown().await;
    echo.state().wait_for(|state| !state.is_ready()).await?;
    println!("killed: {echo:?}");
    server.spawn(serve(tcp::Listener::bind(address)?));
    println!("after:  {}", echo.ready().await?.call("ahoy again").await?);
    Ok(())
}

type Lines = BoxCloneService<&'static str, String, BoxError>;

async fn connect(to: Endpoint) -> Result<Established<Lines>, BoxError> {
    let (read, write) = split(tcp::Dialer::new().oneshot(to).await?);
    let (heard, echoes) = mpsc::channel(16);
    let wire = Arc::new(Mutex::new((write, echoes)));
    let lines = service_fn(move |line| {
        let wire = Arc::clone(&wire);
        async move {
            let (write, echoes) = &mut *wire.lock().await;
            write.write_all(format!("{line}\n").as_bytes()).await?;
            Ok(echoes.recv().await.ok_or("no answer")?)
        }
    });
    // The link polls what tells it of the end, so that may do the reading as well.
    Ok(Established::new(Lines::new(lines)).closed(async move {
        let mut lines = BufReader::new(read).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            heard.send(line).await.ok();
        }
        "the server hung up"
    }))
}

async fn serve(mut listener: impl Listen) {
    while let Ok((stream, _)) = listener.accept().await {
        let (mut read, mut write) = split(stream);
        copy(&mut read, &mut write).await.ok();
    }
}
