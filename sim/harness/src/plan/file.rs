//! Plans that people keep in files.

use std::io;
use std::path::{Path, PathBuf};

use super::{Plan, ReadError};
use crate::Topology;

/// Why a file's plan cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It holds no plan, or one that cannot be carried out.
    #[error("{} holds no plan", path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ReadError,
    },
    /// Its plan was made for another world.
    #[error("{} is a plan for another world: its topology is {theirs}, not {ours}", path.display())]
    OtherWorld {
        /// The file.
        path: PathBuf,
        /// The plan's topology, as JSON.
        theirs: String,
        /// The world's.
        ours: String,
    },
}

impl Plan {
    /// Reads the plan in the file at `path`, which must be for a world of `topology`.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, a plan that cannot be carried out (its step is named) or
    /// that is for another world.
    pub fn read(path: &Path, topology: &Topology) -> Result<Self, FileError> {
        let text = std::fs::read_to_string(path).map_err(|source| FileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let plan = Self::from_json(&text).map_err(|source| FileError::NoPlan {
            path: path.to_owned(),
            source,
        })?;
        if plan.topology != *topology {
            return Err(FileError::OtherWorld {
                path: path.to_owned(),
                theirs: written(&plan.topology),
                ours: written(topology),
            });
        }
        Ok(plan)
    }
}

fn written(topology: &Topology) -> String {
    serde_json::to_string(topology).expect("names and numbers can be written")
}
