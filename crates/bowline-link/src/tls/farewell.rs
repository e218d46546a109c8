//! The end of a handshake that failed: the peer is told why, within limits. It waits for nobody
//! longer than that, and its own failures interest nobody.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::flight::Flight;
use crate::Io;

/// How long a refused peer may take to hear why: 1 s.
///
/// Enough for a round trip round the world and a lost packet; a server's place for a handshake
/// stays taken meanwhile.
pub const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// How many bytes of a refused client are read and dropped: 64 KiB.
///
/// A socket that is closed with unread bytes in it answers with a reset, which can overtake the
/// alert; so a server reads on until the client has hung up.
pub const FAREWELL_BYTES_MAX: usize = 64 << 10;

/// Sends the alert, if there is one.
pub(super) async fn tell<I: Io>(mut flight: Flight<I>) {
    if !flight.is_empty() {
        let told = tokio::time::timeout(FAREWELL_MAX, flight.flush());
        told.await.ok();
    }
}

/// Sends the alert, if there is one, and waits until the peer has hung up.
pub(super) async fn tell_and_listen<I: Io>(flight: Flight<I>) {
    if !flight.is_empty() {
        let told = tokio::time::timeout(FAREWELL_MAX, until_hung_up(flight));
        told.await.ok();
    }
}

async fn until_hung_up<I: Io>(mut flight: Flight<I>) -> io::Result<()> {
    flight.flush().await?;
    flight.shutdown().await?;
    let mut dropped = [0; 1024];
    let mut left = FAREWELL_BYTES_MAX;
    while left > 0 {
        match flight.read(&mut dropped).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
