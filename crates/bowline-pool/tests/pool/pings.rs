//! Proof of life for what is parked, and what is no proof.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_pool::{CheckError, CloseReason, Event, Pool, Settings};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, advance, sleep};

use crate::session::{Manner, Peers, parked, poll_once};
use crate::world::{AGE, Net, endpoint, exactly, ms, settings};

const SWEEP: Duration = Duration::from_secs(1);
/// No multiple of a sweep, which would hide a ping that comes one too late.
const PING: Duration = Duration::from_millis(4_500);
const CHECK: Duration = Duration::from_millis(500);

fn pinging(max: usize) -> Settings {
    let settings = settings(max).lifetime(exactly(AGE, AGE));
    let settings = settings.check_limit(CHECK).unwrap();
    settings.ping_every(PING).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_is_pinged_in_time_and_no_oftener() {
    for (count, checking) in [(6, 2), (40, 1)] {
        let peers = Peers::new();
        let pool = peers.pool(pinging(count).max_checking(checking).unwrap());
        parked(&pool, count).await;
        sleep(Duration::from_secs(60)).await;
        let mut pings: BTreeMap<usize, Vec<Instant>> = BTreeMap::new();
        for (id, at) in peers.pings() {
            pings.entry(id).or_default().push(at);
        }
        assert_eq!(pings.len(), count);
        for (id, at) in pings {
            for pair in at.windows(2) {
                let apart = pair[1] - pair[0];
                // The answers of all the others may stand before it.
                assert!(apart <= PING + ms(50), "{id}: {apart:?}");
                assert!(apart >= PING - PING / 4 - SWEEP, "{id}: {apart:?}");
            }
            assert!(Instant::now() - at[at.len() - 1] <= PING);
        }
        assert_eq!((peers.net.live(), peers.net.opened()), (count, count));
        assert_eq!(peers.pinging_peak(), checking);
    }
}

// contract: pool-8
#[tokio::test(start_paused = true)]
async fn silence_is_noticed_within_the_interval_and_one_limit_for_each_round() {
    for (count, checking, rounds) in [(1, 4, 1), (4, 4, 1), (10, 3, 4), (7, 1, 7)] {
        for phase in 0..8 {
            let peers = Peers::new();
            let pool = peers.pool(pinging(count).max_checking(checking).unwrap());
            parked(&pool, count).await;
            sleep(Duration::from_secs(10) + ms(phase * 531)).await;
            peers.treat(Manner::Silence);
            sleep(PING + CHECK * rounds).await;
            let left = peers.net.live();
            assert_eq!(left, 0, "{count} by {checking}, phase {phase}");
            assert_eq!(peers.net.reasons(), vec![CloseReason::Unproved; count]);
            assert_eq!(pool.snapshot().open, 0);
        }
    }
}

// contract: pool-8
#[tokio::test(start_paused = true)]
async fn a_bad_answer_fails_the_check_and_says_why() {
    type Expected = fn(&CheckError) -> bool;
    let cases: [(Manner, Expected); 8] = [
        (Manner::Silence, |error| {
            matches!(error, CheckError::TimedOut { limit: CHECK })
        }),
        (Manner::Endless, |error| {
            matches!(error, CheckError::TimedOut { limit: CHECK })
        }),
        (Manner::Garbage, |error| match error {
            CheckError::Failed { source } => source.to_string() == "whatever is no answer",
            _ => false,
        }),
        (Manner::HangUp, |error| {
            matches!(error, CheckError::Failed { .. })
        }),
        (Manner::Chatter, |error| {
            matches!(error, CheckError::LeftUnfit)
        }),
        (Manner::Unsettled, |error| {
            matches!(error, CheckError::LeftUnfit)
        }),
        (Manner::Panic, |error| matches!(error, CheckError::Panicked)),
        (Manner::PanicAtOnce, |error| {
            matches!(error, CheckError::Panicked)
        }),
    ];
    for (manner, expected) in cases {
        let peers = Peers::new();
        let pool = peers.pool(pinging(1));
        parked(&pool, 1).await;
        peers.treat(manner);
        sleep(PING + CHECK).await;
        let failures = peers.failures();
        assert!(
            failures.len() == 1 && expected(&failures[0]),
            "{manner:?}: {failures:?}"
        );
        assert_eq!(peers.net.reasons(), [CloseReason::Unproved], "{manner:?}");
        assert_eq!(peers.net.live(), 0, "{manner:?}");

        peers.treat(Manner::Answer(ms(1)));
        let conn = pool.checkout().await.unwrap();
        assert_eq!(conn.number(), 1, "{manner:?}: the pool goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_whose_ping_cannot_even_be_asked_for_fails_its_dials() {
    let peers = Peers::new();
    peers.treat(Manner::PanicAtOnce);
    let pool = peers.pool(pinging(1));
    let error = pool.checkout().await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    assert!(!pool.snapshot().is_closed());
}

#[tokio::test(start_paused = true)]
async fn what_is_being_pinged_is_nobodys_and_holds_nobody_up() {
    let peers = Peers::new();
    let pool = peers.pool(pinging(2));
    parked(&pool, 1).await;
    peers.treat(Manner::Answer(ms(300)));
    while pool.snapshot().checking == 0 {
        sleep(ms(10)).await;
    }
    let begun = Instant::now();
    let conn = pool.checkout().await.unwrap();
    assert_eq!((conn.number(), Instant::now() - begun), (1, ms(50)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lent_unproved_beyond_the_bypass_window() {
    let window = ms(2_500);
    let every = Duration::from_secs(100);
    let settings = |max| {
        let settings = pinging(max).bypass_window(window).unwrap();
        settings.ping_every(every).unwrap()
    };
    let peers = Peers::new();
    let pool = peers.pool(settings(2));
    parked(&pool, 1).await;
    sleep(window - ms(1)).await;
    assert!(poll_once(pool.checkout()).await.is_some(), "just proved");
    sleep(window - ms(1)).await;
    drop(pool.try_checkout().unwrap());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        peers.pings(),
        [],
        "the window asks for no ping of what nobody wants"
    );

    let begun = Instant::now();
    let conn = pool.checkout().await.unwrap();
    assert_eq!((conn.number(), Instant::now() - begun), (0, ms(1)));
    assert_eq!(peers.pings(), [(0, begun)]);
    drop(conn);

    sleep(window).await;
    peers.treat(Manner::Silence);
    let begun = Instant::now();
    sleep(ms(60)).await;
    let _held = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    assert!(Instant::now() - begun < CHECK * 2 + ms(200));
    assert!(peers.net.reasons().contains(&CloseReason::Unproved));
}

// contract: pool-3, pool-8
#[tokio::test(start_paused = true)]
async fn an_end_beyond_the_bypass_window_is_noticed_by_the_sweep() {
    let peers = Peers::new();
    let pool = peers.pool(pinging(2).bypass_window(SWEEP / 2).unwrap());
    parked(&pool, 2).await;
    sleep(SWEEP * 2).await;
    peers.net.reset(0);
    sleep(SWEEP).await;
    let dead = CloseReason::Dead(bowline_pool::Death::Failed);
    assert_eq!(peers.net.reasons(), [dead]);
}

#[tokio::test(start_paused = true)]
async fn a_raw_stream_is_pinged_as_told_and_settled_by_that() {
    for works in [true, false] {
        let net = Net::new();
        let streams = net.streams().pinged_by(move |wire| {
            Box::pin(async move {
                wire.write_all(b"?").await?;
                match works {
                    true => Ok(()),
                    false => Err("no answer worth the name".into()),
                }
            })
        });
        let pool = Pool::observed(streams, endpoint(), pinging(1), net.log());
        drop(pool.checkout().await.unwrap());
        advance(PING - PING / 4 - SWEEP).await;
        sleep(PING).await;
        let pinged = |event: &Event| matches!(event, Event::Pinged { .. });
        assert_eq!(net.events().iter().any(pinged), works);
        assert_eq!(pool.snapshot().parked, usize::from(works));
    }
}
