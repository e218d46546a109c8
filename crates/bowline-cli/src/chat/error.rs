//! Why `bowline chat` did not do all it was asked.

use std::io;

use bowline_chat::client::BadName;

/// Why `bowline chat` did not do all it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Error {
    /// The system gave us no thread, timer or signal.
    #[error("the client could not start")]
    Start(#[from] io::Error),
    /// The server would refuse the name.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// The server will not have this client.
    #[error(
        "{server} does not take this client: {reason}; check that it is a bowline server of the same protocol version"
    )]
    Parked { server: String, reason: String },
    /// The server will not have this client in the room.
    #[error("room {room:?} cannot be entered: {reason}; choose another with --room")]
    JoinRefused { room: String, reason: String },
    /// It stayed as long as it was told and heard nothing.
    #[error("{server} was not reached in all that time; is a server running there?")]
    NeverReached { server: String },
    /// The client's task ended by itself.
    #[error("the client ended unexpectedly")]
    Ended,
    /// Standard input broke.
    #[error("standard input could not be read to its end")]
    Input(#[source] io::Error),
    /// Standard output broke.
    #[error("messages could not be written to standard output")]
    Output(#[source] io::Error),
    /// Some lines failed for good.
    #[error("{} never acknowledged, for the reasons given above", were(*lines))]
    Failed { lines: u64 },
    /// It was stopped too early.
    #[error(
        "stopped while {} not acknowledged: what was typed there may have been published or not", were(*lines)
    )]
    Unacknowledged { lines: u64 },
}

fn were(lines: u64) -> String {
    match lines {
        1 => "1 line was".to_owned(),
        lines => format!("{lines} lines were"),
    }
}
