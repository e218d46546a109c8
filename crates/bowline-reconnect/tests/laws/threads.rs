//! What no paused clock shows: callers and the driver on threads of their own.
//! Nothing here depends on how long anything takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bowline_policy::backoff::{HintLimits, Schedule};
use bowline_reconnect::{Hint, Reconnect, State};
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Peer, Wire, ms, secs};

const MOVES: u64 = 200;
const CALLERS: usize = 6;

/// Calls until told to stop, and says how often.
async fn caller(mut link: Reconnect<Wire>, stop: Arc<AtomicBool>) -> usize {
    let mut calls = 0;
    while !stop.load(Ordering::SeqCst) {
        let number = link.ready().await.unwrap().call("hello").await;
        number.unwrap_or_else(|error| panic!("call {calls}: {error:?}"));
        calls += 1;
        yield_now().await;
    }
    calls
}

// contract: again-2
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_call_fails_or_hangs_while_connections_are_replaced_under_it() {
    let peer = Peer::new(Dial::Accept).latency(ms(0));
    let limits = HintLimits::new(ms(1), ms(2)).unwrap();
    // A peer that sends us away all the time would else be called ever less often.
    let schedule = Schedule::exponential(ms(1), ms(2)).unwrap();
    let link = peer.link_with(schedule).hints(limits).build();
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(caller(link.clone(), Arc::clone(&stop)));
    }
    let moving = async {
        let mut state = link.state();
        for moves in 1..=MOVES {
            let up = |state: &State| matches!(state, State::Ready { epoch, .. } if *epoch >= moves);
            state.wait_for(up).await.unwrap();
            peer.go(&Hint::default().retry_after(ms(1)));
        }
    };
    timeout(secs(60), moving).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    let calls = timeout(secs(60), callers.join_all()).await.unwrap();
    assert!(calls.iter().all(|calls| *calls > 0), "{calls:?}");
    assert_eq!(
        timeout(secs(60), link.close_within(secs(60)))
            .await
            .unwrap(),
        0
    );
}
