//! Callers that leave in the middle of a command. Its answer still comes; nobody else may get it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bowline_pool::{CloseReason, Death, Pool, Reuse};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;
use redis::{Cmd, Value, cmd, pipe};
use tokio::task::JoinSet;

use super::answers::{Exchange, Fault};
use super::example::session::Session;
use super::server::{Server, command, look, say};
use super::{Seen, run, settings, until};

const CALLERS: u64 = 8;
const SESSIONS: usize = 4;

/// How many commands have to be interrupted.
const INTERRUPTIONS: usize = 1_000;

/// After how many waits at most somebody leaves: a whole exchange has up to seven.
const WAITS: u32 = 8;

/// How many turns others get at most meanwhile: enough for a command to be sent, for redis
/// to answer, and for the answer to be read.
const TURNS: u32 = 12;

/// Lets `work` wait so many times, and drops it in the wait after those, some turns of its
/// task later.
async fn cut<F: Future>(mut waits: u32, mut turns: u32, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        match (waits, turns) {
            (0, 0) => return Poll::Ready(None),
            (0, _) => {
                turns -= 1;
                context.waker().wake_by_ref();
            }
            _ => waits -= 1,
        }
        Poll::Pending
    })
    .await
}

/// What the pool has to close, counted by those who made it so.
#[derive(Debug, Default)]
struct Tally {
    interrupted: AtomicUsize,
    /// Finished, but by hand: what was left behind is not the session's to know.
    by_hand: AtomicUsize,
    whole: AtomicUsize,
}

/// A command under way: interrupted, unless it is told otherwise.
struct UnderWay<'a> {
    ends_as: &'a AtomicUsize,
}

// === impl UnderWay ===

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.ends_as.fetch_add(1, Ordering::SeqCst);
    }
}

// === impl Tally ===

impl Tally {
    /// One of five kinds of work, on one loan.
    async fn work(&self, redis: &mut Session, number: i64) -> Result<(), Fault> {
        let exchange = Exchange::new(number);
        let never: &(dyn Fn() -> bool + Sync) = &|| false;
        let mut under_way = UnderWay {
            ends_as: &self.interrupted,
        };
        match number % 5 {
            0 => exchange.echo(redis).await?,
            1 => {
                exchange.set(redis).await?;
                exchange.get(redis, never).await?;
            }
            2 => {
                exchange.count(redis).await?;
                exchange.count_on(redis, never).await?;
            }
            3 => {
                exchange.count(redis).await?;
                exchange.count_on(redis, never).await?;
                exchange.together(redis, never).await?;
            }
            _ => {
                exchange.by_hand(redis).await?;
                under_way.ends_as = &self.by_hand;
                return Ok(());
            }
        }
        under_way.ends_as = &self.whole;
        Ok(())
    }
}

async fn call(pool: Pool<Session>, tally: Arc<Tally>, caller: u64) -> Result<(), Fault> {
    let mut chance = Pcg64::new(u128::from(caller), 1);
    let first = (i64::try_from(caller).unwrap() + 1) * 10_000_000;
    for number in first.. {
        if tally.interrupted.load(Ordering::SeqCst) >= INTERRUPTIONS {
            break;
        }
        let (waits, turns) = (chance.next_u32() % WAITS, chance.next_u32() % TURNS);
        let work = pool.run(async |redis| tally.work(redis, number).await);
        if let Some(ended) = cut(waits, turns, work).await {
            ended?;
        }
    }
    // Nobody leaves any more, and what the others left must not be found.
    for number in first + 1_000_000..first + 1_000_020 {
        Exchange::new(number).whole(&pool, &|| false).await?;
    }
    Ok(())
}

// contract: pool-2, pool-3
#[test]
fn a_command_dropped_midway_closes_its_session_and_answers_nobody_else() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let seen = Arc::new(Seen::default());
        let pool = server.pool(settings(SESSIONS), &seen);
        let tally = Arc::new(Tally::default());
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            callers.spawn(call(pool.clone(), Arc::clone(&tally), caller));
        }
        while let Some(ended) = callers.join_next().await {
            ended.unwrap().unwrap();
        }
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        let closed = seen.closed();
        // Neither more nor fewer: all others were fit for the next caller.
        let expected = count(&tally.interrupted) + count(&tally.by_hand);
        assert!(closed.iter().all(|reason| *reason == CloseReason::Dirty));
        assert_eq!(closed.len(), expected, "{tally:?}");
        assert!(count(&tally.whole) > INTERRUPTIONS / 10, "{tally:?}");
        let open = pool.snapshot().open;
        assert!(open <= SESSIONS, "{open} open");
        assert_eq!(seen.opened(), closed.len() + open);
    });
}

/// Until `count` clients of redis are blocked, as a session beside them is told.
async fn blocked(side: &mut Session, count: usize) {
    let line = format!("blocked_clients:{count}\r\n");
    until(async || match say(side, "INFO clients").await {
        Value::BulkString(info) => String::from_utf8(info).unwrap().contains(&line),
        other => panic!("{other:?}"),
    })
    .await;
}

/// Asks for what never comes, and leaves once redis waits for it too.
async fn leave_blocked(side: &mut Session, pop: impl Future<Output = Result<Value, Fault>>) {
    tokio::select! {
        biased;
        answer = pop => panic!("{answer:?}"),
        () = blocked(side, 1) => {}
    }
}

async fn pop(redis: &mut Session) -> Result<Value, Fault> {
    let pop = cmd("BLPOP").arg("list").arg(0).take();
    Ok(pop.query_async(redis).await?)
}

// contract: pool-3
#[test]
fn whoever_stops_waiting_for_a_blocked_command_blocks_nobody_else() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let seen = Arc::new(Seen::default());
        let pool = server.pool(settings(1), &seen);
        let mut side = server.session().await;
        leave_blocked(&mut side, pool.run(pop)).await;
        let exchange = Exchange::new(11);
        exchange.whole(&pool, &|| false).await.unwrap();
        assert_eq!(seen.closed(), [CloseReason::Dirty]);
        assert_eq!(seen.opened(), 2);
        blocked(&mut side, 0).await;
    });
}

// contract: pool-3
#[test]
fn an_answer_for_somebody_who_left_is_found_unread() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let mut session = server.session().await;
        let mut side = server.session().await;
        leave_blocked(&mut side, pop(&mut session)).await;
        assert!(!session.is_settled());
        assert_eq!(look(&mut session), Poll::Pending);
        say(&mut side, "RPUSH list late").await;
        until(async || look(&mut session) == Poll::Ready(Death::Unread)).await;
    });
}

// contract: pool-3
#[test]
fn a_session_that_was_altered_serves_nobody_else() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let seen = Arc::new(Seen::default());
        let pool = server.pool(settings(1), &seen);
        let mut silent = cmd("PING");
        silent.set_no_response(true);
        let altering = [
            "SELECT 1",
            "multi",
            "WATCH list",
            "CLIENT SETNAME x",
            "Hello 2",
        ];
        let mut altering: Vec<Cmd> = altering.map(command).into();
        altering.push(silent);
        for (nth, command) in altering.iter().enumerate() {
            let asked = pool.run(async |redis| {
                let asked = command.query_async::<Value>(redis).await;
                asked.map_err(Fault::from)
            });
            asked.await.unwrap();
            assert_eq!(seen.closed(), vec![CloseReason::Dirty; nth + 1]);
        }
        let mut piped = pipe();
        piped.cmd("PING").cmd("SELECT").arg(1);
        let asked = pool.run(async |redis| {
            let asked = piped.query_async::<Vec<Value>>(redis).await;
            asked.map_err(Fault::from)
        });
        asked.await.unwrap();
        assert_eq!(seen.closed().len(), altering.len() + 1);
    });
}

#[test]
fn an_error_that_redis_answers_is_an_answer_and_keeps_the_session() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let seen = Arc::new(Seen::default());
        let pool = server.pool(settings(1), &seen);
        let error = pool.run(async |redis| {
            Exchange::new(11).set(redis).await?;
            let wrong = cmd("INCR").arg("key:11").take();
            wrong.query_async::<Value>(redis).await.map_err(Fault::from)
        });
        assert!(matches!(error.await, Err(Fault::Wrong(_))));
        Exchange::new(12).whole(&pool, &|| false).await.unwrap();
        assert_eq!((seen.opened(), seen.closed().len()), (1, 0));
    });
}
