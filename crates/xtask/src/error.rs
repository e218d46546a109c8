//! What can stop a chore, said so that the reader knows which line to type next.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a chore stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// One step of several failed; the ones after it did not run.
    #[error("step \"{headline}\"")]
    Step {
        /// The headline that was printed when the step began.
        headline: &'static str,
        /// What went wrong in it.
        source: Box<Self>,
    },
    /// A program could not be started at all.
    #[error("could not start `{command}`")]
    Start {
        /// The whole line, as one would type it.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ran and reported failure.
    #[error("`{command}` ended with {status}")]
    Failed {
        /// The whole line, as one would type it.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A program did not end by itself.
    #[error("`{command}` was still running after {limit:?} and was killed")]
    Hung {
        /// The whole line, as one would type it.
        command: String,
        /// How long it was given.
        limit: Duration,
    },
    /// `cargo metadata` could not describe the workspace.
    #[error("could not read the workspace's manifests")]
    Metadata {
        /// What cargo said.
        source: cargo_metadata::Error,
    },
    /// Cargo built a package but named no program for it.
    #[error("`{command}` built no program")]
    NoProgram {
        /// The build that was asked for.
        command: String,
    },
    /// Programs the tests talk to are not here, and we may not install them.
    #[error(
        "the tests need {programs}; as root: apt-get install -y --no-install-recommends {packages}; \
         or leave out what needs them: cargo xtask test --no-services"
    )]
    NoService {
        /// What was looked for, in vain.
        programs: String,
        /// Debian's packages that hold it.
        packages: String,
    },
    /// A folder could not be made.
    #[error("could not make the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("could not write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database of advisories is neither here nor reachable.
    #[error(
        "the database of advisories could not be fetched: nothing was audited. \
         It comes from https://github.com/RustSec/advisory-db; run this where that can be reached"
    )]
    NoDatabase {
        /// The fetch that failed.
        source: Box<Self>,
    },
}

/// An error and all its causes on one line, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        line.push_str(": ");
        line.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    line
}
