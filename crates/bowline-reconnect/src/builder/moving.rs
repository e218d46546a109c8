//! Settings of where a link goes: whom it calls, when it leaves a connection for
//! another, how far it does as a server asks.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::discovery::{Discover, Targets};
use bowline_link::{Endpoint, WallClock};
use bowline_policy::backoff::HintLimits;
use bowline_policy::endpoints::{self, InvalidList};
use bowline_policy::lifetime;
use tokio::time::Instant;

use super::Builder;
use crate::discovering::discover;
use crate::listing::Listing;

// === impl Builder ===

impl<S: Clone + Send + 'static> Builder<S> {
    /// Chooses among several endpoints, as a set from `sets` does: in order or by
    /// weight, with ejection, and back to the better ones once those have proved
    /// their health. Unless told, the link has only the endpoint it was begun with.
    ///
    /// The list also is the bootstrap list: when a later one has failed as a whole,
    /// it counts again.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set.
    pub fn endpoints(
        mut self,
        targets: &Targets,
        sets: &endpoints::Maker,
    ) -> Result<Self, InvalidList> {
        let now = Instant::now().into_std();
        self.listing = Listing::new(targets.to_endpoints(), sets, now)?;
        Ok(self)
    }

    /// Follows `source`: each list it finds is in force in place of the one before,
    /// as with [`set_endpoints`](crate::Reconnect::set_endpoints). Say
    /// [`endpoints`](Self::endpoints) too for how to choose among them.
    pub fn discover(mut self, source: impl Discover + 'static) -> Self {
        self.discovery = Some(Box::new(|link| Box::pin(discover(link, source))));
        self
    }

    /// Replaces each connection at the end of an age from a planner of `maker`:
    /// another one is up before it is left. Unless told, connections do not age.
    ///
    /// The idle limit of those settings is for pools and counts for nothing here:
    /// a link that nobody calls stays up.
    pub fn lifetime(mut self, maker: &lifetime::Maker) -> Self {
        self.lifetime = Some(maker.planner());
        self
    }

    /// Notices by `clock` when time passed unseen: a suspend, in which our own
    /// clock stops, or a process that was stopped. Then the connection is
    /// [checked](crate::Established::check), or replaced, and a wait is cut short; spread
    /// over two seconds. Unless told, nobody looks.
    ///
    /// Both clocks are compared every five seconds.
    pub fn wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall = Some(clock);
        self
    }

    /// Gives the calls on a connection that was replaced so long to end;
    /// [`RETIRE_WITHIN_DEFAULT`](crate::RETIRE_WITHIN_DEFAULT) unless told.
    pub fn retire_within(mut self, limit: Duration) -> Self {
        self.tuning.retire_within = limit;
        self
    }

    /// Obeys waits that a server asks for within `limits`; unless told, from the
    /// floor of the schedule to its cap or five minutes, whichever is longer.
    pub fn hints(mut self, limits: HintLimits) -> Self {
        self.tuning.hints = limits;
        self
    }

    /// Follows so many redirects in a row, counted from when the link was last
    /// stable; [`REDIRECTS_MAX_DEFAULT`](crate::REDIRECTS_MAX_DEFAULT) unless told, none if zero.
    pub fn redirects_max(mut self, redirects: u32) -> Self {
        self.tuning.redirects_max = redirects;
        self
    }

    /// Follows a redirect only where `may` allows the endpoint; a refused one is as
    /// none. Unless told, all are followed.
    ///
    /// Whoever we are sent to is told by the session hook who we are, and given the resume
    /// token: a server that is not ours may ask for that. TLS proves that the other one has
    /// the name we were sent to, and not that it should be trusted.
    pub fn redirects_to(mut self, may: impl Fn(&Endpoint) -> bool + Send + Sync + 'static) -> Self {
        self.redirects_to = Some(Box::new(may));
        self
    }

    /// Spreads over this long what all links do that hear of one change: move
    /// because their endpoint left the list, or because a server goes that names
    /// no window; [`MOVE_SPLAY_DEFAULT`](crate::MOVE_SPLAY_DEFAULT) unless told.
    pub fn move_splay(mut self, splay: Duration) -> Self {
        self.tuning.move_splay = splay;
        self
    }
}
