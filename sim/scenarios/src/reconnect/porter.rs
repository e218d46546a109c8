//! A server of this world: it serves, and now and then turns people away, sends them
//! elsewhere, says that it will go, crawls, or has forgotten everybody.

use std::time::Duration;

use bowline_link::BoxError;
use bowline_sim::scenario::Node;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tokio::time::{Instant, timeout};

use super::terms::{Pace, heartbeat};
use super::{GONE_WITHIN_MS, PORT, SERVERS, Shared, TROUBLE};
use crate::calls::{self, Door, Welcoming, Wish};

/// The longest time between two of its moods, in milliseconds.
const EVEN_MS: u64 = 3_000;

/// The software of each server.
pub(super) async fn serve(node: Node<Shared>) -> Result<(), BoxError> {
    let listener = node.listen(PORT).await?;
    let mut chance = node.chance();
    let shared = node.shared();
    if node.start() > 0 && chance.next_u64().is_multiple_of(2) {
        shared.memory.wipe();
    }
    let door = shared.door(node.name()).clone();
    door.receive(Welcoming::All);
    door.crawl(false);
    let rude_for = TROUBLE.saturating_sub(node.elapsed());
    let serving = calls::Serving {
        log: shared.log.clone(),
        guests: shared.guests.clone(),
        memory: shared.memory.clone(),
        door: door.clone(),
        // Longer than anybody is silent who is there.
        heartbeat: heartbeat(Pace::Slow)?,
        chance: node.jitter(),
        rude_until: (!rude_for.is_zero()).then(|| Instant::now() + rude_for),
    };
    tokio::select! {
        biased;
        served = calls::serve(listener, serving) => served,
        () = keep(&node, &door, chance) => unreachable!("a door is kept for ever"),
    }
}

/// Changes the door while there is trouble, and leaves it open after that.
async fn keep(node: &Node<Shared>, door: &Door, mut chance: Pcg64) {
    while !pause(node, chance.next_u64() % EVEN_MS).await {
        let lasts = 50 + chance.next_u64() % 1_500;
        match chance.next_u64() % 8 {
            0 | 1 => door.receive(Welcoming::Later(wish(node, &mut chance))),
            2 => {
                door.receive(Welcoming::Nobody);
                pause(node, lasts / 8).await;
                door.receive(Welcoming::All);
                continue;
            }
            3 | 4 => {
                let mut going = wish(node, &mut chance);
                let closes_in = 200 + chance.next_u64() % (GONE_WITHIN_MS - 200);
                going.closes_in_ms = u16::try_from(closes_in).expect("some seconds");
                door.announce(going, None);
                door.receive(Welcoming::Later(wish(node, &mut chance)));
            }
            5 => door.crawl(true),
            _ => continue,
        }
        pause(node, lasts).await;
        door.receive(Welcoming::All);
        door.crawl(false);
    }
    door.receive(Welcoming::All);
    door.crawl(false);
    std::future::pending().await
}

/// What is asked of somebody, by lot: nothing, a wait, a window, too much; another server.
fn wish(node: &Node<Shared>, chance: &mut Pcg64) -> Wish {
    let from = u16::try_from(chance.next_u64() % 1_500).expect("below");
    let width = u16::try_from(chance.next_u64() % 1_500).expect("below");
    let (from_ms, to_ms) = match chance.next_u64() % 5 {
        0 => (0, 0),
        1 => (60_000, 60_000),
        2 => (from, from),
        _ => (from, from + width),
    };
    let others = SERVERS
        .iter()
        .zip(1..)
        .filter(|(name, _)| **name != node.name());
    let others: Vec<u8> = others.map(|(_, number)| number).collect();
    let redirect = match chance.next_u64() % 3 {
        0 => others[usize::from(chance.next_u64().is_multiple_of(2))],
        _ => 0,
    };
    Wish {
        from_ms,
        to_ms,
        closes_in_ms: 0,
        redirect,
    }
}

/// Waits so many milliseconds, or until all is well; says whether it is.
pub(super) async fn pause(node: &Node<Shared>, millis: u64) -> bool {
    let pause = Duration::from_millis(millis);
    timeout(pause, node.healed()).await.is_ok()
}
