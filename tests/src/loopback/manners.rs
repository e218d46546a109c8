//! What goes wrong before anything runs: said clearly, with an honest exit code.

use std::path::Path;
use std::process::Command;

use super::bowline;
use super::process::Process;
use super::server::{Server, serve, unused_address};
use super::transcript::Transcript;

/// Asserts that `command` ends with `code` and says each of `parts`.
#[track_caller]
fn assert_refused(mut command: Command, code: i32, parts: &[&str]) {
    // Nothing of it may touch the data of whoever runs the tests.
    command.env_remove("XDG_DATA_HOME").env_remove("HOME");
    let transcript = Transcript::default();
    let mut process = Process::start(&transcript, "bowline", command);
    process.end_input();
    let (ended, said) = process.outcome();
    assert_eq!(ended, Some(code), "{said}");
    for part in parts {
        assert!(said.contains(part), "{said:?} lacks {part:?}");
    }
}

fn serve_from(data: &Path) -> Command {
    let arguments = ["--data", data.to_str().unwrap()].map(str::to_owned);
    serve(unused_address(), &arguments)
}

#[test]
fn a_port_that_is_taken_is_named() {
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--memory"]);
    let taken = server.chat.to_string();
    let memory = ["--memory".to_owned()];
    assert_refused(
        serve(server.chat, &memory),
        1,
        &["--listen", &taken, "in use"],
    );
    let mut command = bowline();
    command.args([
        "serve",
        "--memory",
        "--listen",
        "127.0.0.1:0",
        "--metrics",
        &taken,
    ]);
    assert_refused(command, 1, &["--metrics", &taken, "in use"]);
}

#[test]
fn metrics_are_shown_to_nobody_else() {
    let mut command = bowline();
    command.args(["serve", "--memory", "--listen", "127.0.0.1:0"]);
    command.args(["--metrics", "0.0.0.0:0"]);
    assert_refused(command, 1, &["--metrics", "0.0.0.0:0", "127.0.0.1"]);
}

#[test]
fn a_client_that_never_reached_its_server_does_not_claim_success() {
    let nobody = unused_address().to_string();
    let mut command = bowline();
    command.args(["chat", "--nick", "ann", "--server", &nobody]);
    command.args(["--linger", "1"]);
    assert_refused(command, 1, &[&nobody, "not reached"]);
}

#[test]
fn data_that_cannot_be_kept_where_it_was_asked_for_is_said_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "not a folder").unwrap();
    for data in [file.clone(), file.join("below")] {
        assert_refused(serve_from(&data), 1, &[data.to_str().unwrap(), "--data"]);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a folder");
    // Where nobody may write, whoever they are.
    #[cfg(target_os = "linux")]
    assert_refused(
        serve_from(Path::new("/proc/bowline")),
        1,
        &["/proc/bowline", "--data"],
    );
}

#[test]
fn a_history_that_is_none_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.redb");
    std::fs::write(&file, "somebody's notes").unwrap();
    assert_refused(
        serve_from(folder.path()),
        1,
        &["history could not be opened"],
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody's notes");
}

#[test]
fn two_servers_do_not_share_a_history() {
    let data = tempfile::tempdir().unwrap();
    let transcript = Transcript::default();
    let _first = Server::start(&transcript, &["--data", data.path().to_str().unwrap()]);
    assert_refused(
        serve_from(data.path()),
        1,
        &["history.redb", "another process"],
    );
}

#[test]
fn a_wrong_argument_is_refused_before_anything_is_connected() {
    let chat = |arguments: &[&str]| {
        let mut command = bowline();
        command.arg("chat").args(arguments);
        command
    };
    assert_refused(chat(&["--nick", " ann"]), 2, &["--nick", "blank"]);
    assert_refused(chat(&[]), 2, &["--nick"]);
    assert_refused(
        chat(&["--nick", "ann", "--server", "nowhere"]),
        2,
        &["--server", "host:port"],
    );
    let mut everywhere = bowline();
    everywhere.args([
        "serve",
        "--memory",
        "--listen",
        "0.0.0.0:0",
        "--metrics",
        "127.0.0.1:0",
    ]);
    assert_refused(everywhere, 1, &["0.0.0.0:0", "--allow-guests"]);
}

#[test]
fn a_plain_client_writes_messages_apart_from_notices() {
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--memory"]);
    let mut command = Command::new("sh");
    // Two lines in, and only what goes to standard output is kept.
    let script =
        "printf 'ahoy\\nfare well\\n' | \"$0\" chat --nick ann --server \"$1\" 2>/dev/null";
    command.args(["-c", script]).arg(bowline().get_program());
    command.arg(server.chat.to_string());
    let (code, said) = Process::start(&transcript, "ann", command).outcome();
    assert_eq!((code, &*said), (Some(0), "ann: ahoy\nann: fare well"));
}

#[test]
fn unless_told_the_history_is_among_the_users_own_data() {
    let (home, data_home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let below_home = home.path().join(".local/share/bowline/history.redb");
    let below_data = data_home.path().join("bowline/history.redb");
    for (data_home, expected) in [(None, below_home), (Some(data_home.path()), below_data)] {
        let mut command = serve(unused_address(), &[]);
        command.env("HOME", home.path()).env_remove("XDG_DATA_HOME");
        if let Some(data_home) = data_home {
            command.env("XDG_DATA_HOME", data_home);
        }
        let transcript = Transcript::default();
        let mut server = Server::listening(&transcript, "server", command, Vec::new());
        assert!(expected.is_file(), "{}", expected.display());
        server.process.kill();
        let (_, said) = server.process.outcome();
        assert!(said.contains(expected.to_str().unwrap()), "{said}");
    }
}
