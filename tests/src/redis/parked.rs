//! Sessions that nobody uses, when redis hangs up on them or falls silent: the pool finds out
//! by itself, and whoever comes next is served by others.

use std::sync::Arc;
use std::time::Duration;

use bowline_pool::{CheckError, CloseReason, Death, Event, Pool, Reuse, Settings};
use redis::Value;
use tokio::time::timeout;

use super::answers::Exchange;
use super::example::session::Session;
use super::server::{Server, say};
use super::{Seen, run, settings, until};

const SESSIONS: usize = 3;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(60 * 60);

/// How long redis may take to answer a ping, and how long a session may be parked without.
const ANSWER: Duration = Duration::from_secs(2);
const PING: Duration = Duration::from_secs(2);

/// A pool with as many sessions as may be, all of them parked.
async fn parked(server: &Server, settings: Settings, seen: &Arc<Seen>) -> Pool<Session> {
    let pool = server.pool(settings, seen);
    let mut lent = Vec::new();
    for _ in 0..SESSIONS {
        lent.push(pool.checkout().await.unwrap());
    }
    drop(lent);
    assert_eq!((seen.opened(), seen.closed().len()), (SESSIONS, 0));
    pool
}

/// Serves somebody by a session that is new.
async fn serves_anew(pool: &Pool<Session>, seen: &Seen) {
    let opened = seen.opened();
    let exchange = Exchange::new(11);
    pool.run(async |redis| exchange.echo(redis).await)
        .await
        .unwrap();
    assert_eq!(seen.opened(), opened + 1);
}

async fn end_parked_sessions(server: Server) {
    let seen = Arc::new(Seen::default());
    let mut side = server.session().await;
    let settings = settings(SESSIONS).ping_every(NEVER).unwrap();
    let pool = parked(&server, settings, &seen).await;
    let killed = say(&mut side, "CLIENT KILL TYPE normal SKIPME yes").await;
    assert_eq!(killed, Value::Int(3));
    until(async || seen.closed().len() == SESSIONS).await;
    // Once one was found dead the others are asked, and may be found so by that.
    let closed = seen.closed();
    assert_eq!(closed[0], CloseReason::Dead(Death::Ended), "{closed:?}");
    for reason in closed {
        let ended = CloseReason::Dead(Death::Ended);
        assert!(reason == ended || reason == CloseReason::Unproved);
    }
    assert_eq!(pool.snapshot().open, 0);
    serves_anew(&pool, &seen).await;
}

// contract: pool-8
#[test]
fn parked_sessions_that_redis_ends_are_noticed_while_nobody_asks_for_one() {
    let Some(server) = Server::start() else {
        return;
    };
    run(end_parked_sessions(server));
}

// contract: pool-8
#[test]
fn over_tls_they_are_noticed_as_well() {
    let Some(server) = Server::start_tls("127.0.0.1") else {
        return;
    };
    run(end_parked_sessions(server));
}

// contract: pool-8
#[test]
fn a_redis_that_is_stopped_is_noticed_by_the_pings_while_nobody_asks_for_a_session() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let seen = Arc::new(Seen::default());
        let settings = settings(SESSIONS).check_limit(ANSWER).unwrap();
        let settings = settings.ping_every(PING).unwrap();
        let pool = parked(&server, settings, &seen).await;
        until(async || seen.count(|event| matches!(event, Event::Pinged { .. })) >= SESSIONS).await;
        assert_eq!(seen.closed(), []);
        server.signal("STOP");
        until(async || seen.closed().len() == SESSIONS).await;
        assert_eq!(seen.closed(), [CloseReason::Unproved; SESSIONS]);
        let silent = |event: &Event| match event {
            Event::CheckFailed { error, .. } => matches!(error, CheckError::TimedOut { .. }),
            _ => false,
        };
        assert_eq!(seen.count(silent), SESSIONS);
        assert_eq!(pool.snapshot().open, 0);
        server.signal("CONT");
        serves_anew(&pool, &seen).await;
    });
}

#[test]
fn a_ping_that_was_given_up_leaves_its_session_unsettled() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let mut session = server.session().await;
        drop(session.ping().expect("it has one"));
        assert!(session.is_settled(), "asked whether it has one, no more");
        session.ping().expect("it has one").await.unwrap();
        assert!(session.is_settled());
        server.signal("STOP");
        let ping = session.ping().expect("it has one");
        timeout(Duration::from_millis(100), ping).await.unwrap_err();
        assert!(!session.is_settled());
    });
}
