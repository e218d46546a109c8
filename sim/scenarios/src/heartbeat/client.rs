//! A client: it keeps a connection until all is well, and makes another one whenever it must.

use bowline_link::{BoxError, Endpoint, Resolving};
use bowline_sim::history::{Name, What};
use bowline_sim::scenario::Node;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::rival::{Naive, Rival};
use super::user::User;
use super::{Client, DIAL_TIMEOUT, End, PORT, REDIAL_AFTER, SERVER, link};

pub(super) async fn run(node: Node, rival: Option<Rival>) -> Result<(), BoxError> {
    let Client { name, temper, beat } = Client::named(node.name());
    let policy = beat.policy()?;
    let mut chance = node.chance();
    // One for all connections of a client, as its author had it.
    let mut naive = rival.map(Naive::new);
    let resolver = node.resolver(node.dns());
    let dialer = Resolving::new(resolver, node.dialer());
    loop {
        node.record(What::Dialed { to: SERVER.into() });
        let dial = dialer.clone().oneshot(Endpoint::new(SERVER, PORT));
        let Ok(Ok(stream)) = timeout(DIAL_TIMEOUT, dial).await else {
            sleep(REDIAL_AFTER).await;
            continue;
        };
        node.record(What::Connected { to: SERVER.into() });
        let user = User::new(name, temper, Pcg64::seed_from_u64(chance.next_u64()));
        let end = match &mut naive {
            None => link::keep(&node, stream, policy, user).await,
            Some(naive) => naive.keep(&node, stream, user).await,
        };
        match end {
            End::Done => {
                node.record(What::Lost);
                return Ok(());
            }
            End::GaveUp(silent) => {
                let silent_us = u64::try_from(silent.as_micros()).unwrap_or(u64::MAX);
                let on = Name::from(SERVER);
                node.record(What::GaveUp { on, silent_us });
            }
            End::Broke(error) => node.note(format!("the connection broke: {error}")),
        }
        node.record(What::Lost);
        sleep(REDIAL_AFTER).await;
    }
}
