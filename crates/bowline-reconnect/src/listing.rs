//! Whom to call, where that was learnt, and what to fall back to. Which of them
//! is chosen is decided in [`bowline_policy::endpoints`].

use std::time::Instant;

use bowline_link::Endpoint;
use bowline_policy::endpoints::{self, InvalidList, Maker, Set};

/// Where a list of endpoints came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The link was begun with it.
    Given,
    /// Somebody called [`set_endpoints`](crate::Reconnect::set_endpoints).
    Set,
    /// A [discovery](bowline_link::discovery) said so.
    Discovered,
    /// All endpoints had failed, or the discovered list expired: what the link
    /// was begun with counts again.
    Bootstrap,
}

/// The endpoints of a link.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) set: Set<Endpoint>,
    list: Vec<endpoints::Endpoint<Endpoint>>,
    bootstrap: Vec<endpoints::Endpoint<Endpoint>>,
    origin: Origin,
}

// === impl Listing ===

impl Listing {
    pub(crate) fn new(
        list: Vec<endpoints::Endpoint<Endpoint>>,
        maker: &Maker,
        now: Instant,
    ) -> Result<Self, InvalidList> {
        Ok(Self {
            set: maker.set(list.clone(), now)?,
            bootstrap: list.clone(),
            list,
            origin: Origin::Given,
        })
    }

    /// Puts `list` in force, and says whether it is another one.
    pub(crate) fn replace(
        &mut self,
        list: Vec<endpoints::Endpoint<Endpoint>>,
        origin: Origin,
        now: Instant,
    ) -> Result<bool, InvalidList> {
        let is_news = list != self.list;
        if is_news {
            self.set.replace(list.clone(), now)?;
            self.list = list;
        }
        self.origin = origin;
        Ok(is_news)
    }

    /// Starts again from the bootstrap list if every endpoint failed when it was
    /// last called, and says whether that is another list.
    ///
    /// What was in force stays at the head of it, if all together are not too
    /// many: one of them may come back before its source says anything new.
    pub(crate) fn rebootstrap(&mut self, now: Instant) -> bool {
        let health = self.set.health(now);
        match self.origin {
            Origin::Set | Origin::Discovered if health.failing == health.endpoints => {}
            Origin::Set | Origin::Discovered | Origin::Given | Origin::Bootstrap => return false,
        }
        let known = |one: &&endpoints::Endpoint<_>| !self.set.contains(one.key());
        let missing: Vec<_> = self.bootstrap.iter().filter(known).cloned().collect();
        if missing.is_empty() {
            return false;
        }
        let joined = [self.list.clone(), missing].concat();
        self.replace(joined, Origin::Bootstrap, now)
            .or_else(|_| self.replace(self.bootstrap.clone(), Origin::Bootstrap, now))
            .expect("it was taken once")
    }

    /// Puts the bootstrap list in force, because the list in force expired, and
    /// says how long it is, if it is another one.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<usize> {
        let is_news = self
            .replace(self.bootstrap.clone(), Origin::Bootstrap, now)
            .expect("it was taken once");
        is_news.then_some(self.list.len())
    }
}
