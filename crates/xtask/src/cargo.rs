//! Starting cargo and the programs it built, and waiting for them.
//!
//! Whatever they print goes through untouched; only exit codes are judged.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use cargo_metadata::{Message, MetadataCommand, TargetKind};

use crate::error::Error;

/// How often a program that has a time limit is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The checkout, and what was built in it so far.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    /// What the tests are told: where the programs are that were built for them, and what to
    /// leave out.
    variables: BTreeMap<&'static str, OsString>,
}

impl Workspace {
    /// The workspace that this program was started in.
    ///
    /// # Errors
    ///
    /// [`Error::Metadata`] where `cargo metadata` fails.
    pub(crate) fn find() -> Result<Self, Error> {
        let metadata = MetadataCommand::new()
            .no_deps()
            .exec()
            .map_err(|source| Error::Metadata { source })?;
        Ok(Self::at(metadata.workspace_root.into_std_path_buf()))
    }

    /// The workspace whose root manifest lies in `root`.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self {
            root,
            variables: BTreeMap::new(),
        }
    }

    /// `cargo` with `arguments`, in the root, told where the programs are that were built so far.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        // Set by the cargo that started us: the same toolchain then does all of it.
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.tool(cargo, arguments);
        command.envs(&self.variables);
        command
    }

    /// `program` with `arguments`, in the root.
    pub(crate) fn tool(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command
    }

    /// Builds the binary of `package` and keeps its path under the name `variable`.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where it does not compile, [`Error::NoProgram`] where the package has no binary.
    pub(crate) fn build(&mut self, package: &str, variable: &'static str) -> Result<(), Error> {
        let command = self.cargo(&["build", "--package", package, "--bins"]);
        let line = shown(&command);
        let program = executables(command)?
            .pop()
            .ok_or(Error::NoProgram { command: line })?;
        self.tell(variable, program.path);
        Ok(())
    }

    /// Tells all tests from now on that `variable` is `value`.
    pub(crate) fn tell(&mut self, variable: &'static str, value: impl Into<OsString>) {
        self.variables.insert(variable, value.into());
    }

    /// The program that [`Workspace::build`] kept under `variable`, ready for arguments.
    ///
    /// # Panics
    ///
    /// Where no step built it before.
    pub(crate) fn program(&self, variable: &str) -> Command {
        let path = self.variables.get(variable);
        let mut command = Command::new(path.expect("an earlier step of the same chore built it"));
        command.current_dir(&self.root);
        command
    }

    /// Builds all examples of ours and returns them, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] where one does not compile.
    pub(crate) fn examples(&self) -> Result<Vec<Program>, Error> {
        let mut programs = executables(self.cargo(&["build", "--workspace", "--examples"]))?;
        programs.retain(|program| program.is_example);
        programs.sort_by(|one, other| one.source.cmp(&other.source));
        Ok(programs)
    }

    /// The root as a base for the paths that are shown.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// Something cargo built that can be started.
#[derive(Debug)]
pub(crate) struct Program {
    /// The file to start.
    pub(crate) path: PathBuf,
    /// The file it was built from.
    pub(crate) source: PathBuf,
    /// Whether it is an example rather than a binary.
    is_example: bool,
}

/// Runs a build and returns the programs it names, whether fresh or just built.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn executables(mut build: Command) -> Result<Vec<Program>, Error> {
    build
        // Errors in the code still reach the reader as text, on standard error.
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let line = shown(&build);
    let output = build.output().map_err(|source| Error::Start {
        command: line.clone(),
        source,
    })?;
    judged(line, output.status)?;
    let messages = Message::parse_stream(output.stdout.as_slice());
    let programs = messages.filter_map(|message| match message {
        Ok(Message::CompilerArtifact(artifact)) => Some(Program {
            path: artifact.executable?.into_std_path_buf(),
            source: artifact.target.src_path.into_std_path_buf(),
            is_example: artifact.target.kind.contains(&TargetKind::Example),
        }),
        _ => None,
    });
    Ok(programs.collect())
}

/// Runs `command` to its end, however long that takes.
///
/// # Errors
///
/// [`Error::Start`] where it cannot be started, [`Error::Failed`] where it ends with anything but success.
pub(crate) fn run(mut command: Command) -> Result<(), Error> {
    let line = shown(&command);
    match command.status() {
        Ok(status) => judged(line, status),
        Err(source) => Err(Error::Start {
            command: line,
            source,
        }),
    }
}

/// Runs `command` to its end and returns what it printed.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn output(mut command: Command) -> Result<String, Error> {
    let line = shown(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Start {
        command: line.clone(),
        source,
    })?;
    judged(line, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command`, and kills it if it has not ended within `limit`.
///
/// # Errors
///
/// As [`run`], and [`Error::Hung`].
pub(crate) fn run_within(mut command: Command, limit: Duration) -> Result<(), Error> {
    let line = shown(&command);
    match ended_within(&mut command, limit) {
        Ok(Some(status)) => judged(line, status),
        Ok(None) => Err(Error::Hung {
            command: line,
            limit,
        }),
        Err(source) => Err(Error::Start {
            command: line,
            source,
        }),
    }
}

fn ended_within(command: &mut Command, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = command.spawn()?;
    // Nobody sends: receiving is a wait with a bound.
    let (_sender, never) = mpsc::channel::<()>();
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if waited >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        match never.recv_timeout(LOOK_EVERY) {
            Ok(()) | Err(_) => waited += LOOK_EVERY,
        }
    }
}

/// Whether `command` can be started and ends well; what it prints is dropped.
pub(crate) fn works(mut command: Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn judged(command: String, status: ExitStatus) -> Result<(), Error> {
    if status.success() {
        Ok(())
    } else {
        Err(Error::Failed { command, status })
    }
}

/// The line a person would type for it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(OsStr::new("?"));
    let words = [name].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::error::chain;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failing_program_is_shown_as_one_would_type_it() {
        let error = run(shell("exit 3")).unwrap_err();
        assert_eq!(chain(&error), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_is_not_a_success() {
        let error = run(Command::new("/no/such/program")).unwrap_err();
        assert!(chain(&error).starts_with("could not start `program`"));
        assert!(!works(Command::new("/no/such/program")));
    }

    #[test]
    fn a_program_that_hangs_is_killed_at_its_limit() {
        let error = run_within(shell("exec sleep 600"), LOOK_EVERY).unwrap_err();
        assert!(chain(&error).contains("was killed"), "{error}");
    }

    #[test]
    fn a_program_within_its_limit_is_judged_by_its_exit_code() {
        let limit = Duration::from_secs(60);
        run_within(shell("exit 0"), limit).unwrap();
        run_within(shell("exit 1"), limit).unwrap_err();
    }
}
