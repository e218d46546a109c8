//! One application: its pools, the callers who share them, and those who look on. Its end is
//! the finale's.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bowline_link::BoxError;
use bowline_pool::{Budget, Pool};
use bowline_sim::history::Id;
use bowline_sim::scenario::Node;
use rand_core::Rng;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::books::Books;
use super::caller::Caller;
use super::chance::Chance;
use super::finale;
use super::lender::{Lender, Maker};
use super::line::Lines;
use super::meddler::Meddler;
use super::shared::{self, Shared};
use super::terms::Terms;
use super::watch::{TICK, Watch};
use super::{BUDGET, CALLERS, Mutation, SEASON};

/// The software of an application.
pub(super) async fn run(node: Node<Shared>, mutation: Option<Mutation>) -> Result<(), BoxError> {
    shared::bury(&node);
    let watch = Watch::new(node.clone());
    let lenders = open(&node, &watch, mutation)?;
    let mut auditor = JoinSet::new();
    auditor.spawn_local(audit(watch, lenders.clone()));
    call_until_healed(&node, &lenders).await?;
    // One that is struck for good is owed nothing.
    if node.is_core(node.name()) {
        finale::play(&node, &lenders).await?;
    }
    Ok(())
}

/// Looks at all that is parked, for ever.
async fn audit(watch: Watch, lenders: Vec<Rc<Lender>>) {
    loop {
        sleep(TICK).await;
        watch.tick();
        lenders.iter().for_each(|lender| lender.audit());
    }
}

fn open(
    node: &Node<Shared>,
    watch: &Watch,
    mutation: Option<Mutation>,
) -> Result<Vec<Rc<Lender>>, BoxError> {
    let terms = Terms::of(node.name());
    let budget = Budget::new(BUDGET)?;
    let spent = Arc::new(AtomicU64::new(0));
    let mut jitter = node.jitter();
    let mut lenders = Vec::new();
    for (index, name) in terms.pools.iter().enumerate() {
        let spent = Arc::clone(&spent);
        let books = Books::new(node.clone(), name, terms, watch.clone(), spent);
        let books = Arc::new(books);
        let session = Id(jitter.next_u64().into());
        let forgets = index > 0 && mutation == Some(Mutation::ForgetBudget);
        let budget = (terms.pools.len() > 1 && !forgets).then(|| budget.clone());
        let maker = Making {
            lines: Lines::new(node.clone(), Arc::clone(&books), session, mutation),
            books: Arc::clone(&books),
            node: node.clone(),
            terms,
            budget,
            mutation,
        };
        let maker = maker.maker(jitter.next_u64());
        lenders.push(Rc::new(Lender::new(maker, books, session, mutation)?));
    }
    Ok(lenders)
}

/// What a pool is made of, each time it is.
struct Making {
    node: Node<Shared>,
    lines: Lines,
    books: Arc<Books>,
    terms: Terms,
    budget: Option<Budget>,
    /// How many it keeps open, if not as many as it should.
    mutation: Option<Mutation>,
}

// === impl Making ===

impl Making {
    fn maker(self, seed: u64) -> Maker {
        let chance = Mutex::new(Chance::new(seed, 0));
        Box::new(move || {
            // A generator is whole between any two draws.
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            self.make(chance.below(u64::MAX))
        })
    }

    fn make(&self, seed: u64) -> Result<Pool<super::line::Line>, BoxError> {
        let settings = self.terms.settings(seed, self.mutation)?;
        let mut builder = Pool::builder(self.lines.clone(), settings)
            .targets(self.terms.targets()?)
            .observer(self.books.clone())
            .clock(Arc::new(self.node.wall_clock()));
        if let Some(budget) = &self.budget {
            builder = builder.budget(budget);
        }
        if self.terms.resets && self.mutation != Some(Mutation::SkipResets) {
            builder = builder.on_return(|line: &mut super::line::Line| Box::pin(line.reset()));
        }
        Ok(builder.build()?)
    }
}

async fn call_until_healed(node: &Node<Shared>, lenders: &[Rc<Lender>]) -> Result<(), BoxError> {
    let seed = node.chance().next_u64();
    let people = lenders.len() * CALLERS;
    let season = Chance::new(seed, people).up_to(2 * SEASON);
    let stop = Rc::new(Cell::new(false));
    let mut callers = JoinSet::new();
    let mut meddlers = JoinSet::new();
    for (index, lender) in lenders.iter().enumerate() {
        for number in index * CALLERS..(index + 1) * CALLERS {
            let caller = Caller {
                node: node.clone(),
                lender: Rc::clone(lender),
                chance: Chance::new(seed, number),
                season,
                stop: Rc::clone(&stop),
            };
            callers.spawn_local(caller.run());
        }
        let meddler = Meddler {
            lender: Rc::clone(lender),
            chance: Chance::new(seed, people + 1 + index),
            stop: Rc::clone(&stop),
        };
        meddlers.spawn_local(meddler.run());
    }
    node.healed().await;
    stop.set(true);
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    while let Some(ended) = meddlers.join_next().await {
        ended??;
    }
    Ok(())
}
