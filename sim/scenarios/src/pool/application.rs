//! One application: a pool, the callers who share it, and the end, when all that the pool
//! may hold must be had at once and nothing may be left.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use bowline_link::BoxError;
use bowline_pool::{Error, Pool, Reuse};
use bowline_sim::history::Id;
use bowline_sim::scenario::Node;
use rand_core::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::books::{Books, Rest};
use super::caller::Caller;
use super::chance::Chance;
use super::lender::{Lender, Loan};
use super::line::Lines;
use super::shared::{self, Shared};
use super::{
    BACKOFF, CALL, CALLERS, MAX, Mutation, RETRY, SEASON, SETTLE, endpoint, last_turn, settings,
};
use crate::calls::Call;

/// The software of an application.
pub(super) async fn run(node: Node<Shared>, mutation: Option<Mutation>) -> Result<(), BoxError> {
    shared::bury(&node);
    let lender = Rc::new(open(&node, mutation)?);
    call_until_healed(&node, &lender).await?;
    let held = take_all(&node, &lender).await?;
    lender.books.rest(Rest::Missing, MAX - held.len());
    let replaced = replace_all(&lender, held).await?;
    lender.books.rest(Rest::Unreplaced, MAX - replaced);
    rest(&lender).await;
    Ok(())
}

fn open(node: &Node<Shared>, mutation: Option<Mutation>) -> Result<Lender, BoxError> {
    let mut jitter = node.jitter();
    let settings = settings(jitter.next_u64())?;
    let books = Arc::new(Books::new(node.clone()));
    let session = Id(jitter.next_u64().into());
    let lines = Lines::new(node.clone(), Arc::clone(&books), session, mutation);
    let pool = Pool::builder(lines, settings)
        .endpoints([endpoint()])?
        .observer(books.clone())
        .clock(Arc::new(node.wall_clock()))
        .build()?;
    Ok(Lender::new(pool, books, mutation))
}

async fn call_until_healed(node: &Node<Shared>, lender: &Rc<Lender>) -> Result<(), BoxError> {
    let seed = node.chance().next_u64();
    let season = Chance::new(seed, CALLERS).up_to(2 * SEASON);
    let stop = Rc::new(Cell::new(false));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let caller = Caller {
            node: node.clone(),
            lender: Rc::clone(lender),
            chance: Chance::new(seed, number),
            season,
            stop: Rc::clone(&stop),
        };
        callers.spawn_local(caller.run());
    }
    node.healed().await;
    stop.set(true);
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    Ok(())
}

/// Takes all that the pool may hold, at the same time, each proved by a call; fewer if it
/// cannot be had in time.
async fn take_all(node: &Node<Shared>, lender: &Rc<Lender>) -> Result<Vec<Loan>, BoxError> {
    let deadline = Instant::now() + last_turn();
    let mut taking = JoinSet::new();
    for _ in 0..MAX {
        taking.spawn_local(take_one(node.clone(), Rc::clone(lender)));
    }
    let mut held = Vec::new();
    while let Ok(Some(taken)) = timeout_at(deadline, taking.join_next()).await {
        held.push(taken??);
    }
    lender.look();
    // Whoever still waits gives up, and what they asked for has its end.
    taking.shutdown().await;
    shared::bury(node);
    Ok(held)
}

async fn take_one(node: Node<Shared>, lender: Rc<Lender>) -> Result<Loan, Error> {
    loop {
        match lender.check_out().await {
            Ok(mut loan) => {
                let id = shared::ask(&node);
                let call = Call { id, padding: 0 };
                if let Ok(Ok(appended)) = timeout(CALL, loan.call(call)).await {
                    shared::acked(&node, id, appended);
                    loan.settle();
                    return Ok(loan);
                }
                shared::unknown(&node, id);
            }
            Err(Error::Closed) => return Err(Error::Closed),
            // Others wait, or nobody answers yet.
            Err(_) => {}
        }
        sleep(RETRY).await;
    }
}

/// Closes all of `held` while as many callers stand in line, and counts those who were
/// served: each connection that is closed must wake whoever opens the next, without
/// anybody else who comes.
async fn replace_all(lender: &Rc<Lender>, held: Vec<Loan>) -> Result<usize, BoxError> {
    // By now no dial is held back any more because another failed.
    sleep(BACKOFF.1 + SETTLE).await;
    let mut waiting = JoinSet::new();
    for _ in 0..held.len() {
        let lender = Rc::clone(lender);
        waiting.spawn_local(async move { lender.check_out().await });
    }
    sleep(SETTLE).await;
    held.into_iter().for_each(Loan::discard);
    let mut served = Vec::new();
    while let Some(ended) = waiting.join_next().await {
        // The loans end together, or one would serve several.
        served.extend(ended?);
    }
    Ok(served.len())
}

/// Looks what is left when nobody wants anything, and when the pool is closed.
async fn rest(lender: &Lender) {
    let books = &lender.books;
    sleep(SETTLE).await;
    let status = lender.pool.snapshot();
    let in_use = status.in_use;
    books.rest(Rest::InUse, in_use);
    books.rest(Rest::Waiting, status.waiting);
    books.rest(Rest::Dialing, status.dialing);
    lender.pool.close();
    sleep(SETTLE).await;
    books.rest(Rest::Open, books.open());
    books.rest(Rest::PoolOpen, lender.pool.snapshot().open);
    books.rest(Rest::Unclosed, books.unclosed());
    books.tell();
}
