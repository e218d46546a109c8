//! Sessions that nobody uses, when redis hangs up on them or falls silent.

use std::task::Poll;
use std::time::Duration;

use bowline_pool::{Death, Reuse};
use redis::Value;
use tokio::time::timeout;

use super::server::{Server, look, say};
use super::{run, until};

// contract: pool-8
#[test]
fn a_session_that_redis_ends_is_found_ended() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let mut side = server.session().await;
        let mut sessions = [server.session().await, server.session().await];
        for session in &mut sessions {
            assert_eq!(look(session), Poll::Pending);
        }
        let killed = say(&mut side, "CLIENT KILL TYPE normal SKIPME yes").await;
        assert_eq!(killed, Value::Int(2));
        for session in &mut sessions {
            until(async || look(session) == Poll::Ready(Death::Ended)).await;
        }
    });
}

// contract: pool-8
#[test]
fn a_session_whose_redis_is_stopped_leaves_its_ping_unanswered() {
    let Some(server) = Server::start() else {
        return;
    };
    run(async {
        let mut session = server.session().await;
        session.ping().expect("it has one").await.unwrap();
        assert!(session.is_settled());
        server.signal("STOP");
        let ping = session.ping().expect("it has one");
        timeout(Duration::from_millis(100), ping).await.unwrap_err();
        assert!(!session.is_settled());
    });
}
