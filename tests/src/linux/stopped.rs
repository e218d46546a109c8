//! A peer whose process is stopped: its kernel goes on acknowledging, so that no socket option
//! notices anything. Only a heartbeat does.

use std::net::Ipv4Addr;

use bowline_link::probing::Error;
use bowline_link::tcp::Dialer;
use bowline_policy::heartbeat::Death;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tower::ServiceExt;

use super::{heartbeat, noticed, redis, run};

// contract: heart-1, heart-2
#[test]
fn a_stopped_peer_is_noticed_by_the_heartbeat_and_never_by_the_kernel() {
    let Some(program) = redis::program() else {
        return;
    };
    let policy = heartbeat();
    let (redis, address) = redis::start(&[], &program, Ipv4Addr::LOCALHOST.into());
    run(async {
        let dialer = Dialer::new().silence(policy.silence_max());
        let dial = || dialer.clone().oneshot(address.into());
        let (mut link, stamp) = redis::probed(dial().await.unwrap(), policy);
        let mut unprobed = dial().await.unwrap();
        link.send("ECHO ahoy".into()).await.unwrap();
        assert_eq!(link.next().await.unwrap().unwrap(), "$4");
        assert_eq!(link.next().await.unwrap().unwrap(), "ahoy");

        redis.signal("STOP");
        let mut byte = [0];
        let end = tokio::select! {
            biased;
            end = unprobed.read(&mut byte) => panic!("the kernel noticed: {end:?}"),
            end = link.next() => end,
        };
        let after = Instant::now() - stamp.received_at();
        let Some(Err(Error::Dead(Death::Silence { .. }))) = end else {
            panic!("dead by silence, not {end:?}");
        };
        let bound = policy.silence_max() + policy.tick();
        noticed(
            "peer stopped",
            "heartbeat",
            after,
            bound,
            policy.silence_max(),
        );
    });
}
