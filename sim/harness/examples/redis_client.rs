//! A client that is not ours under faults: does every wait in the redis crate end?
//! Links stall for up to ten seconds. Its requests give up in time; its handshake does not.
#![expect(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{pin::pin, time::Duration};

use bowline_link::{BoxError, Endpoint, Listen};
use bowline_sim::{Direction, Fault, Node, Scenario, Shape};
use redis::{RedisConnectionInfo, aio::MultiplexedConnection, cmd};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::{task::JoinSet, time::timeout};
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(3);
const TROUBLE: Duration = Duration::from_secs(20);

/// A peer that answers PONG to every command.
async fn serve(node: Node) -> Result<(), BoxError> {
    let (mut listener, mut sessions) = (node.listen(6379).await?, JoinSet::new());
    loop {
        let (from, mut to) = tokio::io::split(listener.accept().await?.0);
        sessions.spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = if line.starts_with('*') {
                    "+PONG\r\n"
                } else {
                    ""
                };
                drop(to.write_all(answer.as_bytes()).await);
            }
        });
    }
}

/// Connects and pings, again and again, and is content with every answer but none.
async fn ping(node: Node) -> Result<(), BoxError> {
    while node.elapsed() < TROUBLE {
        let stream = node.dialer().oneshot(Endpoint::new("redis", 6379)).await?;
        let info = RedisConnectionInfo::default();
        let handshake = timeout(PATIENCE, MultiplexedConnection::new(&info, stream));
        let (mut redis, driver) = handshake.await.map_err(|_| "the handshake hangs")??;
        let (mut driver, command) = (pin!(driver), cmd("PING"));
        for _ in 0..50 {
            let ping = timeout(PATIENCE, command.exec_async(&mut redis));
            tokio::select! { biased; () = &mut driver => break, end = ping => drop(end?) }
        }
    }
    Ok(())
}

fn main() {
    let direction = Direction::Both;
    let shape = move |_: &_| Shape::new(6, 500..=10_000).may(Fault::Stall { direction }, ["redis"]);
    let scenario = Scenario::new("redis").trouble(TROUBLE).shape(shape);
    let scenario = scenario.hosts(["redis"], serve);
    let campaign = scenario.clients(["ann"], ping).seeds(0..50).run();
    println!("{}", campaign.expect_err("version 1.8 has this hang"));
}
