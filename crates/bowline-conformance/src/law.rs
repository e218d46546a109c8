//! What is judged, and how it came out. It holds no judgement itself.

use std::fmt;

use crate::Lacks;

/// What may be relied on in whatever reconnects by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Law {
    /// A grant of `poll_ready` stays until a call uses it, and its error is for good.
    Readiness,
    /// Everybody who waits for a connection, or for an answer on a broken one, is woken.
    LostWakeUps,
    /// Under `tower::balance` with the peer down, nothing spins, and it comes back.
    HotLoop,
    /// A peer that accepts and hangs up is called less and less often.
    Flapping,
    /// Two sessions of one maker that begin together do not go on together.
    JitterIndependence,
    /// The longest delay varies too.
    JitterAtTheCap,
    /// A million attempts: no panic, nothing over the cap, no rounding to seconds.
    MillionAttempts,
    /// Delays and limits follow tokio's clock, also a paused one.
    SimulatedTime,
    /// An error says whether the request was sent, and no request is sent twice.
    InFlightHonesty,
    /// Who stops trying says so, and can be made to try again.
    ParkedNotDead,
}

/// How a law came out for one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was seen that breaks it.
    Holds,
    /// Something was.
    Broken,
    /// The subject lacks what the law is about.
    DoesNotApply,
}

/// How a law came out for one subject, and the numbers behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a verdict only says; `assert_holds` makes a test of it"]
pub struct Verdict {
    /// Which law.
    pub law: Law,
    /// How it came out.
    pub outcome: Outcome,
    /// What was observed: where the law is broken, only what breaks it; where
    /// it does not apply, why.
    pub evidence: Vec<String>,
}

/// Fails a test with every broken law and its evidence.
///
/// A law that does not apply fails nothing: look at the outcome where it must.
///
/// # Panics
///
/// If any of the verdicts is [`Outcome::Broken`].
#[track_caller]
pub fn assert_holds(verdicts: impl IntoIterator<Item = Verdict>) {
    let broken: Vec<String> = verdicts
        .into_iter()
        .filter(|verdict| verdict.outcome == Outcome::Broken)
        .map(|verdict| verdict.to_string())
        .collect();
    assert!(broken.is_empty(), "\n  {}\n", broken.join("\n  "));
}

/// A law under trial: what was seen so far.
#[derive(Debug)]
pub(crate) struct Trial {
    law: Law,
    notes: Vec<String>,
    breaches: Vec<String>,
    /// What the subject has not, without which there is nothing to judge.
    lacking: Option<Lacks>,
}

// === impl Law ===

impl Law {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Readiness,
        Self::LostWakeUps,
        Self::HotLoop,
        Self::Flapping,
        Self::JitterIndependence,
        Self::JitterAtTheCap,
        Self::MillionAttempts,
        Self::SimulatedTime,
        Self::InFlightHonesty,
        Self::ParkedNotDead,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Readiness => "readiness",
            Self::LostWakeUps => "lost wake-ups",
            Self::HotLoop => "hot loop",
            Self::Flapping => "flapping",
            Self::JitterIndependence => "jitter independence",
            Self::JitterAtTheCap => "jitter at the cap",
            Self::MillionAttempts => "a million attempts",
            Self::SimulatedTime => "simulated time",
            Self::InFlightHonesty => "in-flight honesty",
            Self::ParkedNotDead => "parked, not dead",
        }
    }

    /// What it asks for, in a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Self::Readiness => {
                "a grant of `poll_ready` stays until a call uses it, and an error of it is for good"
            }
            Self::LostWakeUps => {
                "everybody who waits for a connection, or for an answer on a broken one, is woken"
            }
            Self::HotLoop => {
                "under `tower::balance` with the peer down nothing spins, and calls pass again afterwards"
            }
            Self::Flapping => "a peer that accepts and hangs up is called less and less often",
            Self::JitterIndependence => {
                "two sessions of one maker that begin together do not go on together"
            }
            Self::JitterAtTheCap => "delays still vary when they have reached their longest",
            Self::MillionAttempts => {
                "no panic, no end, no delay over the cap, and none rounded to whole seconds"
            }
            Self::SimulatedTime => "delays and limits follow tokio's clock, also when it is paused",
            Self::InFlightHonesty => {
                "an error says whether its request was sent, and no request reaches the peer twice"
            }
            Self::ParkedNotDead => "who stops trying says so, and can be made to try again",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Joins what was said several times in a row.
fn counted(said: Vec<String>) -> Vec<String> {
    let runs = said.chunk_by(|one, next| one == next);
    runs.map(|run| match run {
        [] => String::new(),
        [once] => once.clone(),
        [first, ..] => format!("{} times {first}", run.len()),
    })
    .collect()
}

// === impl Verdict ===

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Holds => "holds",
            Outcome::Broken => "BROKEN",
            Outcome::DoesNotApply => "does not apply",
        };
        write!(f, "{}: {outcome}: {}", self.law, self.evidence.join("; "))
    }
}

// === impl Trial ===

impl Trial {
    pub(crate) fn new(law: Law) -> Self {
        Self {
            law,
            notes: Vec::new(),
            breaches: Vec::new(),
            lacking: None,
        }
    }

    /// Writes down that the law has nothing to judge.
    pub(crate) fn lacks(&mut self, lacks: Lacks) {
        self.lacking = Some(lacks);
    }

    /// Writes down what is as it should be.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Writes down what breaks the law.
    pub(crate) fn breach(&mut self, text: impl Into<String>) {
        self.breaches.push(text.into());
    }

    /// Writes `text` down as a breach unless `kept`.
    pub(crate) fn expect(&mut self, kept: bool, text: impl Into<String>) {
        if kept {
            self.note(text);
        } else {
            self.breach(text);
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.breaches.is_empty()
    }

    pub(crate) fn verdict(self) -> Verdict {
        let broken = self.is_broken();
        let (outcome, evidence) = match self.lacking {
            _ if broken => (Outcome::Broken, self.breaches),
            Some(Lacks(reason)) => (Outcome::DoesNotApply, vec![reason.to_owned()]),
            None => (Outcome::Holds, self.notes),
        };
        let evidence = counted(evidence);
        Verdict {
            law: self.law,
            outcome,
            evidence,
        }
    }
}
