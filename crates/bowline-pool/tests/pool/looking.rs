//! Whoever looks at a pool waits for nobody, whatever is stuck in it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::from_fn;
use bowline_pool::{Death, Event, InUse, Pool, Reuse, Settings, Suspend};
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Net, Streamed, endpoint, exactly, ms, settings};

/// Long enough for the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where code of an application can get stuck within a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Look,
    Settled,
    Drop,
    Event,
}

/// Holds a thread up at one spot until it is let go.
struct Trap {
    spot: Mutex<Option<Spot>>,
    caught: SyncSender<()>,
    let_go: Mutex<Receiver<()>>,
}

struct Link(Arc<Trap>);

// === impl Trap ===

impl Trap {
    fn pass(&self, spot: Spot) {
        let mut set = self.spot.lock().unwrap_or_else(PoisonError::into_inner);
        if *set == Some(spot) {
            *set = None;
            drop(set);
            self.caught.send(()).unwrap();
            let let_go = self.let_go.lock().unwrap();
            let_go.recv_timeout(PATIENCE).unwrap();
        }
    }
}

impl Reuse for Link {
    fn poll_closed(&mut self, _context: &mut Context<'_>) -> Poll<Death> {
        self.0.pass(Spot::Look);
        Poll::Pending
    }

    fn is_settled(&self) -> bool {
        self.0.pass(Spot::Settled);
        true
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.0.pass(Spot::Drop);
    }
}

/// Looks at a pool from a thread of its own; panics if that takes too long.
fn look<C: Reuse>(pool: &Pool<C>) -> String {
    let (told, tell) = sync_channel(1);
    let pool = pool.clone();
    let looking = thread::spawn(move || {
        let seen = format!("{pool:?} {:?}", pool.snapshot());
        told.send(seen).unwrap();
    });
    let seen = tell
        .recv_timeout(PATIENCE / 3)
        .expect("nobody waits to look");
    looking.join().unwrap();
    seen
}

#[test]
fn nobody_who_is_stuck_in_a_pool_keeps_others_from_looking() {
    for spot in [Spot::Look, Spot::Settled, Spot::Drop, Spot::Event] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let (caught, is_caught) = sync_channel(1);
        let (free, let_go) = sync_channel(1);
        let trap = Arc::new(Trap {
            spot: Mutex::new(None),
            caught,
            let_go: Mutex::new(let_go),
        });
        let link = Arc::clone(&trap);
        let connect = tower::service_fn(move |_: Endpoint| {
            let link = Link(Arc::clone(&link));
            async move { Ok::<_, std::io::Error>(link) }
        });
        let seen = Arc::clone(&trap);
        let observer = from_fn(move |_: &Event| seen.pass(Spot::Event));
        let day = Duration::from_secs(86_400);
        let settings = Settings::new(2, 1).unwrap().sweep_every(day).unwrap();
        let pool = runtime
            .block_on(async { Pool::observed(connect, endpoint(), settings, Arc::new(observer)) });
        runtime.block_on(async { drop(pool.checkout().await.unwrap()) });

        *trap.spot.lock().unwrap() = Some(spot);
        let caller = pool.clone();
        let stuck = thread::spawn(move || {
            // Looks, comes back settled, and is closed, which is an event.
            drop(caller.try_checkout().unwrap());
            caller.try_checkout().unwrap().discard();
        });
        is_caught.recv_timeout(PATIENCE).unwrap();
        assert!(look(&pool).contains("Snapshot"), "{spot:?}");
        free.send(()).unwrap();
        stuck.join().unwrap();
        pool.close();
        drop(runtime);
    }
}

/// Everything that can be told in one pool's life.
async fn life(net: &Net, pool: &Pool<Streamed>) {
    let held = pool.checkout().await.unwrap();
    sleep(ms(3_500)).await;
    let second = pool.checkout().await.unwrap();
    pool.checkout().await.unwrap_err();
    net.hang_up(second.get_ref().id);
    drop((held, second));
    drop(pool.checkout().await.unwrap());
    pool.suspend(Suspend::Fail);
    pool.resume();
    pool.clear(InUse::CallBack);
    pool.resize(1).unwrap();
    pool.set_settings(settings(2)).unwrap();
    net.answer(|| Answer::Refuse(ms(1)));
    pool.checkout().await.unwrap_err();
    net.answer(|| Answer::Accept(ms(1)));
    sleep(ms(5_000)).await;
    drop(pool.checkout().await.unwrap());
    pool.drain(Instant::now() + ms(100)).await;
}

#[test]
fn an_observer_may_look_at_the_pool_at_every_event() {
    let (done, is_done) = sync_channel(1);
    let watched = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let net = Net::new();
        let seen = runtime.block_on(async {
            let place: Arc<OnceLock<Pool<Streamed>>> = Arc::default();
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (pool, log) = (Arc::clone(&place), Arc::clone(&seen));
            let observer = from_fn(move |event: &Event| {
                if let Some(pool) = pool.get() {
                    let looked =
                        format!("{pool:?} {:?} {:?}", pool.snapshot(), pool.lent_for(ms(0)));
                    assert!(looked.contains("max"));
                    let name = format!("{event:?}");
                    let name = name.split([' ', '(']).next().unwrap_or_default().to_owned();
                    log.lock().unwrap().push(name);
                }
            });
            let limits = settings(2).lifetime(exactly(ms(2_000), ms(60_000)));
            let limits = limits.leak_after(ms(1_000)).unwrap();
            let pool = Pool::observed(net.streams(), endpoint(), limits, Arc::new(observer));
            place.set(pool.clone()).unwrap();
            life(&net, &pool).await;
            Arc::clone(&seen)
        });
        let seen = seen.lock().unwrap().clone();
        done.send(seen).unwrap();
    });
    let seen = is_done
        .recv_timeout(PATIENCE)
        .expect("nothing is held while events are told");
    watched.join().unwrap();
    for event in [
        "Opened",
        "Closed",
        "DialFailed",
        "Doubted",
        "Served",
        "TimedOut",
        "WarmedUp",
        "LeakSuspected",
        "Cleared",
        "Suspended",
        "Resumed",
        "SettingsChanged",
        "PoolClosed",
    ] {
        assert!(
            seen.iter().any(|name| name == event),
            "no {event} in {seen:?}"
        );
    }
}
