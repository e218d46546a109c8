//! Races over scripted addresses, on a paused clock.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;

use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::*;

/// What an address does, and after how many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Takes(u64),
    Refuses(u64),
    Swallows,
}

use Does::{Refuses, Swallows, Takes};

/// Addresses that do as told, and what was seen of the attempts on them.
#[derive(Default)]
struct Script {
    does: BTreeMap<SocketAddr, Does>,
    begun: RefCell<Vec<(SocketAddr, u64)>>,
    /// Dropped before they were over.
    dropped: RefCell<Vec<SocketAddr>>,
}

struct Attempt<'a> {
    script: &'a Script,
    address: SocketAddr,
    over: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.script.dropped.borrow_mut().push(self.address);
        }
    }
}

impl Script {
    fn new(does: &[Does]) -> (Self, Vec<SocketAddr>) {
        let addresses: Vec<_> = (0..does.len()).map(v4).collect();
        let script = Self {
            does: addresses
                .iter()
                .copied()
                .zip(does.iter().copied())
                .collect(),
            ..Self::default()
        };
        (script, addresses)
    }

    async fn attempt(
        &self,
        address: SocketAddr,
        zero: Instant,
    ) -> Result<SocketAddr, &'static str> {
        let at = millis(Instant::now() - zero);
        self.begun.borrow_mut().push((address, at));
        let mut attempt = Attempt {
            script: self,
            address,
            over: false,
        };
        let outcome = match self.does[&address] {
            Takes(ms) => {
                sleep(Duration::from_millis(ms)).await;
                Ok(address)
            }
            Refuses(0) => Err("refused"),
            Refuses(ms) => {
                sleep(Duration::from_millis(ms)).await;
                Err("refused")
            }
            Swallows => pending().await,
        };
        attempt.over = true;
        outcome
    }
}

fn v4(n: usize) -> SocketAddr {
    format!("10.0.0.{n}:80").parse().unwrap()
}

fn v6(n: usize) -> SocketAddr {
    format!("[2001:db8::{n:x}]:80").parse().unwrap()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// Plays a race and says which address won when, and when each attempt began.
async fn play(does: &[Does]) -> (Option<usize>, u64, Vec<u64>) {
    let (script, addresses) = Script::new(does);
    let zero = Instant::now();
    let won = Race::new()
        .run(&addresses, |address| script.attempt(address, zero))
        .await;
    let spent = millis(Instant::now() - zero);
    let nth = |address| addresses.iter().position(|&a| a == address).unwrap();
    let begun = script.begun.borrow().iter().map(|&(_, at)| at).collect();
    let losers: Vec<_> = script.dropped.borrow().iter().copied().map(nth).collect();
    let won = won.ok().map(nth);
    assert!(won.is_none_or(|won| !losers.contains(&won)), "{losers:?}");
    (won, spent, begun)
}

// contract: link-2
#[tokio::test(start_paused = true)]
async fn an_address_that_swallows_costs_the_delay_and_one_that_refuses_nothing() {
    for (does, won, spent, begun) in [
        (&[Takes(20)][..], Some(0), 20, &[0][..]),
        (&[Swallows, Takes(20)], Some(1), 270, &[0, 250]),
        (
            &[Swallows, Swallows, Takes(20)],
            Some(2),
            520,
            &[0, 250, 500],
        ),
        (&[Refuses(0), Takes(20)], Some(1), 20, &[0, 0]),
        (&[Refuses(30), Takes(20)], Some(1), 50, &[0, 30]),
        // The slow first one is not given up, and wins if it is done first.
        (&[Takes(300), Takes(100)], Some(0), 300, &[0, 250]),
        (&[Takes(300), Takes(40)], Some(1), 290, &[0, 250]),
        // At the same instant, order decides.
        (&[Takes(300), Takes(50)], Some(0), 300, &[0, 250]),
        // A failure brings the next one forward, and the delay runs anew from there.
        (
            &[Swallows, Refuses(50), Swallows, Takes(1)],
            Some(3),
            551,
            &[0, 250, 300, 550],
        ),
        (&[Refuses(0), Refuses(10)], None, 10, &[0, 0]),
        (&[], None, 0, &[]),
    ] {
        let expected = (won, spent, begun.to_vec());
        assert_eq!(play(does).await, expected, "{does:?}");
    }
}

#[test]
fn families_take_turns_and_each_address_comes_once() {
    let mixed = [v4(1), v4(2), v4(3), v6(1), v4(1), v6(2), v4(4)];
    for (prefer, expected) in [
        (Prefer::V6, [v6(1), v4(1), v6(2), v4(2), v4(3), v4(4)]),
        (Prefer::V4, [v4(1), v6(1), v4(2), v6(2), v4(3), v4(4)]),
        (Prefer::First, [v4(1), v6(1), v4(2), v6(2), v4(3), v4(4)]),
    ] {
        assert_eq!(Race::new().prefer(prefer).order(&mixed), expected);
    }
    let only_v4 = [v4(3), v4(1)];
    assert_eq!(Race::new().order(&only_v4), only_v4);
}

#[test]
fn the_delay_stays_within_what_the_rfc_allows() {
    for (asked_ms, got_ms) in [
        (0, 10),
        (10, 10),
        (300, 300),
        (2_000, 2_000),
        (60_000, 2_000),
    ] {
        let race = Race::new().attempt_delay(Duration::from_millis(asked_ms));
        assert_eq!(race.attempt_delay, Duration::from_millis(got_ms));
    }
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_kept_with_its_address_and_the_rest_are_counted() {
    let (script, addresses) = Script::new(&[Refuses(1); ADDRESSES_MAX + 3]);
    let zero = Instant::now();
    let failures = Race::new()
        .run(&addresses, |address| script.attempt(address, zero))
        .await
        .unwrap_err();
    assert_eq!((failures.tried(), failures.untried()), (ADDRESSES_MAX, 3));
    let tried: Vec<_> = failures.iter().map(|(address, _)| address).collect();
    assert_eq!(tried, addresses[..ADDRESSES_MAX]);
    assert!(
        failures
            .to_string()
            .starts_with("10.0.0.0:80 (refused), 10.0.0.1:80 (refused)")
    );
    assert_eq!(script.begun.borrow().len(), ADDRESSES_MAX);
}

#[tokio::test(start_paused = true)]
async fn a_race_that_is_dropped_drops_every_attempt() {
    let (script, addresses) = Script::new(&[Swallows; 4]);
    let zero = Instant::now();
    let race = Race::new();
    let race = race.run(&addresses, |address| script.attempt(address, zero));
    let early = tokio::time::timeout(Duration::from_millis(600), race).await;
    assert!(early.is_err());
    assert_eq!(*script.dropped.borrow(), addresses[..3]);
}

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        (0..3_000_u64).prop_map(Takes),
        (0..3_000_u64).prop_map(Refuses),
        Just(Swallows),
    ]
}

proptest! {
    /// An attempt begins when it should, so none that would have won waited in vain.
    #[test]
    fn the_winner_is_whoever_is_done_first(script in proptest::collection::vec(does(), 1..=ADDRESSES_MAX)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let limit = Duration::from_secs(60);
        let played = runtime.block_on(async { tokio::time::timeout(limit, play(&script)).await });
        let Ok((won, spent, begun)) = played else {
            prop_assert!(!script.iter().any(|does| matches!(does, Takes(_))));
            return Ok(());
        };
        let ends = |nth: usize| match script[nth] {
            Takes(ms) => Some(begun[nth] + ms),
            Refuses(_) | Swallows => None,
        };
        let first = (0..begun.len()).filter_map(ends).min();
        match won {
            Some(won) => {
                prop_assert_eq!(Some(spent), first);
                prop_assert_eq!(ends(won), first);
                // One waits at most the delay for its turn.
                prop_assert!(spent <= 250 * won as u64 + 3_000, "{spent}");
            }
            None => prop_assert!(first.is_none()),
        }
    }
}
