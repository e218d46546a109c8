//! Who gets a seat and who gives one, without any pool around.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::*;

fn two(max: usize) -> (Quota, Quota) {
    let budget = Budget::new(max).unwrap();
    let quota = || Quota::new(max, Some(budget.clone()));
    (quota(), quota())
}

fn claim_all(quota: &Quota) -> Vec<Seat> {
    std::iter::from_fn(|| quota.claim()).collect()
}

fn is_nudged(quota: &Quota) -> bool {
    let mut nudged = pin!(quota.nudged());
    let nothing = &mut Context::from_waker(Waker::noop());
    nudged.as_mut().poll(nothing).is_ready()
}

// contract: pool-1
#[test]
fn who_has_more_lets_who_has_fewer_and_waits_go_first() {
    let (rich, poor) = two(3);
    let mut seats = claim_all(&rich);
    assert!(poor.claim().is_none());
    poor.pinch(false);
    seats.pop();
    assert!(rich.claim().is_none(), "one is free, and not for the rich");
    assert!(poor.claim().is_some());

    poor.unpinch();
    assert!(rich.claim().is_some());
}

// contract: pool-1
#[test]
fn a_seat_is_given_up_only_while_none_is_free_and_not_below_the_min() {
    let (rich, poor) = two(3);
    let mut seats = claim_all(&rich);
    assert!(!rich.should_yield(false, 0), "nobody waits");
    poor.pinch(false);
    assert!(rich.should_yield(false, 2) && !rich.should_yield(false, 3));
    assert!(rich.should_yield(true, 0), "it has two more");
    seats.pop();
    assert!(!rich.should_yield(false, 0), "one is free");
    let first = poor.claim().unwrap();
    seats.pop();
    let second = poor.claim().unwrap();
    assert!(rich.should_yield(false, 0) && !rich.should_yield(true, 0));
    drop((first, second));
}

// contract: pool-1
#[test]
fn asking_in_vain_wakes_nobody() {
    let (rich, poor) = two(1);
    let _seat = rich.claim().unwrap();
    poor.pinch(false);
    assert!(is_nudged(&rich) && is_nudged(&poor));
    assert!(poor.claim().is_none());
    poor.pinch(false);
    assert!(!is_nudged(&rich) && !is_nudged(&poor), "it was said before");
    poor.pinch(true);
    assert!(is_nudged(&rich), "one was not enough");
}
