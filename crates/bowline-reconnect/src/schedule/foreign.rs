//! The `backoff` crate, both ways, for code that has it already.
//!
//! It is unmaintained (RUSTSEC-2025-0012), and so is a crate below it
//! (RUSTSEC-2024-0384): new code has no use for this.

use std::error::Error as StdError;
use std::time::Duration;

use backoff::exponential::ExponentialBackoff;
use bowline_policy::backoff::{Invalid, Jitter, Schedule, Session};
use tokio::time::Instant;

use crate::{Error, Hint, Kind, Sent, Verdict};

/// One of our sessions where a [`backoff::backoff::Backoff`] is asked for.
///
/// It goes by tokio's clock. `backoff::future::retry` resets what it is given
/// before the first try, which leaves the jitter where it was.
#[derive(Debug)]
pub struct AsBackoff(pub Session);

/// The schedule that these settings mean, with the two things that make a herd
/// put right: no delay exceeds `max_interval`, jitter included, and what is
/// jittered comes from a seed.
///
/// `max_elapsed_time` counts from the first delay asked for.
///
/// # Errors
///
/// Settings that no schedule accepts: an interval of zero, an initial one over
/// the maximum, a multiplier below 1, a randomization factor of 1 or more.
pub fn schedule_from<C>(settings: &ExponentialBackoff<C>) -> Result<Schedule, Invalid> {
    let jitter = match settings.randomization_factor {
        0.0 => Jitter::None,
        share => Jitter::PlusMinus(share),
    };
    let schedule = Schedule::exponential(settings.initial_interval, settings.max_interval)?
        .factor(settings.multiplier)?
        .jitter(jitter)?;
    Ok(match settings.max_elapsed_time {
        Some(limit) => schedule.until_elapsed(limit),
        None => schedule,
    })
}

/// A failed call's error for `backoff::future::retry`: transient only if the
/// request was not sent and the link may still come back, since that function
/// repeats whatever is transient.
pub fn to_backoff(error: Error) -> backoff::Error<Error> {
    match (error.sent, error.kind) {
        (Sent::Maybe, _) | (Sent::No, Kind::Closed | Kind::Parked) => {
            backoff::Error::permanent(error)
        }
        (Sent::No, Kind::Unavailable | Kind::Lost | Kind::Inner) => {
            backoff::Error::transient(error)
        }
    }
}

/// A classifier for connectors that fail with a `backoff::Error<E>`: what is
/// permanent parks the link, a `retry_after` is obeyed like any other hint, and
/// everything else deserves another try when the link's own backoff says so.
///
/// For [`Builder::classify`](crate::Builder::classify).
pub fn permanent_is_fatal<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> Verdict {
    match error.downcast_ref::<backoff::Error<E>>() {
        Some(backoff::Error::Permanent(_)) => Verdict::Fatal,
        Some(backoff::Error::Transient {
            retry_after: Some(wait),
            ..
        }) => Verdict::Obey(Hint::default().retry_after(*wait)),
        Some(backoff::Error::Transient { .. }) | None => Verdict::Retry,
    }
}

// === impl AsBackoff ===

impl backoff::backoff::Backoff for AsBackoff {
    fn reset(&mut self) {
        self.0.reset();
    }

    fn next_backoff(&mut self) -> Option<Duration> {
        self.0.next_delay(Instant::now().into_std())
    }
}
