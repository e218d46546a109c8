//! Callers who come and go against what is said to them, on two threads and
//! closer together than the pool's doors would let them come. It lends nothing.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use bowline_link::Endpoint;
use bowline_policy::from_fn;
use tokio::runtime::Runtime;

use super::*;
use crate::budget::{Budget, Quota};
use crate::origin::Origin;
use crate::{Death, Settings};

const ROUNDS: usize = 40_000;

struct Idle;

impl Reuse for Idle {
    fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<Death> {
        Poll::Pending
    }

    fn is_settled(&self) -> bool {
        true
    }
}

fn shared(max: usize, budget: Option<Budget>) -> Shared<Idle> {
    let settings = Settings::new(max, 1).unwrap();
    let observer = from_fn(|_: &Event| {});
    Shared::new(settings, budget, false, Arc::new(observer))
}

fn look<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Comes back once both sides have called it so often; if one of them fails,
/// the other gives up.
fn meet(came: &AtomicUsize, number: usize) {
    came.fetch_add(1, Ordering::SeqCst);
    let mut turns = 0_usize;
    while came.load(Ordering::SeqCst) < 2 * number {
        turns += 1;
        assert!(turns < 200_000_000, "the other side failed");
        if turns.is_multiple_of(1_000) {
            thread::yield_now();
        }
        std::hint::spin_loop();
    }
}

fn shift(turns: usize) {
    for _ in 0..turns {
        std::hint::spin_loop();
    }
}

/// Two sides that act at once, round after round, the one after it has set the
/// scene and before it checks.
fn collide<S: Send, T>(
    mut set_up: impl FnMut() -> S,
    mut one: impl FnMut() -> T,
    other: impl Fn(S) + Sync,
    mut check: impl FnMut(usize, T),
) {
    let came = AtomicUsize::new(0);
    let scene = Mutex::new(None);
    thread::scope(|threads| {
        threads.spawn(|| {
            for round in 0..ROUNDS {
                meet(&came, 2 * round + 1);
                let scene = lock(&scene).take().expect("set up for this round");
                shift(round % 13);
                other(scene);
                meet(&came, 2 * round + 2);
            }
        });
        for round in 0..ROUNDS {
            *lock(&scene) = Some(set_up());
            meet(&came, 2 * round + 1);
            shift(round % 29);
            let outcome = one();
            meet(&came, 2 * round + 2);
            check(round, outcome);
        }
    });
}

fn clock() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().unwrap()
}

/// A connection that is with a caller.
fn lent(shared: &Shared<Idle>) -> Box<Conn<Idle>> {
    let seat = shared.quota.claim().expect("there is room");
    let now = Instant::now();
    let origin = Arc::new(Origin::new(Endpoint::new("chat.example", 7400)));
    let entry = shared.ledger.enter(origin, 0, now);
    let plan = shared.plan(now);
    Box::new(Conn::new(Idle, entry, seat, plan, (false, 0), now))
}

fn is_nudged(shared: &Shared<Idle>) -> bool {
    look(pin!(shared.quota.nudged())).is_some()
}

/// What the keeper does of its own when it is woken.
fn turn(shared: &Shared<Idle>) {
    is_nudged(shared);
    if shared.quota.is_over() || shared.yields() {
        for conn in shared.rack.strip() {
            shared.discard(conn, CloseReason::OverMax);
        }
    }
}

// contract: pool-2
#[test]
fn whoever_ends_a_call_hears_the_next_one() {
    let clock = clock();
    let _entered = clock.enter();
    let shared = shared(1, None);
    // One call hangs on the rack all the time.
    shared.rack.call();
    let join = || {
        let mut caller = Box::pin(shared.take_in_line(Location::caller()));
        (look(caller.as_mut()), caller)
    };
    let call = |()| {
        shared.gate.hold(true);
        shared.rack.call();
    };
    collide(
        || (),
        join,
        call,
        |round, (early, mut caller)| {
            let told = early.or_else(|| look(caller.as_mut()));
            let told = told.unwrap_or_else(|| panic!("not told in round {round}"));
            assert!(matches!(told.map(drop), Err(Error::Suspended)));
            shared.gate.release();
        },
    );
}

// contract: pool-1, pool-2
#[test]
fn a_wish_is_not_taken_back_for_a_caller_who_just_joined() {
    let budget = Budget::new(1).unwrap();
    let shared = shared(1, Some(budget.clone()));
    let rich = Quota::new(1, Some(budget));
    let _seat = rich.claim().unwrap();
    let wish = || {
        let leaving = shared.join().unwrap();
        shared.quota.pinch(false);
        while is_nudged(&shared) {}
        leaving
    };
    let join = || {
        let caller = shared.join().unwrap();
        // As the keeper does, woken for this caller.
        shared.quota.pinch(false);
        caller
    };
    collide(wish, join, drop, |round, caller| {
        let is_heard = rich.should_yield(false, 0);
        assert!(is_heard || is_nudged(&shared), "forgotten in round {round}");
        drop(caller);
    });
}

// contract: pool-2
#[test]
fn what_is_parked_as_the_pool_stops_lending_does_not_hang_there() {
    let clock = clock();
    let _entered = clock.enter();
    let shared = shared(1, None);
    let lend = || lent(&shared);
    let suspend = || shared.suspend(false);
    let park = |conn| shared.park(conn);
    let is_aside = |round, ()| {
        assert_eq!(shared.rack.parked(), 0, "round {round}");
        for conn in shared.take_aside() {
            shared.discard(conn, CloseReason::Discarded);
        }
        shared.resume();
        assert_eq!(shared.quota.open(), 0, "round {round}");
    };
    // The moment between two looks at the gate is short.
    for _ in 0..5 {
        collide(lend, suspend, park, is_aside);
    }
}

// contract: pool-1, pool-10
#[test]
fn what_comes_back_as_the_limit_falls_is_looked_at() {
    let clock = clock();
    let _entered = clock.enter();
    let shared = shared(2, None);
    let kept = lent(&shared);
    let lend = || {
        shared.quota.set_max(2);
        while is_nudged(&shared) {}
        lent(&shared)
    };
    let shrink = || {
        shared.quota.set_max(1);
        turn(&shared);
    };
    collide(
        lend,
        shrink,
        |conn| shared.give_back(conn),
        |round, ()| {
            let is_seen = is_nudged(&shared);
            assert!(is_seen || shared.quota.open() == 1, "round {round}");
            turn(&shared);
            assert_eq!(shared.quota.open(), 1, "round {round}");
        },
    );
    shared.discard(kept, CloseReason::Discarded);
}

// contract: pool-1, pool-2
#[test]
fn what_comes_back_as_somebody_runs_short_is_looked_at() {
    let clock = clock();
    let _entered = clock.enter();
    let budget = Budget::new(1).unwrap();
    let shared = shared(1, Some(budget.clone()));
    let poor = Quota::new(1, Some(budget));
    let lend = || {
        poor.unpinch();
        while is_nudged(&shared) {}
        lent(&shared)
    };
    let ask = || {
        poor.pinch(false);
        turn(&shared);
        // What closed it before has told the keeper, too.
        shared.quota.open()
    };
    collide(
        lend,
        ask,
        |conn| shared.give_back(conn),
        |round, _| {
            let is_seen = is_nudged(&shared);
            assert!(is_seen || shared.quota.open() == 0, "round {round}");
            turn(&shared);
            assert_eq!(shared.quota.open(), 0, "round {round}");
        },
    );
}

// contract: pool-2
#[test]
fn what_is_left_to_the_keeper_is_counted_before_it_is_there() {
    let clock = clock();
    let _entered = clock.enter();
    let shared = shared(1, None);
    let take = || {
        let taken = shared.inbox();
        let counted = shared.checking.fetch_sub(taken.len(), Ordering::SeqCst);
        assert!(counted >= taken.len(), "{counted} of {}", taken.len());
        taken
    };
    collide(
        || lent(&shared),
        take,
        |conn| shared.leave_to_keeper([conn]),
        |_, taken| {
            let late = shared.inbox();
            shared.checking.fetch_sub(late.len(), Ordering::SeqCst);
            for conn in taken.into_iter().chain(late) {
                shared.discard(conn, CloseReason::Discarded);
            }
            assert_eq!(shared.checking.load(Ordering::SeqCst), 0);
        },
    );
}

// contract: pool-2
#[test]
fn whoever_takes_what_was_counted_on_for_another_says_so() {
    let clock = clock();
    let _entered = clock.enter();
    let shared = shared(1, None);
    shared.rack.add(lent(&shared));
    let taken = Mutex::new(None);
    let take = |()| *lock(&taken) = shared.take_parked(Location::caller());
    let join = || {
        let caller = shared.join().unwrap();
        // As the keeper counts: those in line, then what will come to them.
        fence(Ordering::SeqCst);
        (caller, shared.rack.on_line())
    };
    let prepare = || while is_nudged(&shared) {};
    collide(prepare, join, take, |round, (caller, coming)| {
        if let Some(conn) = lock(&taken).take() {
            let is_told = is_nudged(&shared);
            assert!(coming == 0 || is_told, "round {round}");
            shared.rack.add(conn);
        }
        drop(caller);
    });
}
