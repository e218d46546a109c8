//! The end of an application, when nothing goes wrong any more: all that its pools may hold
//! must be had, what died while it was parked must cost no caller anything, pools of one
//! budget must come to even shares, and nothing may be left.

use std::cell::Cell;
use std::rc::Rc;

use bowline_link::BoxError;
use bowline_pool::{Error, Reuse};
use bowline_sim::scenario::Node;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::gauge::Rest;
use super::lender::{Lender, Loan};
use super::shared::{self, Shared};
use super::watch::TICK;
use super::{BACKOFF, BUDGET, CALL, FIGHT, MAX, RETRY, SETTLE, SLACK, last_turn};
use crate::calls::{Call, Order};

pub(super) async fn play(node: &Node<Shared>, lenders: &[Rc<Lender>]) -> Result<(), BoxError> {
    for lender in lenders {
        let held = take_all(node, lender).await?;
        lender.books.rest(Rest::Missing, MAX - held.len());
        let replaced = replace_all(lender, held).await?;
        lender.books.rest(Rest::Unreplaced, MAX - replaced);
        bury_the_dead(node, lender).await?;
    }
    if lenders.len() > 1 {
        fight(lenders).await?;
    } else {
        // Nobody to be fair to.
        lenders[0].books.rest(Rest::Unfair, 0);
    }
    for lender in lenders {
        rest(lender).await;
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
                if call(&node, &mut loan).await {
                    return Ok(loan);
                }
            }
            Err(Error::Closed) => return Err(Error::Closed),
            // Others wait, or nobody answers yet.
            Err(_) => {}
        }
        sleep(RETRY).await;
    }
}

/// Whether a call on this connection is answered.
async fn call(node: &Node<Shared>, loan: &mut Loan) -> bool {
    let id = shared::ask(node);
    let call = Call { id, padding: 0 };
    let Ok(Ok(appended)) = timeout(CALL, loan.call(call)).await else {
        shared::unknown(node, id);
        return false;
    };
    shared::acked(node, id, appended);
    loan.settle();
    true
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

/// Lets everything that is parked die, by an end and then by silence, and counts the calls
/// that fail once the pool can know.
async fn bury_the_dead(node: &Node<Shared>, lender: &Rc<Lender>) -> Result<(), BoxError> {
    let silence = lender.books.terms.silence();
    for (order, rest, noticed) in [
        (Order::HangUp, Rest::CostOfEnds, SETTLE),
        (Order::FallSilent, Rest::CostOfSilence, silence + SETTLE),
    ] {
        sleep(SETTLE).await;
        node.shared().guests.order(lender.session, order);
        sleep(noticed).await;
        let mut calling = JoinSet::new();
        for _ in 0..MAX {
            let (node, lender) = (node.clone(), Rc::clone(lender));
            calling.spawn_local(async move {
                match lender.check_out().await {
                    Ok(mut loan) => call(&node, &mut loan).await,
                    // A peer that hung up on who had not asked anything yet may be
                    // left alone for a while.
                    Err(_) => true,
                }
            });
        }
        let mut failed = 0;
        while let Some(answered) = calling.join_next().await {
            failed += usize::from(!answered?);
        }
        lender.books.rest(rest, failed);
    }
    Ok(())
}

/// Has callers enough of every pool want more than the budget holds, the first pool's
/// first, and counts who has more than a fair share in the end.
async fn fight(lenders: &[Rc<Lender>]) -> Result<(), BoxError> {
    let stop = Rc::new(Cell::new(false));
    let mut callers = JoinSet::new();
    for lender in lenders {
        for _ in 0..2 * MAX {
            let (lender, stop) = (Rc::clone(lender), Rc::clone(&stop));
            callers.spawn_local(async move {
                while !stop.get() {
                    match lender.check_out().await {
                        Ok(loan) => {
                            sleep(TICK).await;
                            drop(loan);
                        }
                        Err(_) => sleep(RETRY).await,
                    }
                }
            });
        }
        sleep(FIGHT / 3).await;
    }
    let share = BUDGET.div_ceil(lenders.len());
    let lookers = lenders.iter();
    let over = lookers.map(|lender| lender.books.open().saturating_sub(share));
    let over: Vec<_> = over.collect();
    stop.set(true);
    while let Some(ended) = callers.join_next().await {
        ended?;
    }
    for (lender, over) in lenders.iter().zip(over) {
        lender.books.rest(Rest::Unfair, over);
    }
    Ok(())
}

/// Looks what is left when nobody wants anything, and when the pool is drained.
async fn rest(lender: &Lender) {
    let books = &lender.books;
    sleep(SETTLE).await;
    let status = lender.pool().snapshot();
    books.rest(Rest::InUse, status.in_use);
    books.rest(Rest::Waiting, status.waiting);
    lender.drain(SLACK).await;
    let status = lender.pool().snapshot();
    books.rest(Rest::Dialing, status.dialing);
    books.rest(Rest::Open, books.open());
    books.rest(Rest::PoolOpen, status.open);
    books.rest(Rest::Unclosed, books.unclosed());
    books.tell();
}
