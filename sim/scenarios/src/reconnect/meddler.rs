//! Somebody with his hands on a client's link: he asks it to hurry, to start over, to move,
//! to close, and makes it join things. Once all is well he leaves it as he found it.

use std::sync::Arc;
use std::time::Duration;

use bowline_reconnect::State;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::task::JoinSet;

use super::line::Lines;
use super::porter::pause;
use super::terms::{Lists, targets};
use super::{SERVERS, SUBSCRIPTIONS_MAX};

/// The longest time between two of his ideas, in milliseconds.
const IDLE_MS: u64 = 4_000;

/// How long calls have at most to end when he closes a link, in milliseconds.
const CLOSE_MS: u64 = 1_500;

/// Meddles until all is well.
pub(super) async fn meddle(lines: Arc<Lines>, mut chance: Pcg64) {
    let mut joining = JoinSet::new();
    let lists = lines.terms.lists;
    while !pause(&lines.node, chance.next_u64() % IDLE_MS).await {
        let line = lines.now();
        match chance.next_u64() % 12 {
            0..=2 => line.link.reconnect_now(),
            3 => {
                line.ledger.excuse();
                line.link.reset_backoff();
            }
            4..=6 if lists != Lists::Never => {
                line.list(lists, &targets(&some_servers(&mut chance)));
            }
            7 if lists == Lists::Discovered => {
                line.trouble(chance.next_u64().is_multiple_of(2));
            }
            8 => close(&lines, Duration::from_millis(chance.next_u64() % CLOSE_MS)).await,
            9..=11 => join(&lines, &mut joining),
            _ => {}
        }
    }
    let line = lines.now();
    if lists != Lists::Never {
        line.list(lists, &lines.terms.home());
    }
    // A join that fails is made by the next session.
    while joining.join_next().await.is_some() {}
}

/// Closes the link there is; its keeper begins another.
async fn close(lines: &Lines, within: Duration) {
    let line = lines.now();
    if matches!(*line.link.state().borrow(), State::Closed) {
        return;
    }
    line.ledger.closing();
    // How many were cut off is theirs to say.
    let _cut_off = line.link.close_within(within).await;
}

/// Joins one thing more: kept first, then asked for.
fn join(lines: &Lines, joining: &mut JoinSet<()>) {
    if lines.joined.len() >= SUBSCRIPTIONS_MAX {
        return;
    }
    let place = lines.joined.len() as u64 + 1;
    let kept = lines.joined.add(place, super::caller::Join(place));
    kept.expect("there is room");
    let front = lines.now().front();
    joining.spawn(async move {
        // What fails is asked for again by the next session.
        let _failed = front.join(place).await;
    });
}

/// One server or more, in any order.
fn some_servers(chance: &mut Pcg64) -> Vec<&'static str> {
    let mut left = SERVERS.to_vec();
    let mut some = Vec::new();
    let count = 1 + chance.next_u64() % SERVERS.len() as u64;
    for _ in 0..count {
        let place = chance.next_u64() % left.len() as u64;
        some.push(left.remove(usize::try_from(place).expect("a few")));
    }
    some
}
