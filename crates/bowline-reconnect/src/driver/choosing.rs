//! Who is called next: a redirect, the endpoint to fail over to, or whom the
//! set chooses. How they fare is reported to the set here too.

use std::collections::BTreeSet;

use bowline_link::Endpoint;
use tokio::time::Instant;

use super::Driver;
use crate::{Event, Origin, Reason};

/// Who is called next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) endpoint: Endpoint,
    /// A server sent us there; the list need not know it.
    pub(super) redirected: bool,
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// Who is called by the next attempt.
    pub(super) fn next_endpoint(&mut self) -> Next {
        let decided = self.next.take().filter(|it| {
            // The list may have changed since.
            it.redirected || self.link().listing().set.contains(&it.endpoint)
        });
        let decided = decided.or_else(|| self.other_than(&BTreeSet::new()));
        decided.unwrap_or_else(|| {
            let now = Instant::now().into_std();
            let chosen = self.link().listing().set.choose(now);
            let chosen = chosen.expect("a list of endpoints is never empty");
            Next::listed(chosen.key)
        })
    }

    /// Who is to be called in place of a connection to `current`, which is up.
    pub(super) fn next_beside(&mut self, current: &Endpoint, reason: Reason) -> Next {
        if reason == Reason::Drain {
            // Another server may have sent us back to the one that goes.
            self.next.take_if(|next| next.endpoint == *current);
        }
        if reason == Reason::Drain && self.next.is_none() {
            // The one there goes; whoever else may be called is better.
            self.next = self.other_than(&BTreeSet::from([current.clone()]));
        }
        self.next_endpoint()
    }

    /// Decides to call somebody who was not called since the last wait, and says
    /// whether there is anybody.
    pub(super) fn fail_over(&mut self) -> bool {
        self.next = self.other_than(&self.tried);
        self.next.is_some()
    }

    /// Whom the set chooses but for these, and for who is to be left alone.
    pub(super) fn other_than(&self, these: &BTreeSet<Endpoint>) -> Option<Next> {
        let now = Instant::now();
        let mut these = these.clone();
        let spared = self.spared.as_ref().filter(|(_, until)| *until > now);
        these.extend(spared.map(|(endpoint, _)| endpoint.clone()));
        let mut listing = self.link().listing();
        let chosen = listing.set.choose_other(&these, now.into_std())?;
        Some(Next::listed(chosen.key))
    }

    /// Decides to go where a server sends us, unless it was one redirect too many, or
    /// one that we do not follow.
    pub(super) fn follow(&mut self, redirect: Option<Endpoint>) -> bool {
        let Some(endpoint) = redirect else {
            return false;
        };
        let may_go = self.redirects_to.as_ref();
        if self.redirects >= self.tuning.redirects_max || !may_go.is_none_or(|may| may(&endpoint)) {
            return false;
        }
        self.redirects += 1;
        self.next = Some(Next {
            endpoint,
            redirected: true,
        });
        true
    }

    /// Notes a failure that speaks against `endpoint`. If it was the last that
    /// anybody believed in, the bootstrap list is in force again.
    pub(super) fn charge(&self, endpoint: &Endpoint) {
        let now = Instant::now().into_std();
        let mut listing = self.link().listing();
        listing.set.failed(endpoint, now);
        let again = listing.rebootstrap(now);
        let endpoints = listing.set.keys().len();
        drop(listing);
        if again {
            let origin = Origin::Bootstrap;
            self.link().tell(Event::Listed { endpoints, origin });
        }
    }
}

// === impl Next ===

impl Next {
    pub(super) fn listed(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            redirected: false,
        }
    }
}
