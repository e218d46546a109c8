//! Software that does nothing while its process is frozen. It stops the future that a
//! scenario was given; tasks which that spawned are the runtime's, and go on.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::ready;

use crate::Net;

/// Runs `software` on `node`, save while a fault freezes it.
///
/// What would have woken it meanwhile is found by its first poll afterwards.
pub(super) async fn freezable<F: Future>(net: Net, node: String, software: F) -> F::Output {
    let mut software = pin!(software);
    let mut thaw: Option<Pin<Box<dyn Future<Output = ()>>>> = None;
    poll_fn(|cx| {
        if thaw.is_none() && net.is_frozen(&node) {
            let (net, node) = (net.clone(), node.clone());
            thaw = Some(Box::pin(async move { net.thawed(&node).await }));
        }
        if let Some(until) = &mut thaw {
            ready!(until.as_mut().poll(cx));
            thaw = None;
        }
        software.as_mut().poll(cx)
    })
    .await
}
