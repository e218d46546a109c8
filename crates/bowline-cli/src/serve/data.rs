//! Where history is kept: which folder, made for this user alone.

use std::env;
use std::ffi::OsString;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

/// The file in the folder.
const FILE: &str = "history.redb";

/// Why there is no folder for the history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Error {
    /// The environment names no home.
    #[error(
        "neither XDG_DATA_HOME nor HOME names a folder for the history: name one with --data DIR, or keep it in memory with --memory"
    )]
    NoHome,
    /// The folder cannot be made.
    #[error("folder {} for the history could not be made: name another with --data DIR, or keep it in memory with --memory", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// The history's file in `folder`, or in the user's own folder; the folder is made
/// if it does not exist.
pub(super) fn file(folder: Option<PathBuf>) -> Result<PathBuf, Error> {
    let folder = match folder {
        Some(folder) => folder,
        None => default_folder(env::var_os("XDG_DATA_HOME"), env::var_os("HOME"))
            .ok_or(Error::NoHome)?,
    };
    make(&folder).map_err(|source| Error::Folder {
        folder: folder.clone(),
        source,
    })?;
    Ok(folder.join(FILE))
}

/// What the XDG Base Directory Specification says; it ignores relative paths.
fn default_folder(data_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    data_home
        .and_then(absolute)
        .or_else(|| Some(home.and_then(absolute)?.join(".local/share")))
        .map(|data| data.join("bowline"))
}

fn make(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data_home: Option<&str>, home: Option<&str>, expected: Option<&str>) {
        let folder = default_folder(data_home.map(Into::into), home.map(Into::into));
        assert_eq!(folder.as_deref(), expected.map(Path::new));
    }

    #[cfg(unix)]
    #[test]
    fn the_users_own_folder_is_found_as_the_specification_says() {
        check(Some("/data"), Some("/home/ann"), Some("/data/bowline"));
        let at_home = Some("/home/ann/.local/share/bowline");
        check(None, Some("/home/ann"), at_home);
        check(Some(""), Some("/home/ann"), at_home);
        check(Some("data"), Some("/home/ann"), at_home);
    }

    #[test]
    fn without_a_home_there_is_no_folder() {
        check(None, None, None);
        check(Some("data"), Some(""), None);
    }
}
