//! What every kind of client does to get a session, and how it notices the end of one. When to
//! try again is the contender's affair.

use std::io;

use bowline_link::Endpoint;
use bowline_sim::net::{Dialer, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::diary::{Diary, Up};
use crate::world::{PORT, SERVER};

pub(crate) const HELLO: &[u8; 5] = b"hello";
pub(crate) const WELCOME: &[u8; 7] = b"welcome";

/// One of the thousand.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) number: u32,
    pub(crate) process: usize,
    pub(crate) dialer: Dialer,
    pub(crate) diary: Diary,
}

/// A connection on which the server said welcome.
#[derive(Debug)]
pub(crate) struct Session {
    stream: Stream,
    _up: Up,
}

// === impl Client ===

impl Client {
    /// Whom it calls.
    pub(crate) fn server() -> Endpoint {
        Endpoint::new(SERVER, PORT)
    }

    /// Dials, says hello and waits for the welcome.
    pub(crate) async fn connect(self) -> io::Result<Session> {
        let _dialing = self.diary.dials(self.process, self.number);
        let mut stream = self.dialer.oneshot(Self::server()).await?;
        stream.write_all(HELLO).await?;
        stream.read_exact(&mut [0; WELCOME.len()]).await?;
        let _up = self.diary.welcomed(self.number);
        Ok(Session { stream, _up })
    }
}

// === impl Session ===

impl Session {
    /// Waits until the server hangs up, and says how it did.
    pub(crate) async fn end(mut self) -> io::Error {
        match self.stream.read(&mut [0]).await {
            Ok(0) => io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => io::Error::other("the server speaks although nobody asked"),
            Err(error) => error,
        }
    }
}
