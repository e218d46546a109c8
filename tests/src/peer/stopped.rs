//! A peer whose process is stopped: its kernel goes on shaking hands and acknowledging, so only
//! the heartbeat notices.

use std::time::Duration;

use bowline_policy::heartbeat::Fixed;
use bowline_reconnect::{ConnectTimeout, Kind, Sent, Step};

use super::load::{Load, compare, told};
use super::process::Peer;
use super::seen::silence;
use super::{BASE, Rig, rig, run, until};

const CALLERS: usize = 8;

/// Dead after two seconds at most.
fn watchful() -> Fixed {
    Fixed::new(Duration::from_secs(1), Duration::from_millis(500), 2).unwrap()
}

/// Stops the peer, and waits until the link has noticed by its heartbeat, neither otherwise nor
/// too early.
async fn stop(peer: &Peer, rig: &Rig) {
    let deaths = rig.seen.deaths().len();
    peer.signal("STOP");
    until(|| rig.seen.deaths().len() > deaths).await;
    let death = &rig.seen.deaths()[deaths];
    let (silent, allowed) = silence(&**death).expect("the heartbeat noticed, not the kernel");
    assert_eq!(allowed, watchful().silence_max());
    assert!(
        silent >= allowed,
        "given up after {silent:?} of {allowed:?}"
    );
}

// contract: heart-1, again-2, again-4
#[test]
fn a_peer_stopped_amid_traffic_ends_all_calls_and_is_called_until_it_goes_on() {
    run(async {
        let peer = Peer::start().await;
        let limit = Duration::from_millis(400);
        let rig = rig(&[&peer], watchful(), |link| {
            link.connect_timeout(limit).failfast_after(limit)
        });
        let load = Load::start(&rig.link, CALLERS);
        load.answered(100).await;
        stop(&peer, &rig).await;

        // Its kernel takes the calls; nobody says welcome.
        let error = rig.waiting(3).await;
        let timeout = error.downcast_ref::<ConnectTimeout>();
        let timeout = timeout.unwrap_or_else(|| panic!("{error:?}"));
        assert_eq!((timeout.limit, timeout.step), (limit, Step::Session));

        peer.signal("CONT");
        rig.up_after(1).await;
        load.answered(100).await;
        let calls = load.stop().await;
        compare(&calls, &peer.log());
        assert!(
            told(&calls, Kind::Lost, Sent::Maybe) >= CALLERS,
            "each had a call under way"
        );
        assert!(
            told(&calls, Kind::Unavailable, Sent::No) > 0,
            "nobody had to wait"
        );
        assert_eq!(rig.tally.most(), 1, "two connections at once");
        assert!(peer.accepts() <= rig.seen.attempts());
    });
}

// contract: again-3, again-6
#[test]
fn a_peer_stopped_while_idle_is_left_for_its_standby_before_anybody_calls() {
    run(async {
        let (peer, standby) = (Peer::start().await, Peer::start().await);
        let rig = rig(&[&peer, &standby], watchful(), |link| link);
        rig.up_after(0).await;
        stop(&peer, &rig).await;
        rig.up_after(1).await;
        let called = [peer.endpoint(), standby.endpoint()];
        assert_eq!(rig.seen.called()[..2], called);
        // One wait, and a short one, as the peer was silent and did not turn us away.
        let (attempt, wait) = rig.seen.waits()[0];
        assert!(wait <= BASE, "before attempt {attempt}: {wait:?}");
        assert_eq!((peer.accepts(), rig.tally.most()), (1, 1));
        assert_eq!(rig.call("do 1").await.unwrap(), "done 1");
    });
}
