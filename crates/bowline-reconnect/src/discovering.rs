//! Endpoints that a discovery finds, put in force while the link is running.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::discovery::{Discover, InForce, Problem, Update};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::link::Link;
use crate::{Event, Origin, SharedError};

#[derive(Debug, thiserror::Error)]
#[error("the source of endpoints did not answer within {after:?}")]
struct Silent {
    after: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("the list of endpoints is {age:?} old, over the limit of {max_stale:?}")]
struct Expired {
    age: Duration,
    max_stale: Duration,
}

/// Puts in force what `source` says, until it has nothing more to say.
pub(crate) async fn discover<S>(link: Arc<Link<S>>, source: impl Discover) {
    let mut source = pin!(source);
    let mut in_force = InForce::new();
    while let Some(update) = source.next().await {
        let now = Instant::now().into_std();
        let changed = in_force.apply(&update, now);
        let problem: Option<SharedError> = match update {
            Update::List(_) if !changed => None,
            Update::List(targets) => {
                let list = targets.to_endpoints();
                let listed = link.relist(list, Origin::Discovered);
                listed.err().map(|error| Arc::new(error) as SharedError)
            }
            Update::Problem(Problem::Failed { error, .. }) => Some(error.into().into()),
            Update::Problem(Problem::Silent { after, .. }) => Some(Arc::new(Silent { after })),
            Update::Problem(Problem::Expired { age, max_stale }) => {
                link.relist_bootstrap();
                Some(Arc::new(Expired { age, max_stale }))
            }
            Update::Problem(_) => None,
        };
        if let Some(error) = problem {
            link.tell(Event::ListProblem { error });
        }
        // A source that never pauses must not keep the link from its other work.
        tokio::task::yield_now().await;
    }
}
