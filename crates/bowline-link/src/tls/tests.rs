//! TLS on a paused clock, over streams in memory, with authorities that live as long as a test.
//! Other people's TLS is met elsewhere, over real sockets.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use futures_util::future::join;
use rcgen::date_time_ymd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::{Io, WallClock};

mod ca;
mod dialing;
mod errors;
mod listening;
mod materials;
mod peers;
mod replacing;
mod slices;
mod streams;

use ca::{Ca, Issued};

/// The name of the server in all tests but those about names.
const HOST: &str = "chat.example";

/// How much one side may write before the other reads.
const ROOM: usize = 64 << 10;

/// A clock that says what it was told: midday of New Year's Day 2026 at first.
#[derive(Debug, Clone)]
struct Told(Arc<Mutex<SystemTime>>);

impl Told {
    fn new() -> Self {
        let clock = Self(Arc::new(Mutex::new(SystemTime::UNIX_EPOCH)));
        clock.tell(2026, 1, 1);
        clock
    }

    fn tell(&self, year: i32, month: u8, day: u8) {
        *self.0.lock().unwrap() = date_time_ymd(year, month, day).into();
    }
}

impl WallClock for Told {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

/// A client that believes `ca`, on New Year's Day 2026.
fn client(ca: &Ca) -> Client {
    Client::new(ca.roots()).clock(Arc::new(Told::new()))
}

/// A server that shows `issued`, on New Year's Day 2026.
fn server(issued: &Issued) -> Server {
    Server::new(issued.identity()).clock(Arc::new(Told::new()))
}

type Shaken = Result<MaybeTls<DuplexStream>, Error>;

/// Both ends of a handshake for [`HOST`], the client's first.
async fn shake(client: Client, server: Server) -> (Shaken, Shaken) {
    meet(&client.build().unwrap(), &server.build().unwrap()).await
}

async fn meet(connector: &Connector, acceptor: &Acceptor) -> (Shaken, Shaken) {
    let (near, far) = duplex(ROOM);
    join(connector.connect(HOST, near), acceptor.accept(far)).await
}

/// Passes a word from `from` to `to`, so that everything sent before it has arrived too.
async fn say(from: &mut MaybeTls<impl Io>, to: &mut MaybeTls<impl Io>) {
    from.write_all(b"ahoy").await.unwrap();
    from.flush().await.unwrap();
    let mut heard = [0; 4];
    to.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ahoy");
}

/// The error that a person reads: the whole chain.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
