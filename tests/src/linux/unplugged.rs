//! A peer whose link is unplugged: nothing is refused, packets just vanish.

use bowline_link::probing::Error;
use bowline_link::tcp::Dialer;
use bowline_policy::heartbeat::Death;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tower::ServiceExt;

use super::{heartbeat, namespace, noticed, redis, run};

/// More than socket buffers hold of it at once.
const LINE: &[u8] = &[b'x'; 16 * 1024];

// contract: heart-2
#[test]
fn an_unplugged_peer_is_noticed_whether_we_write_or_not() {
    let Some((program, namespace)) = redis::program().zip(namespace(0)) else {
        return;
    };
    let policy = heartbeat();
    let (_redis, address) = redis::start(&namespace.prefix(), &program, namespace.far());
    run(async {
        let dial = || Dialer::new().oneshot(address.into());
        let (mut idle, idle_stamp) = redis::probed(dial().await.unwrap(), policy);
        let (mut busy, busy_stamp) = redis::probed(dial().await.unwrap(), policy);
        for link in [&mut idle, &mut busy] {
            link.send("ECHO ahoy".into()).await.unwrap();
            assert_eq!(link.next().await.unwrap().unwrap(), "$4");
        }
        namespace.unplug().unwrap();

        let bound = policy.silence_max() + policy.tick();
        let (mut write, mut read) = busy.split();
        let flood = async move {
            // Until it is dead, or for ever in a send that takes no more.
            while write.send(Bytes::from_static(LINE)).await.is_ok() {}
        };
        let idle_end = async {
            let end = last(&mut idle).await;
            (end, Instant::now() - idle_stamp.received_at())
        };
        let busy_end = async {
            let end = last(&mut read).await;
            (end, Instant::now() - busy_stamp.received_at())
        };
        let mut ends = tokio::task::JoinSet::new();
        let _flood = ends.spawn(flood);
        let (idle_end, busy_end) = futures_util::future::join(idle_end, busy_end).await;
        for (what, (end, after)) in [
            ("link unplugged, idle", idle_end),
            ("link unplugged, send buffer full", busy_end),
        ] {
            assert!(
                matches!(end, Error::Dead(Death::Silence { .. })),
                "{what}: {end:?}"
            );
            noticed(what, "heartbeat", after, bound, policy.silence_max());
        }
    });
}

/// How a link ends, whatever it says before.
async fn last<S>(link: &mut S) -> Error<bowline_link::codec::Error>
where
    S: futures_util::Stream<Item = Result<Bytes, Error<bowline_link::codec::Error>>> + Unpin,
{
    loop {
        match link.next().await {
            Some(Ok(_line)) => {}
            Some(Err(error)) => return error,
            None => panic!("the link ended in good order"),
        }
    }
}

// contract: link-3
#[test]
fn the_kernel_gives_up_unacknowledged_data_only_where_it_was_told_when() {
    let Some((program, namespace)) = redis::program().zip(namespace(1)) else {
        return;
    };
    let allowed = heartbeat().silence_max();
    let (_redis, address) = redis::start(&namespace.prefix(), &program, namespace.far());
    run(async {
        let mut told = Dialer::new()
            .silence(allowed)
            .oneshot(address.into())
            .await
            .unwrap();
        let mut untold = Dialer::new().oneshot(address.into()).await.unwrap();
        namespace.unplug().unwrap();
        let unplugged_at = Instant::now();
        for stream in [&mut told, &mut untold] {
            stream.write_all(b"PING\n").await.unwrap();
        }
        let mut bytes = ([0], [0]);
        let end = tokio::select! {
            biased;
            end = untold.read(&mut bytes.0) => panic!("gave up untold: {end:?}"),
            end = told.read(&mut bytes.1) => end,
        };
        let after = Instant::now() - unplugged_at;
        assert_eq!(end.unwrap_err().kind(), ErrorKind::TimedOut);
        noticed(
            "unacknowledged data",
            "TCP_USER_TIMEOUT",
            after,
            allowed,
            allowed,
        );
        println!(
            "{:<42} {:<22} not yet by then (tcp_retries2: a quarter of an hour)",
            "unacknowledged data", "the kernel, untold"
        );
    });
}
