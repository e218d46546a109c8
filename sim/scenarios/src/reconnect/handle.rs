//! One handle of a client: it calls, gives calls up, holds grants, and looks at what it is
//! told. It repeats nothing, unless that is broken on purpose.

use std::sync::Arc;
use std::time::Duration;

use bowline_reconnect::{Error, Kind, Sent};
use bowline_sim::history::{Id, Name, What};
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

use super::caller::Served;
use super::gauge::{self, Breach};
use super::ledger::Ledger;
use super::line::{Front, Lines};
use super::mutant::Mutation;
use super::porter::pause;
use super::{SLACK, id};
use crate::calls::{Call, STREAM};

/// How long somebody rests whose link is closed, until there is another.
const BETWEEN_LINKS: Duration = Duration::from_millis(50);

/// How long a grant is held at most, in milliseconds.
const HELD_MS: u64 = 400;

/// How much a client has to say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Temper {
    /// Large requests, many at once.
    Busy,
    /// A request now and then.
    Even,
    /// Almost nothing: its connection dies while nobody calls.
    Quiet,
}

/// One handle of a client, and the calls it waits for.
pub(super) struct Handle {
    pub(super) lines: Arc<Lines>,
    pub(super) name: Name,
    pub(super) front: Front,
    pub(super) temper: Temper,
    pub(super) chance: Pcg64,
    pub(super) waiting: JoinSet<Outcome>,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Acked,
    Other,
}

/// What is done with a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Call,
    /// Hold it for so many milliseconds, then call.
    Hold(u64),
    GiveBack,
}

// === impl Temper ===

impl Temper {
    pub(super) fn draw(chance: &mut Pcg64) -> Self {
        match chance.next_u64() % 3 {
            0 => Self::Busy,
            1 => Self::Even,
            _ => Self::Quiet,
        }
    }

    /// The longest pause between two calls, in milliseconds.
    fn pause_ms_max(self) -> u64 {
        match self {
            Self::Busy => 1_500,
            Self::Even => 2_000,
            Self::Quiet => 9_000,
        }
    }

    /// How many calls are made one after the other, without waiting for answers.
    fn burst_max(self) -> u64 {
        match self {
            Self::Busy => 12,
            Self::Even => 2,
            Self::Quiet => 1,
        }
    }

    /// How large they are at most, every other time: of a busy client so large that a
    /// connection that nobody hears takes no more before its end is noticed.
    fn padding_max(self) -> u64 {
        match self {
            Self::Busy => 4_000,
            Self::Even | Self::Quiet => 100,
        }
    }
}

// === impl Handle ===

impl Handle {
    pub(super) async fn work(mut self) {
        let node = self.lines.node.clone();
        loop {
            let millis = self.chance.next_u64() % self.temper.pause_ms_max();
            let healed = pause(&node, millis).await;
            while self.waiting.try_join_next().is_some() {}
            if healed {
                break;
            }
            let burst = 1 + self.chance.next_u64() % self.temper.burst_max();
            let large = self.chance.next_u64().is_multiple_of(2);
            for _ in 0..burst {
                // One in eight is given up, some of them before they are sent.
                let patience = self.chance.next_u64().is_multiple_of(8);
                let patience = patience.then(|| self.chance.next_u64() % 400);
                let padding_max = if large {
                    self.temper.padding_max()
                } else {
                    100
                };
                let padding = self.chance.next_u64() % padding_max;
                let usage = match self.chance.next_u64() % 12 {
                    0 => Use::Hold(self.chance.next_u64() % HELD_MS),
                    1 => Use::GiveBack,
                    _ => Use::Call,
                };
                let patience = patience.map(Duration::from_millis);
                self.ask(padding, patience, usage).await;
            }
        }
        while self.waiting.join_next().await.is_some() {}
        self.prove().await;
    }

    /// Calls until one call was answered.
    async fn prove(&mut self) {
        loop {
            self.ask(0, None, Use::Call).await;
            if let Some(Ok(Outcome::Acked)) = self.waiting.join_next().await {
                break;
            }
        }
    }

    /// Calls once and waits for what becomes of it.
    pub(super) async fn call(&mut self) -> Outcome {
        self.ask(0, None, Use::Call).await;
        match self.waiting.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => Outcome::Other,
        }
    }

    /// Makes one call. Its outcome is waited for beside others, for as long as `patience`
    /// allows for all of it.
    async fn ask(&mut self, padding: u64, patience: Option<Duration>, usage: Use) {
        let id = id(&mut self.chance);
        let padding = u16::try_from(padding).expect("a few thousand");
        let stream = || Name::from(STREAM);
        self.record(What::Invoked {
            stream: stream(),
            id,
        });
        let began = Instant::now();
        let patience = patience.unwrap_or(Duration::MAX);
        // Given up before it was given to anybody, or the link is closed.
        let failed = What::Failed {
            stream: stream(),
            id,
        };
        let Some(ledger) = self.admitted(patience, usage).await else {
            return self.record(failed);
        };
        let epoch = self.front.link.granted();
        let call = Call { id, padding };
        let answer = self.front.call(call);
        let again = self.lines.mutation == Some(Mutation::ReplayMaybe);
        let again = again.then(|| self.front.link.clone());
        let left = patience.saturating_sub(Instant::now() - began);
        let unknown = What::Unknown {
            stream: stream(),
            id,
        };
        let (node, name) = (self.lines.node.clone(), self.name.clone());
        self.waiting.spawn(async move {
            let answer = timeout(left, async {
                match (answer.await, again) {
                    (Err(error), Some(link)) if error.sent == Sent::Maybe => {
                        link.oneshot(call).await
                    }
                    (answer, _) => answer,
                }
            });
            let (what, outcome) = match answer.await {
                Ok(Ok(served)) => {
                    ledger.served(epoch, served);
                    (acked(id, served), Outcome::Acked)
                }
                Ok(Err(error)) => {
                    ledger.refused(&error, node.elapsed());
                    match error.sent {
                        Sent::No => (failed, Outcome::Other),
                        Sent::Maybe => (unknown, Outcome::Other),
                    }
                }
                Err(_) => (unknown, Outcome::Other),
            };
            node.record_as(name.as_str(), what);
            outcome
        });
    }

    /// Waits for a grant and does with it what is to be done before the call; says whose it
    /// is, or nothing where there is none.
    async fn admitted(&mut self, patience: Duration, usage: Use) -> Option<Arc<Ledger>> {
        let line = self.lines.now();
        if self.front.number != line.ledger.number {
            self.front = line.front();
        }
        let ledger = line.ledger;
        match timeout(patience, self.front.ready()).await {
            Ok(Ok(())) => {}
            // Given up; a handle may be asked again later.
            Err(_) => return None,
            Ok(Err(error)) => {
                ledger.ended(&error);
                sleep(BETWEEN_LINKS).await;
                return None;
            }
        }
        if let Some(epoch) = self.front.link.granted() {
            if ledger.book().retiring.contains_key(&epoch) {
                ledger.breach(Breach::BackOnTheOld);
            }
            self.let_through(&ledger, epoch);
            match usage {
                Use::Call => {}
                Use::GiveBack => {
                    self.front.give_back();
                    return None;
                }
                Use::Hold(millis) => {
                    sleep(Duration::from_millis(millis)).await;
                    if !self.front.is_still_granted() {
                        ledger.breach(Breach::GrantTakenBack);
                        return None;
                    }
                    match self.front.link.granted() {
                        Some(epoch) => self.let_through(&ledger, epoch),
                        // The link was closed meanwhile.
                        None => return None,
                    }
                }
            }
        }
        Some(ledger)
    }

    /// Writes down which connection it waits for no longer.
    fn let_through(&self, ledger: &Ledger, epoch: u64) {
        self.record(What::Gauge {
            of: gauge::GRANTED.into(),
            value: ledger.number * EPOCHS + epoch,
            at_most: u64::MAX,
        });
    }

    fn record(&self, what: What) {
        self.lines.node.record_as(self.name.as_str(), what);
    }
}

/// More connections than a link ever has in one run.
const EPOCHS: u64 = 1 << 20;

fn acked(id: Id, served: Served) -> What {
    What::Acked {
        stream: STREAM.into(),
        id,
        position: served.appended.position(),
        duplicate: false,
    }
}

// === impl Ledger ===

impl Ledger {
    /// A handle was told that the link is closed.
    fn ended(&self, error: &Error) {
        let book = self.book();
        let expected = book.is_closing() || book.closed().is_some();
        drop(book);
        if error.kind != Kind::Closed || !expected {
            self.breach(Breach::EndedByItself);
        }
    }

    /// A call was answered that had been let through on connection `granted`.
    fn served(&self, granted: Option<u64>, served: Served) {
        if granted != Some(served.epoch) {
            self.breach(Breach::OtherConnection);
        }
    }

    /// A call failed.
    fn refused(&self, error: &Error, now: Duration) {
        let Some(end) = error
            .epoch
            .and_then(|epoch| self.book().lost.get(&epoch).copied())
        else {
            return;
        };
        if error.kind != Kind::Lost {
            return;
        }
        if now > end.at + SLACK {
            self.breach(Breach::OutlivedItsConnection);
        }
        if end.early {
            self.breach(Breach::CutByMove);
        }
    }
}
