//! The end of a client, when nothing goes wrong any more: its link comes back to the best
//! endpoint, moves when it is asked to without failing a call, has joined all it should, and
//! closes with nothing cut off and nothing left.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::endpoints::Choice;
use bowline_reconnect::State;
use bowline_sim::history::What;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::book::Live;
use super::gauge::{self, Breach};
use super::handle::{Handle, Outcome};
use super::line::{Line, Lines};
use super::terms::targets;
use super::{
    AWAY_WITHIN, CLOSED_WITHIN, CONNECT_TIMEOUT, GONE_WITHIN_MS, HANDLES, HOME_WITHIN,
    MOVED_WITHIN, RETIRE_WITHIN, STABLE_AFTER, TROUBLE, noticed_within, server_noticed_within,
    slow,
};
use crate::calls::Wish;

/// How often it looks whether something has come about.
const LOOK: Duration = Duration::from_millis(50);

/// Where those places begin.
const LAST_PLACES: u64 = 1 << 32;

/// How long it lets go by between two calls.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn play(lines: &Arc<Lines>, handles: Vec<Handle>) -> Result<(), BoxError> {
    // Who had said before that he would go, goes.
    sleep(Duration::from_millis(GONE_WITHIN_MS)).await;
    let line = lines.now();
    come_home(lines, &line).await;
    begin_anew(lines, &line).await;
    move_on(lines, &line, handles).await?;
    leave(lines, line).await
}

/// Waits until the link is where it should be, if it came away by a failure.
async fn come_home(lines: &Lines, line: &Line) {
    let is_home = || {
        let book = line.ledger.book();
        book.live().is_some_and(|live| match lines.terms.choice {
            // Where a server sent it, it stays.
            _ if live.redirected => true,
            Choice::Ordered => live.endpoint.host() == lines.terms.servers[0],
            _ => lines.terms.servers.contains(&live.endpoint.host()),
        })
    };
    if !comes_about(HOME_WITHIN, is_home).await {
        line.ledger.breach(Breach::NotHome);
    }
}

/// Has a connection replaced whose attempt began while things went wrong: its server may have been
/// rude when it came, and falls silent whenever it likes.
async fn begin_anew(lines: &Lines, line: &Line) {
    let began = lines.node.elapsed();
    while let Some(live) = live(line)
        && live.since < TROUBLE + CONNECT_TIMEOUT
        && lines.node.elapsed() < began + noticed_within(lines.terms.pace, true)
    {
        announce(lines, &live);
        let is_other = || {
            line.ledger
                .book()
                .live()
                .is_some_and(|it| it.epoch != live.epoch)
        };
        comes_about(AWAY_WITHIN, is_other).await;
    }
    // What that connection owed is answered, or its calls are over.
    sleep(RETIRE_WITHIN).await;
}

/// The server of this connection says that it will go.
fn announce(lines: &Lines, live: &Live) {
    let wish = Wish {
        from_ms: 0,
        to_ms: 500,
        closes_in_ms: 2_500,
        redirect: 0,
    };
    let door = lines.node.shared().door(live.endpoint.host());
    door.announce(wish, Some(lines.session));
}

/// Has the link move twice, because its server goes and because the list changes, while
/// every handle calls.
async fn move_on(lines: &Arc<Lines>, line: &Line, handles: Vec<Handle>) -> Result<(), BoxError> {
    let mut calling = JoinSet::new();
    let stop = CancellationToken::new();
    for mut handle in handles {
        let (ledger, stop) = (Arc::clone(&line.ledger), stop.clone());
        calling.spawn(async move {
            while !stop.is_cancelled() {
                if handle.call().await != Outcome::Acked {
                    ledger.breach(Breach::FailedByMove);
                }
                sleep(PAUSE).await;
            }
        });
    }
    // Whoever lets us in and sends us away, again and again, is left only as the backoff says:
    // until calls were answered for a while.
    let is_stable = || live(line).is_some_and(|it| lines.node.elapsed() >= it.since + STABLE_AFTER);
    comes_about(STABLE_AFTER * 2, is_stable).await;
    let from = live(line);
    if let Some(live) = &from {
        announce(lines, live);
        moved(line, live.epoch, AWAY_WITHIN).await;
    }
    if let Some(live) = live(line)
        && lines.terms.servers.len() > 1
    {
        let here = live.endpoint.host();
        let others: Vec<_> = lines
            .terms
            .servers
            .iter()
            .copied()
            .filter(|it| *it != here)
            .collect();
        line.list(lines.terms.lists, &targets(&others));
        if !live.redirected {
            moved(line, live.epoch, MOVED_WITHIN).await;
        }
    }
    // The last calls of the connection that was left.
    sleep(slow()).await;
    stop.cancel();
    while let Some(ended) = calling.join_next().await {
        ended?;
    }
    Ok(())
}

/// Waits until another connection takes the calls than `epoch`.
async fn moved(line: &Line, epoch: u64, within: Duration) {
    let is_other = || {
        line.ledger
            .book()
            .live()
            .is_some_and(|live| live.epoch != epoch)
    };
    if !comes_about(within, is_other).await {
        line.ledger.breach(Breach::NeverMoved);
    }
}

/// Closes the link with calls in flight, and writes down what is left of it, here and at the
/// servers.
async fn leave(lines: &Lines, line: Line) -> Result<(), BoxError> {
    let node = &lines.node;
    // Where a successor is being made it joins all of that now.
    let is_known = || {
        let known = node.shared().memory.joined(lines.session);
        (1..=lines.joined.len() as u64).all(|place| known.contains(&place))
    };
    if !comes_about(CONNECT_TIMEOUT, is_known).await {
        line.ledger.breach(Breach::NotRestored);
    }
    let mut state = line.link.state();
    let mut calling = JoinSet::new();
    // Places that nobody joins otherwise.
    for place in 0..HANDLES as u64 {
        calling.spawn(line.front().join(LAST_PLACES + place));
    }
    sleep(Duration::from_millis(1)).await;
    lines.last.cancel();
    line.ledger.closing();
    let began = node.elapsed();
    let cut_off = line.link.close_within(CLOSED_WITHIN).await;
    if cut_off > 0 || node.elapsed() > began + CLOSED_WITHIN {
        line.ledger.breach(Breach::CutByClose);
    }
    drop(line);
    state
        .wait_for(|state| matches!(state, State::Closed))
        .await?;
    calling.shutdown().await;
    node.record(What::Lost);
    lines.gauges.connections.read();
    lines.gauges.dialing.read();
    let guests = || node.shared().guests.of(lines.session);
    let mut left = server_noticed_within();
    while guests() > 0 && !left.is_zero() {
        let look = LOOK.min(left);
        sleep(look).await;
        left -= look;
    }
    gauge::record(node, gauge::GUESTS, guests() as u64, u64::MAX);
    Ok(())
}

fn live(line: &Line) -> Option<Live> {
    line.ledger.book().live().cloned()
}

/// Whether something comes about in time.
async fn comes_about(within: Duration, is: impl Fn() -> bool) -> bool {
    let mut left = within;
    while !is() && !left.is_zero() {
        let look = LOOK.min(left);
        sleep(look).await;
        left -= look;
    }
    is()
}
