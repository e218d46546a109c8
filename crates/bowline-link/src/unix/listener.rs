//! Accepting connections on a Unix socket. It reports what the system answers and never
//! decides to stop.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::Instant;

use super::claim::{self, Claim, Found};
use crate::Listen;
use crate::tcp::BACKLOG;

/// How long [`Listener::bind`] waits for others who bind in the same directory.
///
/// They hold its lock for a few system calls, and while they look again at a socket that refuses.
pub const BIND_WAIT: Duration = Duration::from_secs(1);

/// How long between two looks at the lock, or at what holds the path.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// How many refusals in a row say that a server is dead. A server of another make that has
/// bound and does not listen yet refuses as well, so one is no proof; and except on Linux a live
/// one with a full backlog does, which is given a second to accept something.
const REFUSALS: u32 = if cfg!(target_os = "linux") { 3 } else { 100 };

/// What [`Listen::accept`] says of every peer of a Unix socket: it has no address.
pub const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Accepts connections on a Unix socket, and removes its file when it is dropped.
///
/// Who may connect is for the permissions of the directory to say: those of the file
/// follow the umask, and not every system asks them.
///
/// [`Listen::accept`] answers [`NO_ADDRESS`] as every peer's address, and
/// [`Listen::local_addr`] fails: there is a [`path`](Self::path) instead.
#[derive(Debug)]
pub struct Listener {
    // Dropped first: while the socket is open, its inode cannot become another file's.
    claim: Claim,
    inner: UnixListener,
}

/// Why a path cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A server answers there, or one may.
    #[error("{} is in use: stop what listens there, or choose another path", path.display())]
    InUse {
        /// What was asked for.
        path: PathBuf,
    },
    /// There is something else, which is left alone.
    #[error("{} exists and is no socket: remove it, or choose another path", path.display())]
    NotASocket {
        /// What was asked for.
        path: PathBuf,
    },
    /// Others kept binding in the same directory.
    #[error("the directory of {} stayed locked for {waited:?}", path.display())]
    Locked {
        /// What was asked for.
        path: PathBuf,
        /// [`BIND_WAIT`].
        waited: Duration,
    },
    /// The system refused for a reason of its own.
    #[error("could not listen on {}", path.display())]
    Listen {
        /// What was asked for.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

// === impl Listener ===

impl Listener {
    /// Listens at `path`, in a directory that exists and may be read.
    ///
    /// A socket file that a dead server left behind is removed; that it is dead is found
    /// by calling it, which a live server sees as a caller who hangs up. A live server's
    /// socket, and whatever is no socket, are left alone. It has to refuse for 20 ms, since one
    /// that is just starting refuses too; where a full backlog does as well, which it does not
    /// on Linux, for a second. Binders in one directory take turns (by a lock on it, for at most [`BIND_WAIT`]), so that of two servers which
    /// start at once one wins and the other is told.
    ///
    /// # Errors
    ///
    /// Names the path and, where there is something to do about it, what.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    ///
    /// # Cancellation
    ///
    /// Dropped while it waits for its turn, it has touched nothing.
    pub async fn bind(path: impl AsRef<Path>) -> Result<Self, BindError> {
        let path = path.as_ref();
        let failed = |source| BindError::Listen {
            path: path.to_owned(),
            source,
        };
        let until = Instant::now() + BIND_WAIT;
        let _lock = loop {
            if let Some(lock) = claim::lock(path).map_err(failed)? {
                break lock;
            }
            if Instant::now() >= until {
                return Err(BindError::Locked {
                    path: path.to_owned(),
                    waited: BIND_WAIT,
                });
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        };
        let bound = match bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                match find(path).await.map_err(failed)? {
                    Found::Stale => claim::remove(path).and_then(|()| bind(path)),
                    Found::Live => return Err(BindError::InUse { path: path.into() }),
                    Found::NotASocket => return Err(BindError::NotASocket { path: path.into() }),
                }
            }
            bound => bound,
        };
        let socket = bound.map_err(failed)?;
        let claim = Claim::new(path).map_err(failed)?;
        let inner = socket.listen(BACKLOG).map_err(failed)?;
        Ok(Self { claim, inner })
    }

    /// Where it listens, from the root.
    pub fn path(&self) -> &Path {
        self.claim.path()
    }
}

impl Listen for Listener {
    type Io = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, _nameless) = self.inner.accept().await?;
        Ok((stream, NO_ADDRESS))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let why = format!("{} is a path, not an address", self.path().display());
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    }
}

/// What is at `path`, stale only if it stays so.
async fn find(path: &Path) -> io::Result<Found> {
    for nth in 0..REFUSALS {
        if nth > 0 {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        match claim::look(path)? {
            Found::Stale => {}
            found @ (Found::Live | Found::NotASocket) => return Ok(found),
        }
    }
    Ok(Found::Stale)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that listens for such connections"
)]
fn bind(path: &Path) -> io::Result<UnixSocket> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    Ok(socket)
}
