//! A lookup asked again and again: by its time to live while it answers, by a backoff while
//! it does not. It yields news only.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_policy::backoff;
use futures_util::Stream;
use rand_pcg::Pcg64;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Answer, Lookup, Problem, Refresh, Targets, Update, WAIT_MIN};

/// A source that repeats a [`Lookup`].
///
/// An answer that says what the last one said yields nothing and makes the list young again.
/// Each failure is yielded, with the age of the list in force. It never ends.
///
/// # Cancellation
///
/// It is a stream: dropping the future that waits for its next item loses nothing. Dropping
/// the stream gives up a question under way.
#[must_use = "nothing is asked until it is polled"]
pub struct Refreshing<L: Lookup> {
    lookup: L,
    refresh: Refresh,
    retry: backoff::Session,
    random: Pcg64,
    doing: Doing<L::Error>,
    list: Option<Kept>,
}

type Asked<E> = Pin<Box<dyn Future<Output = Result<Answer, E>> + Send>>;

enum Doing<E> {
    Waiting(Pin<Box<Sleep>>),
    Asking(Asked<E>, Pin<Box<Sleep>>),
    Idle,
}

/// The list in force.
struct Kept {
    targets: Targets,
    confirmed: Instant,
    expires: Pin<Box<Sleep>>,
}

/// How a question ended.
enum Ended<E> {
    Answered(Answer),
    Failed(E),
    Silent,
}

// === impl Refreshing ===

impl<L: Lookup> Refreshing<L> {
    /// Asks `lookup` at once and then as `refresh` says; after a failure as `retry` says, but
    /// no sooner than after [`WAIT_MIN`], and at the cap of `refresh`, less up to a tenth, once
    /// that schedule has ended. Waits are drawn from `random`.
    pub fn new(lookup: L, refresh: Refresh, retry: backoff::Session, random: Pcg64) -> Self {
        Self {
            lookup,
            refresh,
            retry,
            random,
            doing: Doing::Idle,
            list: None,
        }
    }

    fn end(&mut self, ended: Ended<L::Error>, now: Instant) -> Option<Update<L::Error>> {
        match ended {
            Ended::Answered(Answer { targets, ttl }) => {
                let wait = self.refresh.wait(ttl, &mut self.random);
                self.doing = Doing::Waiting(Box::pin(sleep_until(now + wait)));
                self.retry.reset();
                self.confirm(targets, now)
            }
            Ended::Failed(error) => {
                let (age, again) = self.fail(now);
                Some(Update::Problem(Problem::Failed { error, age, again }))
            }
            Ended::Silent => {
                let (age, again) = self.fail(now);
                let after = self.refresh.limit_of_question();
                Some(Update::Problem(Problem::Silent { after, age, again }))
            }
        }
    }

    fn fail(&mut self, now: Instant) -> (Option<Duration>, Duration) {
        let again = self.retry.next_delay(now.into_std());
        let again = match again {
            Some(delay) => delay.max(WAIT_MIN),
            None => self.refresh.wait(None, &mut self.random),
        };
        self.doing = Doing::Waiting(Box::pin(sleep_until(now + again)));
        let age = self.list.as_ref().map(|list| now - list.confirmed);
        (age, again)
    }

    fn confirm(&mut self, targets: Targets, now: Instant) -> Option<Update<L::Error>> {
        let expires = now + self.refresh.limit_of_age();
        if let Some(list) = &mut self.list
            && list.targets.says_the_same_as(&targets)
        {
            list.confirmed = now;
            list.expires.as_mut().reset(expires);
            return None;
        }
        self.list = Some(Kept {
            targets: targets.clone(),
            confirmed: now,
            expires: Box::pin(sleep_until(expires)),
        });
        Some(Update::List(targets))
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Update<L::Error>> {
        let Some(list) = &mut self.list else {
            return Poll::Pending;
        };
        std::task::ready!(list.expires.as_mut().poll(cx));
        let age = Instant::now() - list.confirmed;
        self.list = None;
        let max_stale = self.refresh.limit_of_age();
        Poll::Ready(Update::Problem(Problem::Expired { age, max_stale }))
    }

    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<Ended<L::Error>> {
        loop {
            match &mut self.doing {
                Doing::Waiting(sleep) => {
                    std::task::ready!(sleep.as_mut().poll(cx));
                    self.doing = Doing::Idle;
                }
                Doing::Idle => {
                    let limit = Instant::now() + self.refresh.limit_of_question();
                    let asked: Asked<_> = Box::pin(self.lookup.look_up());
                    self.doing = Doing::Asking(asked, Box::pin(sleep_until(limit)));
                }
                Doing::Asking(asked, limit) => {
                    if let Poll::Ready(answer) = asked.as_mut().poll(cx) {
                        return Poll::Ready(match answer {
                            Ok(answer) => Ended::Answered(answer),
                            Err(error) => Ended::Failed(error),
                        });
                    }
                    std::task::ready!(limit.as_mut().poll(cx));
                    return Poll::Ready(Ended::Silent);
                }
            }
        }
    }
}

impl<L: Lookup + Unpin> Stream for Refreshing<L> {
    type Item = Update<L::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // An answer first: one that comes together with the end of the old list spares
            // everybody the moment without any.
            let Poll::Ready(ended) = self.poll_asked(cx) else {
                return self.poll_expired(cx).map(Some);
            };
            if let Some(update) = self.end(ended, Instant::now()) {
                return Poll::Ready(Some(update));
            }
        }
    }
}

impl<L: Lookup> std::fmt::Debug for Refreshing<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refreshing")
            .field("refresh", &self.refresh)
            .field("list", &self.list.as_ref().map(|list| &list.targets))
            .finish_non_exhaustive()
    }
}
