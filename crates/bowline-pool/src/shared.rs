//! What callers, guards and the keeper share: parking, taking, waiting and
//! closing. It never dials and never waits for a dial.
//!
//! One rule keeps every wake-up: *publish, then look*. Whoever puts something
//! where others may miss it looks afterwards whether somebody announced itself
//! meanwhile; whoever wants something announces itself, then takes.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bowline_link::discovery::Targets;
use bowline_policy::Observe;
use bowline_policy::lifetime::Planner;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::budget::{Budget, Quota};
use crate::conn::{Conn, Marks, Plan};
use crate::gate::Gate;
use crate::ledger::Ledger;
use crate::origin::Origin;
use crate::rack::Rack;
use crate::{CloseReason, Death, DialError, Doubt, Event, InvalidSettings, Reuse, Settings};

mod asked;
mod lending;
mod switches;

use asked::Asked;
pub(crate) use lending::Place;

pub(crate) struct Shared<C> {
    settings: RwLock<Arc<Settings>>,
    /// What callers ask of the settings: a lock would be what they meet at.
    asked: Asked,
    pub(crate) observer: Arc<dyn Observe<Event>>,
    pub(crate) quota: Quota,
    pub(crate) gate: Gate,
    pub(crate) rack: Rack<Box<Conn<C>>>,
    pub(crate) ledger: Ledger,
    planner: Mutex<Planner>,
    generation: AtomicU64,
    doubts: AtomicU64,
    revision: AtomicU64,
    /// Connections that the keeper has to look at before they are parked.
    inbox: Mutex<Vec<Box<Conn<C>>>>,
    /// Connections that came back while nothing is lent.
    aside: Mutex<Vec<Box<Conn<C>>>>,
    /// Whether there is a hook on return.
    pub(crate) resets: bool,
    /// Callers left word with an origin.
    pub(crate) news: AtomicBool,
    /// Dials under way.
    pub(crate) dialing: AtomicUsize,
    /// Connections that the keeper holds.
    pub(crate) checking: AtomicUsize,
    last_dial: Mutex<Option<(DialError, Instant)>>,
    origins: Mutex<Vec<Arc<Origin>>>,
    /// A list of endpoints that the keeper has not taken over yet.
    pub(crate) targets: Mutex<Option<Targets>>,
    pub(crate) warm: Notify,
}

// === impl Shared ===

impl<C: Reuse> Shared<C> {
    pub(crate) fn new(
        settings: Settings,
        budget: Option<Budget>,
        resets: bool,
        observer: Arc<dyn Observe<Event>>,
    ) -> Self {
        Self {
            observer,
            asked: Asked::new(&settings),
            quota: Quota::new(settings.max, budget),
            gate: Gate::new(),
            rack: Rack::new(settings.ceiling),
            ledger: Ledger::default(),
            planner: Mutex::new(settings.lifetime.planner()),
            settings: RwLock::new(Arc::new(settings)),
            generation: AtomicU64::new(0),
            doubts: AtomicU64::new(0),
            revision: AtomicU64::new(0),
            inbox: Mutex::default(),
            aside: Mutex::default(),
            resets,
            news: AtomicBool::new(false),
            dialing: AtomicUsize::new(0),
            checking: AtomicUsize::new(0),
            last_dial: Mutex::new(None),
            origins: Mutex::default(),
            targets: Mutex::new(None),
            warm: Notify::new(),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        let settings = self.settings.read();
        Arc::clone(&settings.unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn min(&self) -> usize {
        self.asked.min()
    }

    /// Whether as many are open as always should be.
    pub(crate) fn is_warm(&self) -> bool {
        let dialing = self.dialing.load(Ordering::SeqCst);
        self.quota.open().saturating_sub(dialing) >= self.min()
    }

    pub(crate) fn marks(&self) -> Marks {
        Marks {
            generation: self.generation.load(Ordering::SeqCst),
            doubts: self.doubts.load(Ordering::SeqCst),
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Draws the limits of one connection.
    pub(crate) fn plan(&self, born: Instant) -> Plan {
        let revision = self.revision();
        let settings = self.settings();
        let mut planner = lock(&self.planner);
        let now = Instant::now().into_std();
        let ping_every = settings.ping_every - planner.splay(settings.ping_every / 4);
        // Nobody looks more often than that.
        let ping_every = ping_every.max(settings.sweep_every);
        Plan {
            revision,
            age: planner.born(born.into_std()),
            idle_limit: planner.idle_until(now).at() - now,
            ping_every,
            trust: settings.trust(),
            stable_after: settings.backoff.schedule().up_min(),
        }
    }

    /// Draws a time evenly from nothing to `most`.
    pub(crate) fn splay(&self, most: std::time::Duration) -> std::time::Duration {
        lock(&self.planner).splay(most)
    }

    /// Takes limits drawn from the settings in force.
    pub(crate) fn replan(&self, conn: &mut Conn<C>) {
        if conn.plan.revision != self.revision() {
            lock(&self.planner).gone(conn.plan.age);
            let plan = self.plan(conn.entry.opened_at);
            conn.replan(plan, Instant::now());
        }
    }

    /// Whether a connection that has lain idle for too long may stay if it
    /// answers a ping: it is one of those that are always open, or was when a
    /// caller asked for it.
    pub(crate) fn spares(&self, conn: &Conn<C>) -> bool {
        conn.pings() && (conn.wanted || self.quota.open() <= self.min())
    }

    /// Closes a connection and says why.
    pub(crate) fn discard(&self, conn: Box<Conn<C>>, reason: CloseReason) {
        // Closed before its seat is free; see the order of its fields.
        drop(self.dissolve(conn, reason));
    }

    /// Takes a connection off the books; whoever drops it closes it.
    pub(crate) fn dissolve(&self, conn: Box<Conn<C>>, reason: CloseReason) -> Box<Conn<C>> {
        if matches!(reason, CloseReason::Dead(_)) && !conn.has_served() {
            conn.entry.origin.note_stillborn();
            self.news.store(true, Ordering::SeqCst);
        }
        // Said before it is done: else a successor could be reported first.
        self.observer.observe(&Event::Closed {
            id: conn.entry.id,
            endpoint: conn.entry.origin.endpoint.clone(),
            reason,
            age: Instant::now() - conn.entry.opened_at,
        });
        lock(&self.planner).gone(conn.plan.age);
        self.ledger.strike(&conn.entry);
        conn
    }

    /// Trusts nothing any more that proved itself before now.
    pub(crate) fn doubt(&self, doubt: Doubt) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
        self.observer.observe(&Event::Doubted { doubt });
        // All of it at once: else each caller would look at one dead
        // connection after another.
        let doubtful = self.rack.strip();
        self.leave_to_keeper(doubtful);
    }

    /// Has the keeper look at `conns` before they are parked.
    pub(crate) fn leave_to_keeper(&self, conns: impl IntoIterator<Item = Box<Conn<C>>>) {
        let mut inbox = lock(&self.inbox);
        let before = inbox.len();
        inbox.extend(conns);
        let more = inbox.len() - before;
        // Before the keeper can take them, and take them off the count.
        self.checking.fetch_add(more, Ordering::SeqCst);
        drop(inbox);
        // Published; now look. The keeper may have gone.
        if self.gate.is_closed() {
            self.strip();
        } else {
            self.quota.nudge();
        }
    }

    /// What was left to the keeper, which has it on its books from here on.
    pub(crate) fn inbox(&self) -> Vec<Box<Conn<C>>> {
        std::mem::take(&mut *lock(&self.inbox))
    }

    pub(crate) fn note_dial(&self, failure: Option<DialError>) {
        *lock(&self.last_dial) = failure.map(|error| (error, Instant::now()));
    }

    pub(crate) fn last_dial(&self) -> Option<(DialError, Instant)> {
        lock(&self.last_dial).clone()
    }

    pub(crate) fn set_origins(&self, origins: Vec<Arc<Origin>>) {
        *lock(&self.origins) = origins;
    }

    pub(crate) fn origins(&self) -> Vec<Arc<Origin>> {
        lock(&self.origins).clone()
    }

    pub(crate) fn set_targets(&self, targets: Targets) {
        *lock(&self.targets) = Some(targets);
        self.quota.nudge();
    }

    pub(crate) fn new_targets(&self) -> Option<Targets> {
        lock(&self.targets).take()
    }

    /// Changes the settings for everything from now on.
    pub(crate) fn set_settings(&self, settings: Settings) -> Result<(), InvalidSettings> {
        let mut current = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        crate::settings::number("max", settings.max, current.ceiling)?;
        let (max, min) = (settings.max, settings.min);
        let settings = settings.with_ceiling(current.ceiling);
        *lock(&self.planner) = settings.lifetime.planner();
        self.asked.set(&settings);
        *current = Arc::new(settings);
        drop(current);
        self.quota.set_max(max);
        self.revision.fetch_add(1, Ordering::SeqCst);
        self.observer.observe(&Event::SettingsChanged { max, min });
        self.quota.nudge();
        Ok(())
    }

    /// Changes `max` alone.
    pub(crate) fn resize(&self, max: usize) -> Result<(), InvalidSettings> {
        let mut current = self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let resized = current.resized(max)?;
        let min = resized.min;
        *current = Arc::new(resized);
        drop(current);
        self.quota.set_max(max);
        self.observer.observe(&Event::SettingsChanged { max, min });
        self.quota.nudge();
        Ok(())
    }
}

/// What a panic leaves behind these locks is whole: nothing under them calls
/// anybody, or leaves a change half-done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a death says something about others too: a peer that restarts ends
/// all of them, while one that talks out of turn does so on one.
pub(crate) fn is_contagious(reason: CloseReason) -> Option<Death> {
    match reason {
        CloseReason::Dead(death @ (Death::Ended | Death::Failed)) => Some(death),
        _ => None,
    }
}
