//! The server: accepts connections, gives each a task, and all of them one writer.
//!
//! It owns no policy of the network: whoever starts it brings a listener, a store,
//! a clock, a source of secrets and an observer.

mod connection;
mod event;
mod outbox;
mod room;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod writer;

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use bowline_link::{AcceptNext, Listen, WallClock};
use rand_core::{CryptoRng, Rng};
use tokio::pin;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use connection::Connection;
pub use event::{EndReason, Event, Observer, Traced};
use session::Identity;
pub use settings::{
    BadSettings, CONNECTIONS_MAX, DRAIN_TIMEOUT, HELLO_TIMEOUT, INFLIGHT_MAX, OUTBOX_BYTES_MAX,
    PING_MAX, PING_MIN, REPLAY_PAGE_BYTES, ROOMS_PER_CONNECTION_MAX, Settings,
};
use writer::Writer;

use crate::store::{Committer, Store};

/// Where secret randomness comes from: epochs, ids, the node's number.
pub type Secrets = Arc<Mutex<dyn CryptoRng + Send>>;

/// What a server takes from the world besides the network.
#[derive(Clone)]
pub struct Environment {
    /// The time of day, for the stamps of messages.
    pub wall: Arc<dyn WallClock>,
    /// A generator no other run can share.
    pub secrets: Secrets,
    /// Who is told what happens.
    pub observer: Observer,
}

/// A chat server, ready to serve.
#[derive(Debug)]
pub struct Server<S: Store> {
    committer: Committer<S>,
    settings: Arc<Settings>,
    environment: Environment,
}

/// What every connection of a server shares.
#[derive(Debug)]
struct Shared {
    settings: Arc<Settings>,
    environment: Environment,
    shutdown: CancellationToken,
}

impl<S: Store> Server<S> {
    /// Brings the parts together.
    pub fn new(committer: Committer<S>, settings: Settings, environment: Environment) -> Self {
        Self {
            committer,
            settings: Arc::new(settings),
            environment,
        }
    }

    /// Serves `listener` until `shutdown` resolves; then accepts nobody, tells every
    /// client to come back later, commits what was taken and closes the store.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops every connection at once. What was acknowledged is
    /// in the store; the rest may be or not.
    pub async fn serve<L: Listen>(self, mut listener: L, shutdown: impl Future<Output = ()>) {
        let Self {
            committer,
            settings,
            environment,
        } = self;
        let durable = committer.run(|store| store.durable()).await;
        let node_id = lock(&environment.secrets).next_u32();
        let shared = Arc::new(Shared {
            settings: settings.clone(),
            environment: environment.clone(),
            shutdown: CancellationToken::new(),
        });
        let (requests, queue) = mpsc::channel(settings.requests_max());
        let mut writer = JoinSet::new();
        let observer = environment.observer.clone();
        writer.spawn(Writer::new(committer, settings.replay_page_bytes, observer).run(queue));

        let mut connections = JoinSet::new();
        let mut conn_id = 0;
        pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = writer.join_next() => {
                    ended.unwrap_or_else(resume);
                    return;
                }
                Some(ended) = connections.join_next() => ended.unwrap_or_else(resume),
                accepted = listener.accept() => match accepted {
                    Ok((io, _peer)) if connections.len() < settings.connections_max => {
                        conn_id += 1;
                        let identity = Identity { node_id, conn_id, durable };
                        let connection = Connection::new(io, identity, shared.clone(), requests.clone());
                        let observer = environment.observer.clone();
                        observer.observe(&Event::Accepted);
                        connections.spawn(async move {
                            let mut last = Last { observer, reason: EndReason::Dropped };
                            last.reason = connection.run().await;
                        });
                    }
                    // Closed unheard: what it speaks is not known yet, and it will try again.
                    Ok(_) => environment.observer.observe(&Event::Refused {
                        max: settings.connections_max,
                    }),
                    Err(error) => {
                        let next = AcceptNext::after_error(&error);
                        environment.observer.observe(&Event::AcceptFailed { error: error.to_string() });
                        if let AcceptNext::After(pause) = next {
                            sleep(pause).await;
                        }
                    }
                },
            }
        }
        shared.shutdown.cancel();
        drop(listener);
        let all_gone = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT, all_gone).await.is_err() {
            connections.shutdown().await;
        }
        drop(requests);
        while let Some(ended) = writer.join_next().await {
            ended.unwrap_or_else(resume);
        }
    }
}

/// Tells how a connection ended, also when nobody waited for it.
struct Last {
    observer: Observer,
    reason: EndReason,
}

impl Drop for Last {
    fn drop(&mut self) {
        let reason = self.reason.clone();
        self.observer.observe(&Event::Ended { reason });
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}

/// A panic of a task is a panic of the server: nothing is known of its state any more.
fn resume(error: JoinError) {
    if let Ok(panic) = error.try_into_panic() {
        resume_unwind(panic);
    }
}

fn lock(secrets: &Secrets) -> std::sync::MutexGuard<'_, dyn CryptoRng + Send + 'static> {
    // A generator that panicked half-way still yields bits nobody knows.
    secrets
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
