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
        let now = Instant::now().into_std();
        let decided = self.next.take();
        let mut listing = self.closing.link.listing();
        // The list may have changed since.
        let decided = decided.filter(|it| it.redirected || listing.set.contains(&it.endpoint));
        decided.unwrap_or_else(|| {
            let chosen = listing.set.choose(now);
            let chosen = chosen.expect("a list of endpoints is never empty");
            Next::listed(chosen.key)
        })
    }

    /// Who is to be called in place of a connection to `current`, which is up.
    pub(super) fn next_beside(&mut self, current: &Endpoint, reason: Reason) -> Next {
        let now = Instant::now().into_std();
        if reason == Reason::Drain {
            // Another server may have sent us back to the one that goes.
            self.next.take_if(|next| next.endpoint == *current);
        }
        if reason == Reason::Drain && self.next.is_none() {
            // The one there goes; whoever else may be called is better.
            let here = BTreeSet::from([current.clone()]);
            let other = self.link().listing().set.choose_other(&here, now);
            self.next = other.map(|chosen| Next::listed(chosen.key));
        }
        self.next_endpoint()
    }

    /// Decides to call somebody who was not called since the last wait, and says
    /// whether there is anybody.
    pub(super) fn fail_over(&mut self) -> bool {
        let now = Instant::now().into_std();
        let other = self
            .closing
            .link
            .listing()
            .set
            .choose_other(&self.tried, now);
        self.next = other.map(|chosen| Next::listed(chosen.key));
        self.next.is_some()
    }

    /// Decides to go where a server sends us, unless it was one redirect too many.
    pub(super) fn follow(&mut self, redirect: Option<Endpoint>) -> bool {
        let Some(endpoint) = redirect else {
            return false;
        };
        if self.redirects >= self.tuning.redirects_max {
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
