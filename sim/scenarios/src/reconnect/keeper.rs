//! Who looks after a client's links: begins another when one is closed, compares what a link
//! shows with what it told, reads its events too slowly, and lets in one who was locked out.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_reconnect::{ClosedReason, Events, State};
use bowline_sim::history::What;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::gauge::Breach;
use super::ledger::{Ledger, word};
use super::line::{Line, Lines};
use super::mutant::Mutation;
use super::{EJECTED_MAX, LOCKED_OUT, SLACK, pick};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// How many looks in a row may find a wait that is over: who looks may be ahead of the link
/// where all timers are late at once.
const LOOKS_MAX: u32 = 3;

/// What is known of the link from earlier looks.
#[derive(Default)]
struct Looks {
    /// A wait that was over, and how often it was seen.
    overdue: Option<(Instant, u32)>,
    locked_out_since: Option<Duration>,
    /// What was seen last, for who looks late.
    stale: Option<State>,
    looks: u32,
}

/// Keeps the client's links until the last one is closed and all that it told was read.
pub(super) async fn keep(
    lines: Arc<Lines>,
    mut events: Events,
    mut chance: Pcg64,
) -> Result<(), BoxError> {
    let mut readers = JoinSet::new();
    loop {
        let line = lines.now();
        let reader = read(
            lines.mutation,
            Arc::clone(&line.ledger),
            events,
            pick(&mut chance),
        );
        readers.spawn(reader);
        watch(&lines, &line).await;
        if lines.last.is_cancelled() {
            while let Some(ended) = readers.join_next().await {
                ended?;
            }
            return Ok(());
        }
        lines.node.record(What::Lost);
        // An eager link that failed is begun again when somebody thinks of it.
        sleep(Duration::from_millis(200 + chance.next_u64() % 400)).await;
        events = lines.begin()?;
    }
}

/// Looks at a link until it is closed.
async fn watch(lines: &Lines, line: &Line) {
    let state = line.link.state();
    let mut looks = Looks::default();
    loop {
        sleep(LOOK).await;
        let now = state.borrow().clone();
        let now = looks.seen(lines.mutation, now);
        line.ledger.compare(&now, lines.gauges.connections.count());
        looks.compare_waits(&line.ledger, &now);
        let health = line.link.health();
        let share = usize::from(EJECTED_MAX.thousandths());
        if health.ejected * 1_000 > health.endpoints * share {
            line.ledger.breach(Breach::TooManyEjected);
        }
        let elapsed = lines.node.elapsed();
        if looks.is_locked_out(&line.ledger, elapsed) {
            line.link.reconnect_now();
        }
        let book = line.ledger.book();
        let (closed, asked) = (book.closed(), book.is_closing());
        drop(book);
        match closed {
            None => {}
            Some(ClosedReason::FirstFailed) => return,
            Some(_) if asked => return,
            Some(_) => {
                line.ledger.breach(Breach::EndedByItself);
                return;
            }
        }
    }
}

/// Reads what a link tells, at leisure, and compares it with what was told.
async fn read(
    mutation: Option<Mutation>,
    ledger: Arc<Ledger>,
    mut events: Events,
    mut chance: Pcg64,
) {
    let mut number = 0;
    while let Some(told) = events.next().await {
        if mutation == Some(Mutation::LoseEvents) && chance.next_u64().is_multiple_of(16) {
            continue;
        }
        number += usize::try_from(told.missed).expect("a few");
        let same = ledger.book().told(number).1 == Some(word(&told.event).as_str());
        if !same {
            ledger.breach(Breach::Uncounted);
        }
        number += 1;
        let closed = ledger.book().closed().is_some();
        if chance.next_u64().is_multiple_of(8) && !closed {
            sleep(Duration::from_millis(chance.next_u64() % 4_000)).await;
        }
    }
    if ledger.book().told(number).0 != number {
        ledger.breach(Breach::Uncounted);
    }
}

// === impl Looks ===

impl Looks {
    /// What is shown now, or what was shown a while ago if that is broken.
    fn seen(&mut self, mutation: Option<Mutation>, now: State) -> State {
        self.looks += 1;
        if mutation != Some(Mutation::LookLate) {
            return now;
        }
        if self.looks.is_multiple_of(8) || self.stale.is_none() {
            self.stale = Some(now.clone());
        }
        self.stale.clone().unwrap_or(now)
    }

    fn compare_waits(&mut self, ledger: &Ledger, state: &State) {
        let State::Backoff { until, .. } = state else {
            self.overdue = None;
            return;
        };
        if Instant::now() <= *until + SLACK {
            self.overdue = None;
            return;
        }
        let seen = match self.overdue {
            Some((same, seen)) if same == *until => seen + 1,
            Some(_) | None => 1,
        };
        self.overdue = Some((*until, seen));
        if seen > LOOKS_MAX {
            ledger.breach(Breach::Overdue);
        }
    }

    /// Whether the link has waited for so long for somebody that he comes.
    fn is_locked_out(&mut self, ledger: &Ledger, now: Duration) -> bool {
        if !ledger.book().is_locked_out() {
            self.locked_out_since = None;
            return false;
        }
        let since = *self.locked_out_since.get_or_insert(now);
        let comes = now >= since + LOCKED_OUT;
        if comes {
            self.locked_out_since = None;
        }
        comes
    }
}
