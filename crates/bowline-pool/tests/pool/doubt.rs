//! One death among many, and a machine that slept: what had been proved before
//! counts for nothing.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bowline_link::WallClock;
use bowline_pool::{CloseReason, Death, Doubt, Event, Pool, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

use crate::session::{Manner, Peers, Session, parked, poll_once};
use crate::world::{AGE, Net, exactly, ms, settings};

const MANY: usize = 30;
const CHECK: Duration = Duration::from_secs(2);

fn doubting() -> Settings {
    settings(MANY).lifetime(exactly(AGE, AGE))
}

fn doubts(net: &Net) -> Vec<Doubt> {
    let events = net.events().into_iter();
    let doubts = events.filter_map(|event| match event {
        Event::Doubted { doubt } => Some(doubt),
        _ => None,
    });
    doubts.collect()
}

/// How many of thirty the peer ends in one moment; the others fall silent.
async fn outage(dead: usize) -> (Peers, Pool<Session>) {
    let peers = Peers::new();
    let pool = peers.pool(doubting());
    parked(&pool, MANY).await;
    sleep(ms(1_500)).await;
    peers.treat_each(|id| match id < MANY {
        true => Manner::Silence,
        false => Manner::Answer(ms(1)),
    });
    // The warmest are met first.
    for id in MANY - dead..MANY {
        peers.net.hang_up(id);
    }
    (peers, pool)
}

// contract: pool-7
#[tokio::test(start_paused = true)]
async fn a_caller_among_the_dead_looks_at_two_and_waits_for_one_dial() {
    for dead in [MANY, 1, 2] {
        let (peers, pool) = outage(dead).await;
        let (begun, looked) = (Instant::now(), peers.looks());
        let mut caller = Box::pin(pool.checkout());
        assert!(poll_once(&mut caller).await.is_none(), "{dead}");
        assert!(peers.looks() - looked <= 2, "{dead}");
        let conn = caller.await.unwrap();
        assert_eq!(
            (conn.number(), Instant::now() - begun),
            (MANY, ms(50)),
            "{dead}"
        );

        let rounds = u32::try_from(MANY.div_ceil(4)).unwrap();
        sleep(CHECK * rounds).await;
        assert_eq!(peers.net.live(), 1, "{dead}: nothing bad is left");
        let silent = CloseReason::Unproved;
        let silent = peers.net.reasons().into_iter().filter(|it| *it == silent);
        assert_eq!(silent.count(), MANY - dead);
        assert_eq!(doubts(&peers.net)[0], Doubt::Death(Death::Ended));
    }
}

// contract: pool-7
#[tokio::test(start_paused = true)]
async fn suspects_yield_their_places_to_dials_for_those_who_wait() {
    for dead in [MANY, 1] {
        let (peers, pool) = outage(dead).await;
        let begun = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..MANY {
            let pool = pool.clone();
            callers.spawn(async move {
                let conn = pool.checkout().await.unwrap();
                assert!(conn.number() >= MANY, "{} is a suspect", conn.number());
                sleep(ms(5)).await;
            });
        }
        callers.join_all().await;
        let took = Instant::now() - begun;
        assert!(took <= ms(50 + 5 * 8 + 5), "{dead}: {took:?}");
        let yielded = CloseReason::Doubtful;
        let yielded = peers.net.reasons().into_iter().filter(|it| *it == yielded);
        assert_eq!(yielded.count() > 0, dead == 1);
        assert!(peers.net.peak() <= MANY);
    }
}

// contract: pool-7
#[tokio::test(start_paused = true)]
async fn suspects_that_answer_are_innocent() {
    let peers = Peers::new();
    let pool = peers.pool(doubting());
    parked(&pool, MANY).await;
    sleep(ms(1_500)).await;
    peers.net.hang_up(0);
    sleep(ms(20)).await;
    assert_eq!(doubts(&peers.net), [Doubt::Death(Death::Ended)]);
    let mut pinged: Vec<_> = peers.pings().into_iter().map(|(id, _)| id).collect();
    pinged.sort_unstable();
    assert_eq!(pinged, (1..MANY).collect::<Vec<_>>(), "each of them once");
    assert_eq!(pool.snapshot().parked, MANY - 1);
    assert_eq!((peers.net.dials(), peers.pinging_peak()), (MANY, 4));
}

#[tokio::test(start_paused = true)]
async fn one_that_talks_out_of_turn_says_nothing_of_others() {
    let peers = Peers::new();
    let pool = peers.pool(doubting());
    parked(&pool, 3).await;
    peers.net.say(1).await;
    sleep(ms(1_500)).await;
    assert_eq!(peers.net.reasons(), [CloseReason::Dead(Death::Unread)]);
    assert_eq!((doubts(&peers.net), peers.pings()), (vec![], vec![]));
}

/// A time of day that is set by hand.
struct Day(Mutex<(SystemTime, Instant)>);

impl Day {
    fn leap(&self, ahead: Duration) {
        self.0.lock().unwrap().0 += ahead;
    }

    fn set_back(&self, by: Duration) {
        self.0.lock().unwrap().0 -= by;
    }
}

impl WallClock for Day {
    fn now(&self) -> SystemTime {
        let (day, since) = *self.0.lock().unwrap();
        day + (Instant::now() - since)
    }
}

async fn days(peers: &Peers) -> (Pool<Session>, Arc<Day>) {
    let day = Arc::new(Day(Mutex::new((
        SystemTime::UNIX_EPOCH + AGE,
        Instant::now(),
    ))));
    let clock: Arc<dyn WallClock> = Arc::<Day>::clone(&day);
    let pool = peers.builder(doubting()).clock(clock).build().unwrap();
    parked(&pool, 3).await;
    sleep(ms(1_500)).await;
    (pool, day)
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_of_the_machine_everything_parked_is_checked_again() {
    let peers = Peers::new();
    let (pool, day) = days(&peers).await;
    day.leap(Duration::from_secs(9));
    sleep(ms(2_000)).await;
    day.set_back(Duration::from_secs(3_000));
    sleep(ms(2_000)).await;
    assert_eq!((doubts(&peers.net), peers.pings()), (vec![], vec![]));

    day.leap(Duration::from_secs(11));
    sleep(ms(1_100)).await;
    assert_eq!(doubts(&peers.net), [Doubt::Leap(Duration::from_secs(11))]);
    assert_eq!((peers.pings().len(), pool.snapshot().parked), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_comes_late_is_a_sleep_as_well() {
    let peers = Peers::new();
    let (pool, _day) = days(&peers).await;
    let before = peers.pings().len();
    advance(Duration::from_secs(9)).await;
    sleep(ms(100)).await;
    assert_eq!((doubts(&peers.net), peers.pings().len()), (vec![], before));
    advance(Duration::from_secs(12)).await;
    sleep(ms(100)).await;
    assert!(matches!(doubts(&peers.net)[..], [Doubt::Leap(_)]));
    assert_eq!(
        (peers.pings().len(), pool.snapshot().parked),
        (before + 3, 3)
    );
}
