//! `bowline chat --json`: somebody who talks, and what a transcript says of them.

use std::net::SocketAddr;

use super::bowline;
use super::process::Process;
use super::transcript::{Entry, Transcript};

/// Somebody in the room, under a nick that the transcript knows them by.
#[derive(Debug)]
pub(super) struct Talker {
    pub(super) process: Process,
    pub(super) nick: String,
    transcript: Transcript,
}

/// Whether somebody is connected, as far as their last notice about that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Never,
    /// In the room.
    In,
    /// Trying.
    Out,
}

// === impl Talker ===

impl Talker {
    /// Starts a client; it may take its time to connect.
    pub(super) fn start(transcript: &Transcript, server: SocketAddr, nick: &str) -> Self {
        let mut command = bowline();
        command.args(["chat", "--json", "--nick", nick, "--server"]);
        command.arg(server.to_string());
        Self {
            process: Process::start(transcript, nick, command),
            nick: nick.to_owned(),
            transcript: transcript.clone(),
        }
    }

    /// Starts a client and waits until it is in the room.
    pub(super) fn joined(transcript: &Transcript, server: SocketAddr, nick: &str) -> Self {
        let talker = Self::start(transcript, server, nick);
        talker.wait_until(Link::In);
        talker
    }

    pub(super) fn say(&mut self, line: &str) {
        self.process.say(line);
    }

    /// Waits until it says that it is.
    #[track_caller]
    pub(super) fn wait_until(&self, link: Link) {
        let what = format!("{} to be {link:?}", self.nick);
        self.transcript.wait_for(&what, |entries| {
            (self::link(entries, &self.nick) == link).then_some(())
        });
    }

    /// Waits until it said `count` times what `name` calls.
    #[track_caller]
    pub(super) fn wait_for_notices(&self, name: &str, count: usize) {
        let what = format!("{count} {name} of {}", self.nick);
        self.transcript.wait_for(&what, |entries| {
            (notices(entries, &self.nick, name).count() >= count).then_some(())
        });
    }

    /// Waits until it was shown `count` messages, and returns them as `nick: text`.
    #[track_caller]
    pub(super) fn wait_for_messages(&self, count: usize) -> Vec<String> {
        let what = format!("{count} messages shown to {}", self.nick);
        self.transcript.wait_for(&what, |entries| {
            let shown = messages(entries, &self.nick);
            (shown.len() >= count).then_some(shown)
        })
    }

    /// Ends its input and asserts that it leaves content.
    #[track_caller]
    pub(super) fn leaves_content(&mut self) {
        self.process.end_input();
        let (code, said) = self.process.outcome();
        assert_eq!(code, Some(0), "{said}");
    }
}

/// What `who` was told under this name.
pub(super) fn notices<'a>(
    entries: &'a [Entry],
    who: &'a str,
    name: &'a str,
) -> impl Iterator<Item = &'a Entry> {
    let of = entries.iter().filter(move |entry| entry.who == who);
    of.filter(move |entry| entry.notice() == Some(name))
}

/// What `who` was shown, as `nick: text`.
pub(super) fn messages(entries: &[Entry], who: &str) -> Vec<String> {
    let of = entries.iter().filter(|entry| entry.who == who);
    let shown = of.filter(|entry| entry.is_message());
    let shown = shown.map(|entry| {
        let (from, body) = (entry.json["from"].as_str(), entry.json["body"].as_str());
        format!("{}: {}", from.unwrap(), body.unwrap())
    });
    shown.collect()
}

fn link(entries: &[Entry], who: &str) -> Link {
    let notices = entries.iter().rev().filter(|entry| entry.who == who);
    let mut states = notices.filter_map(|entry| match entry.notice()? {
        "joined" => Some(Link::In),
        "lost" | "retrying" => Some(Link::Out),
        _ => None,
    });
    states.next().unwrap_or(Link::Never)
}
