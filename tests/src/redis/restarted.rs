//! A redis that is killed with no warning while everybody talks to it, and comes back.

use std::sync::Arc;

use bowline_link::tls;
use tower::ServiceExt;

use super::answers::Exchange;
use super::load::Load;
use super::server::Server;
use super::{Seen, example, run, settings, until};

const CALLERS: usize = 16;
const SESSIONS: usize = 4;
const KILLS: usize = 3;

/// How often each caller is served between two kills.
const EXCHANGES: usize = 20;

/// Kills and restarts `server` under load. Errors are forgiven from the kill until everybody
/// was served again, wrong answers never.
async fn kill_under_load(mut server: Server) {
    let seen = Arc::new(Seen::default());
    let pool = server.pool(settings(SESSIONS), &seen);
    let load = Load::start(&pool, CALLERS);
    load.served(EXCHANGES).await;
    assert_eq!(load.take_lost(), [""; 0], "before the first kill");
    for kill in 1..=KILLS {
        let dials_failed = seen.dials_failed();
        load.next_epoch();
        server.kill();
        until(async || seen.dials_failed() > dials_failed).await;
        server.restart();
        load.next_epoch();
        // The second one began when redis was there again.
        load.served(2).await;
        let _forgiven = load.take_lost();
        load.served(EXCHANGES).await;
        assert_eq!(load.take_lost(), [""; 0], "after kill {kill}");
    }
    let wrong = load.stop().await;
    assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
    let open = pool.snapshot().open;
    assert!(open <= SESSIONS, "{open} open");
    assert_eq!(seen.opened(), seen.closed().len() + open);
}

// contract: pool-3
#[test]
fn a_redis_killed_under_load_is_served_from_again_and_never_answers_wrongly() {
    let Some(server) = Server::start() else {
        return;
    };
    run(kill_under_load(server));
}

// contract: pool-3
#[test]
fn so_it_is_over_tls() {
    let Some(server) = Server::start_tls("127.0.0.1") else {
        return;
    };
    run(kill_under_load(server));
}

#[test]
fn over_tls_a_redis_is_known_by_the_name_it_was_called_by() {
    let Some(server) = Server::start_tls("localhost") else {
        return;
    };
    run(async {
        let by_name = server.endpoint_at("localhost");
        let mut session = server.connector().oneshot(by_name).await.unwrap();
        Exchange::new(11).echo(&mut session).await.unwrap();

        let refused = server.connector().oneshot(server.endpoint()).await;
        let refused = refused.err().expect("127.0.0.1 is not its name");
        let Some(tls::DialError::Handshake { source, .. }) = refused.downcast_ref() else {
            panic!("{refused:?}");
        };
        assert!(matches!(source, tls::Error::WrongName { .. }), "{source:?}");
    });
}

#[test]
fn the_example_talks_to_a_redis_and_says_why_it_cannot() {
    let (Some(plain), Some(tls)) = (Server::start(), Server::start_tls("127.0.0.1")) else {
        return;
    };
    let talk = async |server: &Server, ca: Option<&Server>| {
        let mut arguments = vec![server.endpoint().to_string()];
        if let Some(ca) = ca {
            let path = ca.ca().to_str().unwrap().to_owned();
            arguments.extend(["--tls".to_owned(), path]);
        }
        example::run(&arguments).await
    };
    let stranger = Server::start_tls("127.0.0.1").expect("there was one a moment ago");
    run(async {
        talk(&plain, None).await.unwrap();
        talk(&tls, Some(&tls)).await.unwrap();
        let error = talk(&tls, Some(&stranger)).await.unwrap_err();
        let told = example::whole(&*error);
        // Strangers may bear the name that we trust.
        let why = tls::Error::BadSignature.to_string();
        assert!(told.contains(&why), "{told}");
        let error = example::run(&["redis".to_owned()]).await.unwrap_err();
        assert!(error.to_string().contains("host:port"), "{error}");
    });
}
