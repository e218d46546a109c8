//! What a call over a link that is up asks of the allocator: nothing. It has a program of its own,
//! since the allocator that counts is the program's.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_reconnect::{Established, Reconnect};
use tokio::runtime::Builder;
use tower::{Service, service_fn};

/// Answers with what it was told.
#[derive(Debug, Clone)]
struct Echo;

/// Comes with the caller's next turn, so that the call is once found in flight.
#[derive(Debug)]
struct Answer {
    said: u32,
    is_due: bool,
}

const CALLS: u32 = 100;

// === impl Echo ===

impl Service<u32> for Echo {
    type Response = u32;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, said: u32) -> Answer {
        let is_due = false;
        Answer { said, is_due }
    }
}

// === impl Answer ===

impl Future for Answer {
    type Output = Result<u32, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_due {
            return Poll::Ready(Ok(self.said));
        }
        self.is_due = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn call(link: &mut Reconnect<Echo>, calls: u32) {
    for said in 0..calls {
        poll_fn(|cx| link.poll_ready(cx)).await.unwrap();
        assert_eq!(link.call(said).await.unwrap(), said);
    }
}

#[test]
fn a_call_over_a_link_that_is_up_allocates_nothing() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let schedule = Schedule::exponential(Duration::from_secs(1), Duration::from_secs(10)).unwrap();
    let mut link = runtime.block_on(async {
        let connect = service_fn(|_: Endpoint| ready(Ok::<_, BoxError>(Established::new(Echo))));
        let endpoint = Endpoint::new("echo.example", 7);
        let mut link = Reconnect::builder(connect, endpoint, &Maker::new(schedule, 1)).build();
        call(&mut link, 1).await;
        link
    });
    let mut count = |calls| {
        allocation_counter::measure(|| runtime.block_on(call(&mut link, calls))).count_total
    };
    // What is made once is there after the first.
    count(1);
    assert_eq!(count(CALLS), count(0));
}
