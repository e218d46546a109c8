//! The client: comes back by itself, resumes every room where it stood, shows each
//! message once and repeats its own publishes until it knows what became of them.
//!
//! It keeps no history and no file: positions live as long as the client does.

mod connection;
mod core;
mod driver;
mod event;
mod session;
mod settings;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use bowline_link::{Dial, Endpoint};
use bytes::Bytes;
use rand_core::CryptoRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

pub use event::{Event, PublishError, Receipt};
pub use session::ConnectionError;
pub use settings::{COMMANDS_MAX, EVENTS_MAX, OUTBOX_MAX, Settings};

use crate::log::MsgId;
use crate::protocol::{JoinFrom, NAME_BYTES_MAX, is_name};

/// A chat client; cheap to clone. The last clone dropped ends it without a word;
/// [`close`](Self::close) says goodbye.
#[derive(Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    outbox: Arc<Semaphore>,
    secrets: Arc<Mutex<dyn CryptoRng + Send>>,
    _driver: Arc<Mutex<JoinSet<()>>>,
}

/// What the application wants.
#[derive(Debug)]
enum Command {
    Join {
        room: Arc<str>,
        from: JoinFrom,
    },
    Publish {
        room: Arc<str>,
        msg_id: MsgId,
        body: Bytes,
        ticket: Ticket,
    },
    ReconnectNow,
    Close {
        done: oneshot::Sender<()>,
    },
}

/// Where the answer of a publish goes; its permit bounds how many wait.
#[derive(Debug)]
struct Ticket {
    answer: oneshot::Sender<Result<Receipt, PublishError>>,
    _permit: OwnedSemaphorePermit,
}

/// A publish on its way.
///
/// Dropping it gives up only the waiting: the client still sends and repeats it.
#[derive(Debug)]
#[must_use = "a publish is certain only when its receipt arrived"]
pub struct Publishing {
    answer: oneshot::Receiver<Result<Receipt, PublishError>>,
    msg_id: MsgId,
}

/// A name no room or nick may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} cannot name a {what}: 1 to {NAME_BYTES_MAX} bytes, no control characters, no blank at its ends"
)]
pub struct BadName {
    /// What was to be named.
    pub what: &'static str,
    /// The name.
    pub name: String,
}

/// The client was closed, or its task has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed")]
pub struct Closed;

impl Client {
    /// Starts a client of the server at `endpoint`, and yields what happens to it.
    ///
    /// It connects at once and keeps connecting until it is closed or told to stop
    /// by the schedule. `secrets` draws the ids of publishes: two runs that shared
    /// its seed would take each other's messages for repetitions.
    ///
    /// At most [`EVENTS_MAX`] events wait. An application that takes none stops the
    /// reading, so that the server in the end cuts it off; it then recovers. Dropping
    /// the receiver ends the client.
    ///
    /// # Errors
    ///
    /// [`BadName`] for a nick the server would refuse.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(
        dial: impl Dial,
        endpoint: Endpoint,
        settings: Settings,
        secrets: Arc<Mutex<dyn CryptoRng + Send>>,
    ) -> Result<(Self, mpsc::Receiver<Event>), BadName> {
        if !is_name(&settings.nick) {
            return Err(BadName {
                what: "nick",
                name: settings.nick.to_string(),
            });
        }
        let (commands, asked) = mpsc::channel(COMMANDS_MAX);
        let (events, told) = mpsc::channel(EVENTS_MAX);
        let outbox = Arc::new(Semaphore::new(OUTBOX_MAX));
        let mut driver = JoinSet::new();
        driver.spawn(driver::start(dial, endpoint, settings, asked, events));
        let client = Self {
            commands,
            outbox,
            secrets,
            _driver: Arc::new(Mutex::new(driver)),
        };
        Ok((client, told))
    }

    /// Enters a room, now and on every connection to come. [`Event::Joined`] tells
    /// where it stands. Entering a room twice changes nothing.
    ///
    /// # Errors
    ///
    /// A name the server would refuse, or a closed client.
    ///
    /// # Cancellation
    ///
    /// Dropped before it is done, the room is entered or not.
    pub async fn join(&self, room: &str, from: JoinFrom) -> Result<(), JoinError> {
        if !is_name(room) {
            return Err(JoinError::BadName(BadName {
                what: "room",
                name: room.to_owned(),
            }));
        }
        let room = room.into();
        self.commands
            .send(Command::Join { room, from })
            .await
            .map_err(|_| JoinError::Closed(Closed))
    }

    /// Publishes in a joined room, after everything published there before, and
    /// returns as soon as it is queued. While [`OUTBOX_MAX`] publishes wait for
    /// their answers, this waits for one of them.
    ///
    /// # Errors
    ///
    /// A closed client. All else is told by the [`Publishing`].
    ///
    /// # Cancellation
    ///
    /// Dropped before it is done, nothing was published.
    pub async fn publish(&self, room: &str, body: impl Into<Bytes>) -> Result<Publishing, Closed> {
        let permit = self.outbox.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Closed)?;
        let place = self.commands.reserve().await.map_err(|_| Closed)?;
        let msg_id = {
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            MsgId::draw(&mut *secrets)
        };
        let (sender, answer) = oneshot::channel();
        place.send(Command::Publish {
            room: room.into(),
            msg_id,
            body: body.into(),
            ticket: Ticket {
                answer: sender,
                _permit: permit,
            },
        });
        Ok(Publishing { answer, msg_id })
    }

    /// Tries to connect now instead of waiting, also after the client gave up.
    ///
    /// # Errors
    ///
    /// A closed client.
    pub async fn reconnect_now(&self) -> Result<(), Closed> {
        self.commands
            .send(Command::ReconnectNow)
            .await
            .map_err(|_| Closed)
    }

    /// Says goodbye to the server and ends the client. What has no receipt yet may
    /// be published or not.
    ///
    /// # Cancellation
    ///
    /// Dropped before it is done, the client closes all the same.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close { done }).await.is_ok() {
            // A driver that ended first has closed too.
            let _ended = closed.await;
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Why a room was not entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// No room can be called that.
    #[error(transparent)]
    BadName(BadName),
    /// The client is closed.
    #[error(transparent)]
    Closed(Closed),
}

impl Publishing {
    /// The id it is sent under.
    pub fn msg_id(&self) -> MsgId {
        self.msg_id
    }

    /// Waits until it is known what became of it, across any number of connections.
    ///
    /// # Errors
    ///
    /// [`PublishError`], which says whether it may be published all the same.
    pub async fn receipt(self) -> Result<Receipt, PublishError> {
        self.answer.await.unwrap_or(Err(PublishError::Closed))
    }
}
