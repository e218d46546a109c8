//! What is made a second time and what never is, on a paused clock.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Jitter, Maker, Schedule};
use bowline_policy::budget::{RetrySettings, TTL_DEFAULT};
use bowline_policy::from_fn;
use bowline_reconnect::replay::{Budget, Event, Policy, Replay, SaysSent, Why};
use bowline_reconnect::schedule::Pauses;
use bowline_reconnect::{Established, Kind, NotSent, Reconnect, Sent};
use tokio::time::Instant;
use tower::retry::Retry;
use tower::retry::backoff::{Backoff, MakeBackoff};
use tower::util::BoxCloneService;
use tower::{Service, ServiceExt, service_fn};

/// A request and what it says of itself.
#[derive(Debug, Clone, Copy)]
struct Ask {
    replayable: bool,
    copied: bool,
}

const READ: Ask = Ask {
    replayable: true,
    copied: true,
};
const WRITE: Ask = Ask {
    replayable: false,
    copied: true,
};
const STREAM: Ask = Ask {
    replayable: true,
    copied: false,
};

impl Replay for Ask {
    fn copy(&self) -> Option<Self> {
        self.copied.then_some(*self)
    }

    fn is_replayable(&self) -> bool {
        self.replayable
    }
}

/// How a try ends.
#[derive(Debug, Clone, Copy)]
enum Try {
    Answered,
    Unsent,
    Maybe,
}

use Try::{Answered, Maybe, Unsent};

/// A peer that does as it is told, and counts.
#[derive(Debug, Clone, Default)]
struct Peer {
    script: Arc<Mutex<VecDeque<Try>>>,
    calls: Arc<Mutex<Vec<Instant>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Peer {
    fn new(script: &[Try]) -> Self {
        let peer = Self::default();
        peer.script.lock().unwrap().extend(script);
        peer
    }

    fn service(
        &self,
    ) -> impl Service<Ask, Response = usize, Error = BoxError, Future: Send> + Clone + use<> {
        let Self { script, calls, .. } = self.clone();
        service_fn(move |_: Ask| {
            let end = script.lock().unwrap().pop_front().unwrap_or(Answered);
            let mut calls = calls.lock().unwrap();
            calls.push(Instant::now());
            let number = calls.len();
            async move {
                match end {
                    Answered => Ok(number),
                    Unsent => Err(BoxError::from(NotSent("full".into()))),
                    Maybe => Err(BoxError::from("reset")),
                }
            }
        })
    }

    fn calls(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn gaps(&self) -> Vec<Duration> {
        let calls = self.calls.lock().unwrap();
        calls.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn policy(&self, budget: &Budget) -> Policy<Pauses> {
        let events = Arc::clone(&self.events);
        let observer = from_fn(move |event: &Event| events.lock().unwrap().push(event.clone()));
        Policy::new(budget.clone(), Pauses::new(maker())).observer(Arc::new(observer))
    }

    fn last(&self) -> Event {
        self.events.lock().unwrap().last().unwrap().clone()
    }
}

/// 100, 200 ms and so on, to the letter.
fn maker() -> Maker {
    let schedule = Schedule::exponential(ms(100), ms(400)).unwrap();
    Maker::new(schedule.jitter(Jitter::None).unwrap(), 1)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// So many thousandths of a replay per call, and none for nothing.
fn budget(ratio: u32) -> Budget {
    Budget::new(RetrySettings::new(ratio, 0, TTL_DEFAULT).unwrap())
}

async fn check(ask: Ask, script: &[Try], calls: usize, ok: bool) -> Peer {
    let peer = Peer::new(script);
    let policy = peer.policy(&budget(10_000));
    let result = Retry::new(policy, peer.service()).oneshot(ask).await;
    assert_eq!(result.is_ok(), ok, "{ask:?} {script:?}: {result:?}");
    assert_eq!(peer.calls(), calls, "{ask:?} {script:?}");
    peer
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn only_what_was_not_sent_or_says_so_itself_is_made_again() {
    check(READ, &[Maybe, Maybe], 3, true).await;
    check(READ, &[Unsent, Maybe], 3, true).await;
    check(WRITE, &[Unsent, Unsent], 3, true).await;
    let peer = check(WRITE, &[Unsent, Maybe], 2, false).await;
    let why = Why::NotReplayable;
    let (sent, replays) = (Sent::Maybe, 1);
    assert_eq!(peer.last(), Event::GivenUp { sent, replays, why });
    check(WRITE, &[Maybe], 1, false).await;
    check(STREAM, &[Unsent], 1, false).await;
}

#[tokio::test(start_paused = true)]
async fn one_call_is_made_again_so_often_and_no_more() {
    let peer = check(READ, &[Maybe; 9], 4, false).await;
    assert_eq!(peer.gaps(), [ms(100), ms(200), ms(400)]);
    let (sent, replays, why) = (Sent::Maybe, 3, Why::Often);
    assert_eq!(peer.last(), Event::GivenUp { sent, replays, why });
}

#[tokio::test(start_paused = true)]
async fn all_calls_together_stay_within_the_budget() {
    let peer = Peer::new(&[Maybe; 400]);
    let budget = budget(200);
    for _ in 0..100 {
        // Each call has a service of its own, as on many connections.
        let service = Retry::new(peer.policy(&budget), peer.service());
        service.oneshot(READ).await.unwrap_err();
    }
    // 100 calls pay for 20 replays, less those whose deposit came too early.
    assert_eq!(peer.calls(), 120);
    assert_eq!(budget.balance(), 0);
    let (sent, replays, why) = (Sent::Maybe, 1, Why::OverBudget);
    let given_up = Event::GivenUp { sent, replays, why };
    assert!(peer.events.lock().unwrap().contains(&given_up));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_the_policy_knows_nothing_of_another_call() {
    let peer = Peer::new(&[Maybe; 3]);
    let mut service = Retry::new(peer.policy(&budget(10_000)), peer.service());
    service.ready().await.unwrap().call(READ).await.unwrap();
    peer.script.lock().unwrap().extend([Maybe; 3]);
    service.ready().await.unwrap().call(READ).await.unwrap();
    let pauses = [ms(100), ms(200), ms(400)];
    assert_eq!(peer.gaps()[..3], pauses);
    assert_eq!(peer.gaps()[4..], pauses);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_nobody_will_revive_is_not_asked_again() {
    let connect = service_fn(|_: Endpoint| async {
        Err::<Established<BoxedRoom>, _>(BoxError::from("refused"))
    });
    let endpoint = Endpoint::new("chat.example", 7400);
    let never = Schedule::constant(ms(10)).unwrap().take(0);
    let link = Reconnect::builder(connect, endpoint, &Maker::new(never, 1))
        .failfast_after(ms(50))
        .build();
    let peer = Peer::default();
    let service = Retry::new(peer.policy(&budget(10_000)), link.clone());
    let error = service.oneshot(READ).await.unwrap_err();
    assert!(!error.may_pass(), "{error}");
    let (sent, replays, why) = (Sent::No, 0, Why::Hopeless);
    assert_eq!(peer.last(), Event::GivenUp { sent, replays, why });
    // A middleware that boxes it changes nothing.
    let error = BoxError::from(error);
    assert_eq!((error.sent(), error.may_pass()), (Sent::No, false));
}

type BoxedRoom = BoxCloneService<Ask, usize, BoxError>;

#[tokio::test(start_paused = true)]
async fn a_call_dropped_in_its_pause_is_not_made_again() {
    let peer = Peer::new(&[Maybe]);
    let service = Retry::new(peer.policy(&budget(10_000)), peer.service());
    let call = tokio::time::timeout(ms(50), service.oneshot(READ));
    call.await.unwrap_err();
    tokio::time::sleep(ms(1000)).await;
    assert_eq!(peer.calls(), 1);
}

// contract: backoff-1
#[tokio::test(start_paused = true)]
async fn pauses_never_share_a_jitter_and_a_clone_starts_over() {
    let schedule = Schedule::exponential(ms(100), ms(60_000)).unwrap();
    let mut pauses = Pauses::new(Maker::new(schedule, 1));
    let mut one = pauses.make_backoff();
    let mut two = pauses.make_backoff();
    for _ in 0..8 {
        drop((one.next_backoff(), two.next_backoff()));
    }
    let now = Instant::now();
    let next = |pausing: &mut bowline_reconnect::schedule::Pausing| {
        pausing.next_backoff().deadline() - now
    };
    assert_ne!(next(&mut one), next(&mut two));
    let mut again = one.clone();
    assert!(next(&mut again) <= ms(100), "a clone starts over");
    assert_ne!(next(&mut again), next(&mut one.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_ended_goes_on_with_its_last_delay() {
    let schedule = Schedule::exponential(ms(100), ms(400)).unwrap();
    let schedule = schedule.jitter(Jitter::None).unwrap().take(2);
    let mut pausing = Pauses::new(Maker::new(schedule, 1)).make_backoff();
    let now = Instant::now();
    let delays = [(); 4].map(|()| pausing.next_backoff().deadline() - now);
    assert_eq!(delays, [ms(100), ms(200), ms(200), ms(200)]);
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn who_waited_in_vain_for_a_connection_is_told_and_does_not_wait_again() {
    let peer = Peer::default();
    let connect = service_fn(|_: Endpoint| async {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        Err::<Established<BoxedRoom>, _>(BoxError::from(refused))
    });
    let waits = Duration::from_secs(4);
    let link = Reconnect::builder(connect, Endpoint::new("chat.example", 7400), &maker());
    let link = link.failfast_after(waits).build();
    let began = Instant::now();
    let calls = Retry::new(peer.policy(&budget(10_000)), link);
    let error = calls.oneshot(READ).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(Instant::now() - began, waits);
    let (sent, replays, why) = (Sent::No, 0, Why::Hopeless);
    assert_eq!(peer.last(), Event::GivenUp { sent, replays, why });
}
