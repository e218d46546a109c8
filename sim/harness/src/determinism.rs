//! Whether the same seed leaves the same trace: twice in one process, and in another one.
//!
//! A hash says that two runs differ and not where. Here whole traces are laid side by side
//! and the first event that differs is shown, with what came before it.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Command, Stdio};

use crate::Plan;
use crate::scenario::Play;

/// How many events of a run a tape can hold; a run has some ten thousand.
pub const EVENTS_MAX: usize = 4_000_000;

/// How many events around the first that differs are shown.
const CONTEXT: usize = 6;

/// Everything that happened in one run, event by event, with times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tape {
    events: Vec<String>,
}

/// Where two runs of one seed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Which event is the first that differs, counted from zero.
    pub at: usize,
    /// What both runs had in common right before it.
    pub before: Vec<String>,
    /// How the first run went on; empty where it was over.
    pub first: Vec<String>,
    /// How the second one did.
    pub second: Vec<String>,
}

/// Why a seed cannot be relied on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two runs differ.
    #[error("seed {seed} differs {place}\n{divergence}")]
    Diverged {
        /// The seed.
        seed: u64,
        /// Where the second run was.
        place: Place,
        /// Where the two part.
        divergence: Divergence,
    },
    /// The other process did not yield a tape.
    #[error("the other process that should play seed {seed} failed")]
    OtherProcess {
        /// The seed.
        seed: u64,
        /// What went wrong with it.
        source: io::Error,
    },
}

/// Where a run was repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the same process.
    Here,
    /// In another process.
    Elsewhere,
}

/// Plays each seed twice in this process and once in another one, which `elsewhere` makes:
/// a command that writes the seed's [`Tape`] to its standard output.
///
/// Two entries in a hash map are in the same order half of the time: check at least twenty
/// seeds. Says after each seed how many events its tape has.
///
/// # Errors
///
/// The first seed that differs, with the first event that does.
pub fn check(
    scenario: &dyn Play,
    seeds: Range<u64>,
    elsewhere: impl Fn(u64) -> Command,
    mut each: impl FnMut(u64, usize),
) -> Result<(), Error> {
    for seed in seeds {
        let first = Tape::record(scenario, scenario.plan_of(seed));
        let same = |second: &Tape, place| match first.parts_from(second) {
            None => Ok(()),
            Some(divergence) => Err(Error::Diverged {
                seed,
                place,
                divergence,
            }),
        };
        same(&Tape::record(scenario, scenario.plan_of(seed)), Place::Here)?;
        let other = Tape::of_process(elsewhere(seed));
        let other = other.map_err(|source| Error::OtherProcess { seed, source })?;
        same(&other, Place::Elsewhere)?;
        each(seed, first.events.len());
    }
    Ok(())
}

// === impl Tape ===

impl Tape {
    /// Plays `plan` and keeps everything that happens, up to [`EVENTS_MAX`] events from the
    /// end; its last line is the hash over all of them.
    pub fn record(scenario: &dyn Play, plan: Plan) -> Self {
        let outcome = scenario.play_keeping(plan, EVENTS_MAX);
        let lines = outcome.trace.lines();
        let events = lines.iter().map(|line| {
            let micros = line.at.as_micros();
            format!("{micros} {line}").replace('\n', " ")
        });
        let last = format!("hash {:016x}", outcome.trace.hash());
        Self {
            events: events.chain([last]).collect(),
        }
    }

    /// Writes it, an event a line.
    ///
    /// # Errors
    ///
    /// When `out` fails.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for event in &self.events {
            writeln!(out, "{event}")?;
        }
        out.flush()
    }

    /// Reads what [`write_to`](Self::write_to) wrote.
    ///
    /// # Errors
    ///
    /// When `from` fails, or holds more than [`EVENTS_MAX`] events.
    pub fn read_from(from: impl BufRead) -> io::Result<Self> {
        let events: Vec<_> = from
            .lines()
            .take(EVENTS_MAX + 2)
            .collect::<Result<_, _>>()?;
        if events.len() > EVENTS_MAX + 1 {
            return Err(io::Error::other(format!("more than {EVENTS_MAX} events")));
        }
        Ok(Self { events })
    }

    /// Where `other` parts from it, if it does.
    pub fn parts_from(&self, other: &Self) -> Option<Divergence> {
        if self == other {
            return None;
        }
        let pairs = self.events.iter().zip(&other.events);
        let at = pairs.take_while(|(ours, theirs)| ours == theirs).count();
        let on = |events: &[String]| events[at..].iter().take(CONTEXT).cloned().collect();
        Some(Divergence {
            at,
            before: self.events[at.saturating_sub(CONTEXT)..at].to_vec(),
            first: on(&self.events),
            second: on(&other.events),
        })
    }

    fn of_process(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().expect("it was asked to be piped");
        let tape = Self::read_from(BufReader::new(stdout));
        let status = child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        tape
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  the first event that differs is number {}", self.at)?;
        for event in &self.before {
            write!(f, "\n      both: {event}")?;
        }
        for (who, events) in [(" first", &self.first), ("second", &self.second)] {
            for event in events {
                write!(f, "\n    {who}: {event}")?;
            }
            if events.is_empty() {
                write!(f, "\n    {who}: is over")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here => "between two runs in this process",
            Self::Elsewhere => "between this process and another one",
        })
    }
}

#[cfg(test)]
mod tests;
