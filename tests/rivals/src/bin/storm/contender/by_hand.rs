//! The loops that one writes without any library.

use std::time::Duration;

use bowline_link::BoxError;
use tokio::time::sleep;

use super::Keep;
use crate::client::Client;
use crate::{BASE, CAP};

pub(super) fn fixed(_: u64) -> Result<Keep, BoxError> {
    Ok(Box::new(|client| Box::pin(keep(client, |_| BASE))))
}

pub(super) fn doubling(_: u64) -> Result<Keep, BoxError> {
    Ok(Box::new(|client| {
        Box::pin(keep(client, |delay| (delay * 2).min(CAP)))
    }))
}

/// Connects, and again after a delay; `longer` says how long the next one is. Being connected
/// starts it over.
async fn keep(client: Client, longer: fn(Duration) -> Duration) {
    let mut delay = BASE;
    loop {
        if let Ok(session) = client.clone().connect().await {
            delay = BASE;
            // Why it ended makes no difference to a loop like this.
            let _why = session.end().await;
        }
        sleep(delay).await;
        delay = longer(delay);
    }
}
