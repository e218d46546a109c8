//! The `backoff` crate and our schedules, each in the other's place.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io;
use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::exponential::ExponentialBackoff;
use backoff::{ExponentialBackoffBuilder, SystemClock};
use bowline_link::Endpoint;
use bowline_policy::backoff::{Invalid, Jitter, Maker, Schedule};
use bowline_reconnect::schedule::{AsBackoff, permanent_is_fatal, schedule_from, to_backoff};
use bowline_reconnect::{Error, Hint, Verdict};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn theirs() -> ExponentialBackoff<SystemClock> {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(ms(100))
        .with_max_interval(ms(1000))
        .with_multiplier(2.0)
        .with_randomization_factor(0.5)
        .with_max_elapsed_time(Some(Duration::from_secs(20)))
        .build()
}

#[tokio::test(start_paused = true)]
async fn one_of_our_sessions_serves_where_theirs_is_asked_for() {
    let schedule = Schedule::exponential(ms(100), ms(400)).unwrap();
    let schedule = schedule.jitter(Jitter::None).unwrap().take(3);
    let mut ours = AsBackoff(Maker::new(schedule, 1).session());
    let mut delays = || -> Vec<_> { std::iter::from_fn(|| ours.next_backoff()).collect() };
    assert_eq!(delays(), [ms(100), ms(200), ms(400)]);
    assert_eq!(delays(), []);
    ours.reset();
    assert_eq!(ours.next_backoff(), Some(ms(100)));
}

// contract: backoff-1, backoff-2, backoff-3
#[test]
fn their_settings_mean_a_schedule_of_ours_which_keeps_the_cap() {
    let schedule = schedule_from(&theirs()).unwrap();
    let delays = |seed| {
        let mut session = Maker::new(schedule.clone(), seed).session();
        let now = tokio::time::Instant::now().into_std();
        let delays = (0..100).map(|_| session.next_delay(now).unwrap());
        delays.collect::<Vec<_>>()
    };
    let ours = delays(1);
    assert!(ours.iter().all(|delay| *delay <= ms(1000)), "{ours:?}");
    assert!((ms(50)..=ms(150)).contains(&ours[0]), "{ours:?}");
    assert!(ours[20..].iter().any(|delay| *delay < ms(900)));
    assert_eq!(ours, delays(1));
    assert_ne!(ours, delays(2));

    let now = tokio::time::Instant::now().into_std();
    let mut session = Maker::new(schedule, 1).session();
    session.next_delay(now).unwrap();
    let later = now + Duration::from_secs(21);
    assert_eq!(session.next_delay(later), None, "max_elapsed_time");
}

#[test]
fn settings_that_no_schedule_accepts_are_refused_with_both_values() {
    let mut settings = theirs();
    settings.initial_interval = ms(2000);
    let (base, cap) = (ms(2000), ms(1000));
    let refused = schedule_from(&settings);
    assert_eq!(refused, Err(Invalid::BaseOverCap { base, cap }));
    settings = theirs();
    settings.randomization_factor = 1.0;
    assert!(matches!(
        schedule_from(&settings),
        Err(Invalid::Share { .. })
    ));
}

#[test]
fn what_they_call_permanent_is_fatal_and_a_retry_after_is_obeyed() {
    type Theirs = backoff::Error<io::Error>;
    let refused = || io::Error::from(io::ErrorKind::PermissionDenied);
    let check = |error: Theirs, expected| {
        assert_eq!(permanent_is_fatal::<io::Error>(&error), expected);
    };
    check(Theirs::permanent(refused()), Verdict::Fatal);
    check(Theirs::transient(refused()), Verdict::Retry);
    let hint = Hint::default().retry_after(ms(1));
    check(Theirs::retry_after(refused(), ms(1)), Verdict::Obey(hint));
    assert_eq!(
        permanent_is_fatal::<io::Error>(&refused()),
        Verdict::Retry,
        "an error of another type"
    );
}

/// The error of a call on a link of this sort.
async fn failed(sent: bool) -> Error {
    use bowline_link::BoxError;
    use bowline_reconnect::{Established, NotSent, Reconnect};
    use tower::{ServiceExt, service_fn};

    let connect = service_fn(move |_: Endpoint| async move {
        let room = service_fn(move |_: ()| async move {
            let error = BoxError::from("reset");
            Err::<(), _>(if sent { error } else { NotSent(error).into() })
        });
        Ok::<_, BoxError>(Established::new(room))
    });
    let schedule = Schedule::constant(ms(10)).unwrap();
    let endpoint = Endpoint::new("chat.example", 7400);
    let link = Reconnect::builder(connect, endpoint, &Maker::new(schedule, 1)).build();
    link.oneshot(()).await.unwrap_err()
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn their_retry_repeats_only_what_was_not_sent() {
    let error = to_backoff(failed(true).await);
    assert!(matches!(error, backoff::Error::Permanent(_)), "{error:?}");
    let error = to_backoff(failed(false).await);
    assert!(
        matches!(error, backoff::Error::Transient { .. }),
        "{error:?}"
    );
}

#[cfg(feature = "retry")]
#[tokio::test(start_paused = true)]
async fn one_of_their_backoffs_paces_towers_retry_and_our_replays() {
    use bowline_reconnect::schedule::ForeignPauses;
    use tokio::time::Instant;
    use tower::retry::backoff::{Backoff as _, MakeBackoff};

    let mut pauses = ForeignPauses::new(|| backoff::backoff::Constant::new(ms(30)));
    let now = Instant::now();
    let mut pausing = pauses.make_backoff();
    assert_eq!(pausing.next_backoff().deadline() - now, ms(30));
    // One that ends goes on with its last delay.
    let mut pauses = ForeignPauses::new(|| {
        let schedule = Schedule::constant(ms(40)).unwrap();
        let schedule = schedule.jitter(Jitter::None).unwrap().take(1);
        AsBackoff(Maker::new(schedule, 1).session())
    });
    let mut pausing = pauses.make_backoff();
    for _ in 0..3 {
        assert_eq!(pausing.next_backoff().deadline() - now, ms(40));
    }
}
