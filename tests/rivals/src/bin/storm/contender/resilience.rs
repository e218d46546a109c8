//! tower-resilience-reconnect.

use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bowline_link::BoxError;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_reconnect::{ReconnectConfig, ReconnectLayer, ReconnectPolicy};

use super::{Keep, Keeping};
use crate::client::{Client, Session};
use crate::{BASE, CAP};

/// The request of a client that waits for news: it is answered when the connection ends.
#[derive(Debug, Clone, Copy)]
struct Listen;

/// A connection as a service, whose clones are one connection.
#[derive(Debug, Clone)]
struct Line {
    session: Arc<Mutex<Option<Session>>>,
}

pub(super) fn random(_: u64) -> Result<Keep, BoxError> {
    let policy = ReconnectPolicy::exponential_random(BASE, CAP, 0.5)?;
    Ok(Box::new(move |client| keep(client, policy.clone())))
}

pub(super) fn exponential(_: u64) -> Result<Keep, BoxError> {
    let policy = ReconnectPolicy::exponential(BASE, CAP);
    Ok(Box::new(move |client| keep(client, policy.clone())))
}

/// One call that listens: it notices the hang-up, and the service sends it again over each new
/// connection, as by default.
fn keep(client: Client, policy: ReconnectPolicy) -> Keeping {
    let settings = ReconnectConfig::builder().policy(policy);
    let layer = ReconnectLayer::new(settings.unlimited_attempts().build());
    let mut service = layer.layer(service_fn(move |(): ()| Line::open(client.clone())));
    Box::pin(async move {
        // Neither ends: attempts are unlimited, and a lost connection is replaced.
        while let Ok(ready) = service.ready().await {
            let _why = ready.call(Listen).await;
        }
    })
}

// === impl Line ===

impl Line {
    async fn open(client: Client) -> io::Result<Self> {
        let session = client.connect().await?;
        Ok(Self {
            session: Arc::new(Mutex::new(Some(session))),
        })
    }
}

impl Service<Listen> for Line {
    type Response = ();
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Listen) -> Self::Future {
        let session = self.session.lock();
        let session = session.unwrap_or_else(PoisonError::into_inner).take();
        match session {
            Some(session) => Box::pin(async move { Err(session.end().await) }),
            None => Box::pin(ready(Err(io::ErrorKind::NotConnected.into()))),
        }
    }
}
