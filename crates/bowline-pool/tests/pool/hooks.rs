//! What an application does with each connection, and what it breaks by that.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline_link::BoxError;
use bowline_pool::{CheckError, CloseReason, DialError, Event, Pool, Reuse};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use crate::session::{Peers, Session};
use crate::world::{ms, settings};

const LIMIT: Duration = Duration::from_millis(400);

/// How a hook ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Well,
    Error,
    Panic,
    /// Before there is a future.
    PanicAtOnce,
    Hang,
    /// It says that all is well, and has shut the stream down.
    ShutDown,
}

type Hooked<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

fn hook(fate: Fate, session: &mut Session) -> Hooked<'_> {
    assert_ne!(fate, Fate::PanicAtOnce, "a hook may be broken");
    Box::pin(async move {
        match fate {
            Fate::Well => session.raw.write_all(b"hello").await?,
            Fate::Error => return Err("not this one".into()),
            Fate::Hang => pending().await,
            Fate::ShutDown => session.raw.shutdown().await?,
            Fate::Panic | Fate::PanicAtOnce => panic!("a hook may be broken"),
        }
        Ok(())
    })
}

fn greeted_by(peers: &Peers, fates: impl FnMut() -> Fate + Send + 'static) -> Pool<Session> {
    let fates = std::sync::Mutex::new(fates);
    let builder = peers.builder(settings(1).connect_limit(LIMIT).unwrap());
    let builder = builder.on_connect(move |session| {
        let fate = (fates.lock().unwrap())();
        hook(fate, session)
    });
    builder.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_hook_on_connect_that_fails_fails_the_dial() {
    type Expected = fn(&DialError) -> bool;
    let cases: [(Fate, Expected); 4] = [
        (Fate::Error, |error| {
            matches!(error, DialError::Unfit { .. })
        }),
        (Fate::Panic, |error| {
            matches!(error, DialError::Panicked { .. })
        }),
        (Fate::PanicAtOnce, |error| {
            matches!(error, DialError::Panicked { .. })
        }),
        (Fate::Hang, |error| {
            matches!(error, DialError::TimedOut { limit: LIMIT, .. })
        }),
    ];
    for (fate, expected) in cases {
        let peers = Peers::new();
        let mut first = true;
        let pool = greeted_by(&peers, move || match std::mem::take(&mut first) {
            true => fate,
            false => Fate::Well,
        });
        let conn = pool.checkout().await.unwrap();
        assert_eq!(conn.number(), 1, "{fate:?}: the first was not handed out");
        assert_eq!(peers.net.live(), 1, "{fate:?}: and closed");
        let failed = peers
            .net
            .events()
            .into_iter()
            .find_map(|event| match event {
                Event::DialFailed { error, .. } => Some(error),
                _ => None,
            });
        assert!(expected(&failed.unwrap()), "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_on_connect_leaves_the_connection_settled() {
    let peers = Peers::new();
    let pool = greeted_by(&peers, || Fate::Well);
    let conn = pool.checkout().await.unwrap();
    assert!(conn.is_settled());
    drop(conn);
    assert_eq!(peers.net.reasons(), []);
}

/// A pool of two in which both connections are parked, and whose hook on
/// return meets this fate from then on.
async fn returned_to(peers: &Peers, fate: Fate, runs: &Arc<AtomicUsize>) -> Pool<Session> {
    let runs = Arc::clone(runs);
    let builder = peers.builder(settings(2).check_limit(LIMIT).unwrap());
    let builder = builder.on_return(move |session| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        hook(if run < 2 { Fate::Well } else { fate }, session)
    });
    let pool = builder.build().unwrap();
    let held = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    drop(held);
    sleep(ms(1)).await;
    assert_eq!(pool.snapshot().parked, 2);
    pool
}

#[tokio::test(start_paused = true)]
async fn a_hook_on_return_that_fails_closes_and_holds_nobody_up() {
    type Expected = fn(&CheckError) -> bool;
    let cases: [(Fate, Expected); 5] = [
        (Fate::Error, |error| {
            matches!(error, CheckError::Failed { .. })
        }),
        (Fate::Panic, |error| matches!(error, CheckError::Panicked)),
        (Fate::PanicAtOnce, |error| {
            matches!(error, CheckError::Panicked)
        }),
        (Fate::Hang, |error| {
            matches!(error, CheckError::TimedOut { limit: LIMIT })
        }),
        (Fate::ShutDown, |error| {
            matches!(error, CheckError::LeftUnfit)
        }),
    ];
    for (fate, expected) in cases {
        let peers = Peers::new();
        let runs = Arc::default();
        let pool = returned_to(&peers, fate, &runs).await;
        let begun = Instant::now();
        let first = pool.checkout().await.unwrap();
        let bad = first.number();
        drop(first);
        let other = pool.checkout().await.unwrap();
        assert_ne!(other.number(), bad, "{fate:?}");
        assert_eq!(
            Instant::now(),
            begun,
            "{fate:?}: served meanwhile by another"
        );

        sleep(LIMIT + ms(1)).await;
        assert_eq!(peers.net.reasons(), [CloseReason::Unproved], "{fate:?}");
        let failures = peers.failures();
        assert!(expected(&failures[0]), "{fate:?}: {failures:?}");
        assert_eq!(runs.load(Ordering::SeqCst), 3, "{fate:?}");
        assert_eq!((peers.net.live(), pool.snapshot().open), (1, 1), "{fate:?}");
        let third = pool.checkout().await.unwrap();
        assert_eq!(third.number(), 2, "{fate:?}: the pool goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_on_return_settles_what_it_touched_and_sees_nothing_dirty() {
    let peers = Peers::new();
    let runs = Arc::default();
    let pool = returned_to(&peers, Fate::Well, &runs).await;
    let mut conn = pool.checkout().await.unwrap();
    conn.raw.write_all(b"half a request").await.unwrap();
    drop(conn);
    sleep(ms(1)).await;
    assert_eq!(peers.net.reasons(), [CloseReason::Dirty]);
    assert_eq!(
        runs.load(Ordering::SeqCst),
        2,
        "not for what is closed anyway"
    );
    drop(pool.checkout().await.unwrap());
    sleep(ms(1)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert_eq!((pool.snapshot().parked, peers.net.live()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_caller_in_line_gets_what_the_hook_on_return_let_pass() {
    let peers = Peers::new();
    let builder = peers.builder(settings(1).check_limit(LIMIT).unwrap());
    let builder = builder.on_return(|_| {
        Box::pin(async {
            sleep(ms(7)).await;
            Ok(())
        })
    });
    let pool = builder.build().unwrap();
    let held = pool.checkout().await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().number() });
    sleep(ms(1)).await;
    let begun = Instant::now();
    drop(held);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 0);
    assert_eq!(Instant::now() - begun, ms(7));
}
