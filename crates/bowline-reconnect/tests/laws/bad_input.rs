//! What nobody meant to say: a list with nobody on it, names without an address, a wait without
//! an end. Each is refused, or bounded and in sight.

use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bowline_link::discovery::{InvalidTargets, Refresh, Refreshing, Resolved, Targets};
use bowline_link::{BoxError, Endpoint, Resolve, tcp};
use bowline_policy::backoff::{HintLimits, Maker};
use bowline_reconnect::{Hint, Kind, Reconnect, Sent, State, TurnedAway};
use rand_pcg::Pcg64;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, Wire, endpoint, ms, recorder, schedule, secs};
use crate::net::{Net, targets};

/// A resolver that knows the name, and no address of it.
#[derive(Clone)]
struct Empty;

impl Resolve for Empty {
    type Error = io::Error;

    fn resolve(
        &self,
        _: Endpoint,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        ready(Ok(Vec::new()))
    }
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_list_with_nobody_on_it_is_refused_and_a_source_of_one_leaves_the_list_in_force() {
    let nobody = Targets::new([]).unwrap_err();
    assert_eq!(nobody, InvalidTargets::Empty);
    assert_eq!(nobody.to_string(), "a list without targets");

    let peer = Peer::new(Dial::Accept);
    let (observer, record) = recorder();
    let refresh = Refresh::by_ttl(secs(1), secs(60)).unwrap();
    let retry = Maker::new(schedule(), 1).session();
    let lookup = Resolved::new(Empty, endpoint());
    let source = Refreshing::new(lookup, refresh, retry, Pcg64::new(1, 1));
    let link = peer.link().observer(observer).discover(source).build();
    sleep(secs(60)).await;
    let record = record.lock().unwrap().clone();
    let problems = record
        .iter()
        .filter(|line| line.starts_with("list problem"));
    assert!(problems.count() > 2, "said each time: {record:?}");
    assert!(
        !record.iter().any(|line| line.starts_with("listed")),
        "{record:?}"
    );
    assert_eq!(link.oneshot("hello").await.unwrap(), 1);
}

// contract: again-5, again-10
#[tokio::test(start_paused = true)]
async fn a_link_whose_only_name_has_no_address_is_parked_with_that_cause_until_it_has_a_list() {
    let nowhere = || {
        let endpoint = Endpoint::new("a", 7400);
        tcp::DialError::NoAddress { endpoint }.into()
    };
    let net = Net::with([
        ("a", Peer::new(Dial::Refuse).refusal(nowhere)),
        ("b", Peer::new(Dial::Accept)),
    ]);
    let link = net.link(&["a"], schedule().take(2)).build();
    sleep(secs(60)).await;
    match &*link.state().borrow() {
        State::Parked { attempts, error } => {
            assert_eq!(
                (*attempts, error.to_string().as_str()),
                (3, "a:7400 has no address")
            );
        }
        state => panic!("{state:?}"),
    }
    let error = link.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(
        (error.kind, error.sent, error.attempt),
        (Kind::Parked, Sent::No, 3)
    );
    assert_eq!(error.source.unwrap().to_string(), "a:7400 has no address");

    link.set_endpoints(&targets(&["b"])).unwrap();
    assert_eq!(link.oneshot("hello").await.unwrap(), 1);
}

/// Waits for the next wait of `link`, and says until when it is and how long.
async fn next_wait(link: &Reconnect<Wire>, attempt: u32) -> (Instant, Duration) {
    let mut state = link.state();
    let waits =
        |state: &State| matches!(state, State::Backoff { attempt: of, .. } if *of == attempt);
    match &*state.wait_for(waits).await.unwrap() {
        State::Backoff { until, delay, .. } => (*until, *delay),
        state => panic!("{state:?}"),
    }
}

/// What a server says that wants to be left alone for ever.
const NEVER: [fn() -> Hint; 4] = [
    || Hint::default().retry_after(secs(36_000)),
    || Hint::default().retry_after(Duration::MAX),
    || Hint::default().window(Duration::MAX, Duration::ZERO),
    || {
        Hint::default()
            .window(Duration::MAX, Duration::MAX)
            .deadline(Duration::MAX)
    },
];

/// The longest wait that is obeyed.
const LONGEST: Duration = secs(120);

fn turned_away(hint: Hint) -> BoxError {
    let source = "come back never".into();
    TurnedAway { hint, source }.into()
}

// contract: again-9, again-10
#[tokio::test(start_paused = true)]
async fn a_server_that_says_never_again_and_again_is_called_at_the_cap_and_that_is_in_sight() {
    let refusals: [fn() -> BoxError; 4] = [
        || turned_away(NEVER[0]()),
        || turned_away(NEVER[1]()),
        || turned_away(NEVER[2]()),
        || turned_away(NEVER[3]()),
    ];
    for refusal in refusals {
        let peer = Peer::new(Dial::Refuse).refusal(refusal).latency(ms(1));
        let limits = HintLimits::new(secs(1), LONGEST).unwrap();
        let link = peer.link().hints(limits).failfast_after(ms(10)).build();
        for attempt in 2..9 {
            let (until, delay) = next_wait(&link, attempt).await;
            assert!((LONGEST * 3 / 4..=LONGEST).contains(&delay), "{delay:?}");
            assert_eq!(until, Instant::now() + delay);
            let error = link.clone().oneshot("hello").await.unwrap_err();
            assert_eq!((error.kind, error.sent), (Kind::Unavailable, Sent::No));
            assert_eq!(error.next_attempt_at, Some(until));
            assert_eq!(error.source.unwrap().to_string(), "the peer turned us away");
        }
        peer.set_otherwise(Dial::Accept);
        sleep(LONGEST + ms(2)).await;
        link.oneshot("hello").await.unwrap();
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_and_says_never_is_left_at_the_cap() {
    for hint in NEVER {
        let peer = Peer::new(Dial::Accept).latency(ms(1));
        let limits = HintLimits::new(secs(1), LONGEST).unwrap();
        let link = peer.link().hints(limits).build();
        link.clone().oneshot("hello").await.unwrap();
        peer.go(&hint());
        let mut state = link.state();
        let began = Instant::now();
        let next = state.wait_for(|state| matches!(state, State::Ready { epoch: 2, .. }));
        next.await.unwrap();
        assert!(Instant::now() - began <= LONGEST + ms(2), "{:?}", hint());
    }
}
