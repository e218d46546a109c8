//! Words that come when the last one has been said.

use bowline_link::Endpoint;
use futures_util::FutureExt;

use super::Hub;
use crate::{ClosedReason, Event, Origin};

// contract: again-10
#[test]
fn nothing_is_told_after_the_end() {
    let hub = Hub::new(8);
    let mut events = hub.subscribe();
    let listed = Event::Listed {
        endpoints: 1,
        origin: Origin::Set,
    };
    let closed = Event::Closed {
        endpoint: Endpoint::new("chat.example", 7400),
        reason: ClosedReason::Asked,
    };
    for event in [&listed, &closed, &listed, &closed] {
        hub.tell(event);
    }
    let mut read = || events.next().now_or_never().expect("it is there or never");
    assert!(matches!(read().unwrap().event, Event::Listed { .. }));
    assert!(matches!(read().unwrap().event, Event::Closed { .. }));
    assert!(read().is_none());
}
