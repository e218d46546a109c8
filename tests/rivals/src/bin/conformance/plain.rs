//! The loop that one writes in a hurry, without any library.

use std::sync::Arc;

use bowline_conformance::{Answer, BoxError, Lacks, Pace, Peer, Request, Subject, Wire};
use tokio::sync::Mutex;
use tokio::time::sleep;
use tower::util::BoxCloneService;
use tower::{ServiceExt, service_fn};

/// A connection in a mutex; whoever finds none connects, and waits a fixed delay in between.
#[derive(Debug)]
pub(crate) struct Plain;

// === impl Plain ===

impl Subject for Plain {
    type Service = BoxCloneService<Request, Answer, BoxError>;

    fn service(&self, peer: &Peer, pace: Pace) -> Self::Service {
        let (peer, connection) = (peer.clone(), Arc::new(Mutex::new(None)));
        BoxCloneService::new(service_fn(move |request| {
            let (peer, connection) = (peer.clone(), Arc::clone(&connection));
            async move {
                let wire = connected(&peer, &connection, pace).await;
                Ok(wire.oneshot(request).await?)
            }
        }))
    }

    fn handle(&self, service: &Self::Service) -> Result<Self::Service, Lacks> {
        Ok(service.clone())
    }
}

async fn connected(peer: &Peer, connection: &Mutex<Option<Wire>>, pace: Pace) -> Wire {
    let mut connection = connection.lock().await;
    loop {
        match &*connection {
            Some(wire) if !wire.is_over() => return wire.clone(),
            Some(_) | None => {}
        }
        match peer.dial().await {
            Ok(wire) => *connection = Some(wire),
            Err(_) => sleep(pace.base).await,
        }
    }
}
