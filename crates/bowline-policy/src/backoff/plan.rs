//! Curves joined and limited, and a cursor that walks them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::curve::{Climb, Curve};
use crate::random::draw_up_to;

/// What a schedule is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    Curve(Curve),
    Take(Arc<Self>, u32),
    Until(Arc<Self>, Duration),
    Then(Arc<Self>, Arc<Self>),
}

/// Where a session stands in a [`Plan`].
#[derive(Debug)]
pub(super) enum Cursor {
    Climb(Climb),
    Take {
        inner: Box<Self>,
        left: u32,
    },
    Until {
        inner: Box<Self>,
        limit: Duration,
        since: Option<Instant>,
    },
    Then {
        first: Option<Box<Self>>,
        second: Box<Self>,
    },
}

// === impl Plan ===

impl Plan {
    pub(super) fn start(&self) -> Cursor {
        match self {
            Self::Curve(curve) => Cursor::Climb(curve.start()),
            Self::Take(inner, count) => Cursor::Take {
                inner: Box::new(inner.start()),
                left: *count,
            },
            Self::Until(inner, limit) => Cursor::Until {
                inner: Box::new(inner.start()),
                limit: *limit,
                since: None,
            },
            Self::Then(first, second) => Cursor::Then {
                first: Some(Box::new(first.start())),
                second: Box::new(second.start()),
            },
        }
    }

    /// The only curve, or nothing when several are joined.
    pub(super) fn curve_mut(&mut self) -> Option<&mut Curve> {
        match self {
            Self::Curve(curve) => Some(curve),
            Self::Take(inner, _) | Self::Until(inner, _) => Arc::make_mut(inner).curve_mut(),
            Self::Then(..) => None,
        }
    }

    /// Folds a value over every curve.
    pub(super) fn fold<T>(&self, of: &impl Fn(&Curve) -> T, join: &impl Fn(T, T) -> T) -> T {
        match self {
            Self::Curve(curve) => of(curve),
            Self::Take(inner, _) | Self::Until(inner, _) => inner.fold(of, join),
            Self::Then(first, second) => join(first.fold(of, join), second.fold(of, join)),
        }
    }
}

// === impl Cursor ===

impl Cursor {
    /// The next delay. A `splay` stands in for it once, where limits still
    /// count it but no curve climbs.
    pub(super) fn next(
        &mut self,
        now: Instant,
        random: &mut Pcg64,
        splay: &mut Option<Duration>,
    ) -> Option<Duration> {
        match self {
            Self::Climb(climb) => Some(match splay.take() {
                Some(most) => draw_up_to(random, most),
                None => climb.next(random),
            }),
            Self::Take { inner, left } => {
                *left = left.checked_sub(1)?;
                inner.next(now, random, splay)
            }
            Self::Until {
                inner,
                limit,
                since,
            } => {
                let since = *since.get_or_insert(now);
                if now.saturating_duration_since(since) >= *limit {
                    return None;
                }
                inner.next(now, random, splay)
            }
            Self::Then { first, second } => {
                if let Some(delay) = first.as_mut().and_then(|it| it.next(now, random, splay)) {
                    return Some(delay);
                }
                *first = None;
                second.next(now, random, splay)
            }
        }
    }
}
