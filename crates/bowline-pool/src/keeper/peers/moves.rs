//! Which connection would be better off elsewhere, by order or by weight. It
//! moves none.

use std::sync::Arc;

use bowline_policy::endpoints::Choice;
use tokio::time::Instant;

use super::{Peer, Peers};
use crate::origin::Origin;

/// From where to where a connection should go.
pub(in crate::keeper) struct Move {
    pub(in crate::keeper) from: Arc<Origin>,
    pub(in crate::keeper) to: Arc<Origin>,
    /// Only to learn how it is there.
    pub(in crate::keeper) probe: bool,
}

// === impl Peers ===

impl Peers {
    /// A connection that would be better off elsewhere, or an endpoint that has
    /// to prove its health.
    pub(in crate::keeper) fn next_move(&mut self, now: Instant) -> Option<Move> {
        match self.settings.endpoints.settings().choice() {
            Choice::Ordered => self.prefer(now),
            Choice::Weighted => self.even_out(now),
            // Each dial chooses anew, and no share is promised to anybody.
            _ => None,
        }
    }

    fn prefer(&mut self, now: Instant) -> Option<Move> {
        let now = now.into_std();
        let used: Vec<_> = self.origins();
        let used = used.into_iter().filter(|origin| origin.staying() > 0);
        for from in used {
            let key = &from.endpoint;
            let (to, probe) = match self.set.prefer(key, now) {
                Some(to) => (to, false),
                None => match self.set.probe(key, now) {
                    Some(to) => (to, true),
                    None => continue,
                },
            };
            let to = self.origin(&to)?;
            return Some(Move { from, to, probe });
        }
        None
    }

    /// From one that has too many to one that has too few: first of those that
    /// answer, and then to one that failed, once it may be dialed again. While
    /// nothing new is wanted, nobody else would find out that it is back.
    fn even_out(&self, now: Instant) -> Option<Move> {
        let not_out = |peer: &&Peer| {
            let key = &peer.origin.endpoint;
            self.set.ejected_until(key, now.into_std()).is_none()
        };
        let not_out = self.peers.values().filter(not_out);
        let (mut sharing, failing): (Vec<_>, Vec<_>) =
            not_out.partition(|peer| peer.failing_since.is_none());
        if let Some((from, to)) = uneven(&sharing) {
            return Some(between(from, to));
        }
        for back in failing {
            if back.held_back(now).is_some() {
                continue;
            }
            sharing.push(back);
            match uneven(&sharing) {
                Some((from, to)) if Arc::ptr_eq(&to.origin, &back.origin) => {
                    return Some(between(from, to));
                }
                Some(_) | None => {}
            }
            sharing.pop();
        }
        None
    }
}

/// Who is furthest above its share and who furthest below, if both come nearer
/// to theirs by one connection less and one more.
fn uneven<'a>(peers: &[&'a Peer]) -> Option<(&'a Peer, &'a Peer)> {
    let open: usize = peers.iter().map(|peer| peer.origin.staying()).sum();
    let weights: usize = peers.iter().map(|peer| peer.weight).sum();
    // In whole numbers: connections times the sum of weights.
    let surplus = |peer: &&&Peer| {
        let has = (peer.origin.staying() * weights).cast_signed();
        has - (open * peer.weight).cast_signed()
    };
    let from = peers.iter().max_by_key(surplus)?;
    let to = peers.iter().min_by_key(surplus)?;
    // Their distance, and not how far each is off: where many have a little too
    // much, none has a whole connection to spare, and a newcomer would get none.
    (surplus(&from) - surplus(&to) > weights.cast_signed()).then_some((*from, *to))
}

fn between(from: &Peer, to: &Peer) -> Move {
    Move {
        from: Arc::clone(&from.origin),
        to: Arc::clone(&to.origin),
        probe: false,
    }
}
