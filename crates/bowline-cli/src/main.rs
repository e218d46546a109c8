//! The binary `bowline`: reads arguments, environment and signals, and names the real
//! network, the real disk and the real clock. What it starts decides everything else.

mod chat;
mod errors;
mod logging;
mod secrets;
mod serve;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A chat that loses nothing when it reconnects.
///
/// Without a subcommand it serves the chat on loopback, with its defaults.
///
/// Exit codes: 0 when all went well, 1 when something failed, 2 for a wrong argument,
/// 130 and 143 when a second Ctrl-C or SIGTERM ended it at once. BOWLINE_LOG sets what
/// is logged to standard error, for example `BOWLINE_LOG=debug`.
#[derive(Debug, Parser)]
#[command(name = "bowline", version, verbatim_doc_comment)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Chat(chat::Args),
}

fn main() -> ExitCode {
    match Args::parse().command {
        Some(Command::Serve(args)) => serve::main(args),
        Some(Command::Chat(args)) => chat::main(args),
        None => serve::main(serve::Args::defaults()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refused(line: &str) -> String {
        let refused = Args::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        refused.to_string()
    }

    #[test]
    fn the_arguments_contradict_each_other_nowhere() {
        Args::command().debug_assert();
    }

    #[test]
    fn no_subcommand_means_serving() {
        assert!(Args::try_parse_from(["bowline"]).unwrap().command.is_none());
    }

    #[test]
    fn history_is_kept_in_a_folder_or_in_memory_never_both() {
        let text = refused("bowline serve --memory --data history");
        assert!(text.contains("cannot be used with"), "{text}");
    }

    #[test]
    fn a_bad_argument_is_refused_by_name_before_anything_starts() {
        for (line, name, why) in [
            (
                "bowline chat --nick  --room x",
                "--nick",
                "control characters",
            ),
            (
                "bowline chat --nick a\u{1b}[2J",
                "--nick",
                "control characters",
            ),
            (
                "bowline chat --nick ann --room \t",
                "--room",
                "control characters",
            ),
            (
                "bowline chat --nick ann --server nowhere",
                "--server",
                "host:port",
            ),
            ("bowline chat --nick ann --linger -1", "--linger", "seconds"),
            (
                "bowline chat --nick ann --linger NaN",
                "--linger",
                "seconds",
            ),
            (
                "bowline chat --nick ann --linger 1e300",
                "--linger",
                "seconds",
            ),
            ("bowline serve --listen localhost:1", "--listen", "address"),
        ] {
            let text = refused(line);
            assert!(text.contains(name) && text.contains(why), "{line}: {text}");
        }
    }
}
