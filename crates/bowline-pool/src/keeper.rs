//! The one task of a pool that dials, sweeps and checks, so that no caller ever
//! does: whoever stops waiting cannot take a dial down with it. It hands nothing
//! out; what it has looked at is parked, and the line decides.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bowline_link::discovery::Update;
use bowline_link::{BoxError, Connect, WallClock};
use futures_util::{Stream, StreamExt};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::hook::Hooks;
use crate::shared::Shared;
use crate::{Death, Event, Reuse, Settings};

use check::Checked;
use custody::Custody;
use dial::Landed;
use moving::Moving;
pub(crate) use peers::Peers;
use watch::Watch;

mod check;
mod custody;
mod demand;
mod dial;
mod guard;
mod moving;
mod peers;
mod sweep;
mod watch;

/// Where lists of endpoints come from.
pub(crate) type Source = Pin<Box<dyn Stream<Item = Update<BoxError>> + Send>>;

pub(crate) struct Keeper<D: Connect<Connection: Reuse>> {
    shared: Arc<Shared<D::Connection>>,
    connect: D,
    hooks: Hooks<D::Connection>,
    source: Option<Source>,
    peers: Peers,
    jobs: JoinSet<Done<D::Connection>>,
    /// How many of the jobs are dials, and how many are pings.
    dialing: usize,
    pinging: usize,
    /// Connections that wait to be pinged, those that waited longest first.
    due: VecDeque<Custody<D::Connection>>,
    /// Something parked is due for a ping that had to wait for others.
    behind: bool,
    /// Connections to look at in this turn.
    fresh: Vec<Custody<D::Connection>>,
    /// Somebody was found dead who had been trusted.
    death: Option<Death>,
    watch: Watch,
    sweep_at: Instant,
    /// It was told.
    warmed_up: bool,
    /// No dial that nobody waits for starts before this; nothing while none is
    /// wanted.
    warm_at: Option<Instant>,
    /// When one may, if nothing but that is missing.
    warm_due: Option<Instant>,
    /// When a dial may start that is wanted and held back.
    retry_at: Option<Instant>,
    down_since: Option<Instant>,
    moving: Moving,
    revision: u64,
    generation: u64,
}

/// What a job came to.
enum Done<C: Reuse> {
    Dialed(Landed<C>),
    Pinged(Checked<C>),
    Reset(Checked<C>),
}

// === impl Keeper ===

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    pub(crate) fn new(
        shared: Arc<Shared<D::Connection>>,
        connect: D,
        hooks: Hooks<D::Connection>,
        source: Option<Source>,
        peers: Peers,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let now = Instant::now();
        let settings = shared.settings();
        Self {
            connect,
            hooks,
            source,
            peers,
            jobs: JoinSet::new(),
            dialing: 0,
            pinging: 0,
            due: VecDeque::new(),
            behind: false,
            fresh: Vec::new(),
            death: None,
            watch: Watch::new(clock, now),
            sweep_at: now + settings.sweep_every,
            warmed_up: false,
            warm_at: None,
            warm_due: None,
            retry_at: None,
            down_since: None,
            moving: Moving::new(now),
            revision: shared.revision(),
            generation: shared.marks().generation,
            shared,
        }
    }

    /// Keeps the pool until it is closed. Dials and checks under way end with it.
    pub(crate) async fn run(mut self) {
        let mut roused = false;
        while !self.shared.gate.is_closed() {
            let settings = self.shared.settings();
            self.learn(&settings);
            poll_fn(|context| {
                self.look(&settings, roused, context);
                Poll::Ready(())
            })
            .await;
            self.start_pings(&settings);
            self.start_dials(&settings);
            self.judge_down(&settings);
            let wake_at = self.wake_at(&settings);
            let mut asleep = true;
            roused = false;
            tokio::select! {
                biased;
                Some(done) = self.jobs.join_next() => self.finish(done),
                () = self.shared.quota.nudged() => {}
                update = next(&mut self.source) => self.update(update),
                () = sleep_until(wake_at) => {}
                // Woken, and for none of these reasons: by something parked.
                () = poll_fn(|_| match mem::take(&mut asleep) {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                }) => roused = true,
            }
        }
    }

    /// Takes over what was decided or found out elsewhere.
    fn learn(&mut self, settings: &Arc<Settings>) {
        let now = Instant::now();
        if let Some(targets) = self.shared.new_targets() {
            self.replace(&targets);
        }
        let revision = self.shared.revision();
        if self.revision != revision {
            self.revision = revision;
            self.peers.resettle(settings, now);
            self.sweep_at = now;
        }
        let generation = self.shared.marks().generation;
        if self.generation != generation {
            self.generation = generation;
            self.sweep_at = now;
        }
        if self.shared.news.swap(false, Ordering::SeqCst) {
            for failed in self.peers.learn(now) {
                self.tell_failed(failed, now);
            }
        }
    }

    fn update(&mut self, update: Option<Update<BoxError>>) {
        let Some(update) = update else {
            // Nothing more to say: its last list stays in force.
            self.source = None;
            return;
        };
        if let Update::Problem(problem) = &update {
            let problem = format!("{problem:?}").into();
            self.shared
                .observer
                .observe(&Event::EndpointsKept { problem });
        }
        if let Some(targets) = self.peers.heed(&update, Instant::now()) {
            self.replace(&targets);
        }
    }

    fn replace(&mut self, targets: &bowline_link::discovery::Targets) {
        let now = Instant::now();
        let event = match self.peers.replace(targets, now) {
            Ok(count) => Event::EndpointsChanged { count },
            Err(refused) => Event::EndpointsKept {
                problem: refused.to_string().into(),
            },
        };
        self.shared.observer.observe(&event);
        self.shared.set_origins(self.peers.origins());
        self.sweep_at = now;
    }

    fn finish(&mut self, done: Result<Done<D::Connection>, JoinError>) {
        match done {
            Ok(Done::Dialed(landed)) => {
                self.dialing -= 1;
                self.land(landed);
            }
            Ok(Done::Pinged(checked)) => {
                self.pinging -= 1;
                self.judge_ping(checked);
                if self.pinging == 0 && self.due.is_empty() && mem::take(&mut self.behind) {
                    self.sweep_at = Instant::now();
                }
            }
            Ok(Done::Reset(checked)) => self.judge_reset(checked),
            // Jobs catch what panics in them, and nobody aborts a single one.
            Err(lost) => unreachable!("a job was lost: {lost}"),
        }
    }

    /// When to look again though nothing happens.
    fn wake_at(&self, settings: &Settings) -> Instant {
        let mut at = self.sweep_at;
        for dial_at in [self.warm_due, self.retry_at].into_iter().flatten() {
            at = at.min(dial_at);
        }
        match self.peers.failing_since() {
            Some(since) if self.down_since.is_none() => {
                let patience = since + settings.fail_fast_after;
                // Past, and not down: something is open yet.
                if patience > Instant::now() {
                    at.min(patience)
                } else {
                    at
                }
            }
            // When the next dial may begin, somebody may wait for it.
            Some(_) => {
                let held_back = self.peers.held_back(Instant::now());
                held_back.map_or(at, |until| at.min(until))
            }
            None => at,
        }
    }
}

impl<D: Connect<Connection: Reuse>> Drop for Keeper<D> {
    fn drop(&mut self) {
        // However it ended: without a keeper nobody would be served.
        self.shared.close();
        // Said in its last turn, perhaps, by one who did not know yet.
        self.shared.quota.unpinch();
        self.shared.dialing.store(0, Ordering::SeqCst);
    }
}

async fn next(source: &mut Option<Source>) -> Option<Update<BoxError>> {
    match source {
        Some(source) => source.next().await,
        None => std::future::pending().await,
    }
}
