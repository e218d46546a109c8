//! A process that a test started: it never outlives the test.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use super::transcript::{Entry, Transcript};

/// A child process whose lines go to a [`Transcript`].
#[derive(Debug)]
pub(super) struct Process {
    /// What the transcript calls it.
    pub(super) name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    transcript: Transcript,
}

/// What can be asked of a process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Signal {
    /// What Ctrl-C sends.
    Interrupt,
    /// What `kill` sends.
    Terminate,
}

// === impl Process ===

impl Process {
    /// Starts `command`. Standard output and standard error are one pipe, so that
    /// their order is the order in which they were written.
    pub(super) fn start(transcript: &Transcript, name: &str, mut command: Command) -> Self {
        let taken = transcript.entries().iter().any(|entry| entry.who == name);
        assert!(!taken, "a transcript tells processes by name: {name}");
        let (reader, writer) = std::io::pipe().unwrap();
        command
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = command.spawn().unwrap();
        // With it goes our own writing end, or the pipe would never end.
        drop(command);
        transcript.follow(name, reader);
        Self {
            name: name.to_owned(),
            stdin: child.stdin.take(),
            child,
            transcript: transcript.clone(),
        }
    }

    /// Writes a line to its standard input.
    pub(super) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input has not ended");
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Ends its standard input.
    pub(super) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Asks it to stop.
    pub(super) fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
        };
        // A child that nobody waited for keeps its number, so this meets no other.
        let kill = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}: {status}");
    }

    /// Kills it as `kill -9` does, and waits until all it said is written down.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended();
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(super) fn ended(&mut self) -> ExitStatus {
        let is_end = |entry: &Entry| entry.who == self.name && entry.line.is_none();
        self.transcript
            .wait_for(&format!("the end of {}", self.name), |entries| {
                entries.iter().any(is_end).then_some(())
            });
        self.child.wait().unwrap()
    }

    /// Waits until it has ended by itself, and returns its exit code and all it said.
    #[track_caller]
    pub(super) fn outcome(&mut self) -> (Option<i32>, String) {
        let status = self.ended();
        let entries = self.transcript.entries();
        let lines = entries.iter().filter(|entry| entry.who == self.name);
        let lines: Vec<_> = lines.filter_map(|entry| entry.line.as_deref()).collect();
        (status.code(), lines.join("\n"))
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
