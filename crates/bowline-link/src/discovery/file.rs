//! A list that people keep in a file. A bad file changes nothing, and is told by its line.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{Answer, InvalidTargets, Lookup, TARGETS_MAX, Target, Targets};
use crate::{Endpoint, InvalidEndpoint};

/// The longest file that is read: [`TARGETS_MAX`] of the longest names, and comments.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file of targets.
///
/// One target stands on a line: `host:port`, then perhaps a priority and a weight, apart by
/// spaces. What follows a `#` is a comment; empty lines count for nothing.
///
/// ```text
/// chat-1.example:7400        # priority 0, weight 0
/// chat-2.example:7400 10     # for when chat-1 is away
/// [2001:db8::7]:7400 10 5
/// ```
///
/// With a [`Refreshing`](super::Refreshing) it is a watched file, read each
/// [`INTERVAL_DEFAULT`](super::INTERVAL_DEFAULT) or whatever
/// [`Refresh::every`](super::Refresh::every) says. Contents are compared, not times of
/// modification, whose steps are coarser than an edit on some file systems. Replace the file
/// by renaming another one over it: then nobody reads half of it.
#[derive(Clone)]
pub struct File {
    read: Arc<dyn Fn() -> Reading + Send + Sync>,
}

type Reading = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>>;

/// Why a file is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("the file of targets cannot be read")]
    Read {
        /// Why not.
        #[from]
        source: io::Error,
    },
    /// It is longer than any list.
    #[error("the file of targets is longer than {max} bytes")]
    TooLong {
        /// The most that is read: [`FILE_BYTES_MAX`].
        max: u64,
    },
    /// A line has something that is no text.
    #[error("line {line} is not UTF-8")]
    NotText {
        /// Which, counted from one.
        line: usize,
    },
    /// A line does not begin with an endpoint.
    #[error("line {line} names no endpoint")]
    Endpoint {
        /// Which, counted from one.
        line: usize,
        /// What stands there.
        source: InvalidEndpoint,
    },
    /// A rank is no number from 0 to 65535.
    #[error(
        "line {line}: the {name} is {text:?}, which is no number from 0 to {}",
        u16::MAX
    )]
    Rank {
        /// Which, counted from one.
        line: usize,
        /// `priority` or `weight`.
        name: &'static str,
        /// What stands there.
        text: String,
    },
    /// A line goes on after the weight.
    #[error("line {line}: nothing belongs after the weight, and {text:?} stands there")]
    Surplus {
        /// Which, counted from one.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A line has a target more than a list may have.
    #[error("line {line} is one target more than {max}")]
    TooMany {
        /// Which, counted from one.
        line: usize,
        /// The most: [`TARGETS_MAX`].
        max: usize,
    },
    /// No line has a target: a file that is just being written, as likely as not.
    #[error("the file names no target")]
    Empty,
}

// === impl File ===

impl File {
    /// Reads the file at `path`, at most [`FILE_BYTES_MAX`] of it, on one of tokio's threads
    /// for blocking work.
    ///
    /// A reading that was given up and hangs still, as on a file system that is away, keeps
    /// that one thread: what is read next waits for it and takes no other.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path: Arc<Path> = path.into().into();
        let one = Arc::new(Semaphore::new(1));
        Self::read_by(move || read(Arc::clone(&path), Arc::clone(&one)))
    }

    /// Has `read` yield the contents: where the file is not on this machine's disk, as in a
    /// simulation.
    pub fn read_by<F, Fut>(read: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<u8>>> + Send + 'static,
    {
        Self {
            read: Arc::new(move || Box::pin(read())),
        }
    }
}

impl Lookup for File {
    type Error = FileError;

    fn look_up(&mut self) -> impl Future<Output = Result<Answer, FileError>> + Send + 'static {
        let reading = (self.read)();
        async move {
            let bytes = reading.await?;
            let targets = parse(&bytes)?;
            Ok(Answer { targets, ttl: None })
        }
    }
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a real file; what is simulated is read by `read_by`"
)]
async fn read(path: Arc<Path>, one: Arc<Semaphore>) -> io::Result<Vec<u8>> {
    let permit = one.acquire_owned().await;
    let permit = permit.expect("nobody closes it");
    let reading = spawn_blocking(move || {
        let bytes = read_now(&path);
        drop(permit);
        bytes
    });
    reading.await.map_err(io::Error::other)?
}

fn read_now(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than may be, so that too many are seen.
    let mut file = std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Targets, FileError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let max = FILE_BYTES_MAX;
        return Err(FileError::TooLong { max });
    }
    // Some editors put a mark of the encoding first, which is no part of a host.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut targets = Vec::new();
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let text = std::str::from_utf8(bytes).map_err(|_| FileError::NotText { line })?;
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let mut words = text.split_whitespace();
        let Some(endpoint) = words.next() else {
            continue;
        };
        if targets.len() == TARGETS_MAX {
            let max = TARGETS_MAX;
            return Err(FileError::TooMany { line, max });
        }
        let endpoint =
            Endpoint::from_str(endpoint).map_err(|source| FileError::Endpoint { line, source })?;
        targets.push(Target {
            priority: rank(line, "priority", words.next())?,
            weight: rank(line, "weight", words.next())?,
            endpoint,
        });
        if let Some(text) = words.next().map(str::to_owned) {
            return Err(FileError::Surplus { line, text });
        }
    }
    Targets::new(targets).map_err(|invalid| match invalid {
        InvalidTargets::Empty => FileError::Empty,
        InvalidTargets::TooMany { .. } => unreachable!("they were counted line by line"),
    })
}

fn rank(line: usize, name: &'static str, word: Option<&str>) -> Result<u16, FileError> {
    let Some(text) = word else { return Ok(0) };
    text.parse().map_err(|_| FileError::Rank {
        line,
        name,
        text: text.to_owned(),
    })
}
