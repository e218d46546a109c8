//! Who is let in to a connection that is being left.

use std::sync::Arc;

use bowline_link::Endpoint;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::Connection;

// contract: again-2
#[tokio::test(start_paused = true)]
async fn nobody_enters_once_the_last_has_left() {
    let peer = Endpoint::new("chat.example", 7400);
    let connection = Arc::new(Connection::new(peer, 1, 1, Instant::now()));
    let user = connection.enter().unwrap();
    assert!(connection.sealed().now_or_never().is_none());
    // There still is somebody, so others are welcome.
    drop(connection.enter().unwrap());
    drop(user);
    assert!(connection.sealed().now_or_never().is_some());
    assert!(connection.enter().is_none());
    assert_eq!(connection.calls(), 0);
}
