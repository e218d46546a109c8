//! Whole requests, on a paused clock.

use std::io;

use tokio::time::{Instant, sleep};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::stall::{Settings, stalled};

const S: fn(u64) -> Duration = Duration::from_secs;

fn layer(request: Option<Duration>) -> RequestLayer {
    RequestLayer::new(
        &Limits::new(Settings {
            request,
            ..Settings::NONE
        })
        .unwrap(),
    )
}

async fn answers_after(wait: Duration) -> io::Result<Duration> {
    sleep(wait).await;
    Ok(wait)
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_ends_by_name() {
    let mut service = ServiceBuilder::new()
        .layer(layer(Some(S(30))))
        .service(service_fn(answers_after));
    assert_eq!(
        service.ready().await.unwrap().call(S(29)).await.unwrap(),
        S(29)
    );

    let start = Instant::now();
    let error = service
        .ready()
        .await
        .unwrap()
        .call(S(31))
        .await
        .unwrap_err();
    assert_eq!(Instant::now() - start, S(30));
    let stalled = stalled(&*error).unwrap();
    assert_eq!((stalled.which, stalled.after), (Step::Request, S(30)));
    assert_eq!(stalled.to_string(), "request limit of 30s passed");
}

#[tokio::test(start_paused = true)]
async fn a_service_keeps_its_own_error_and_without_a_limit_its_own_time() {
    let refuses = service_fn(|()| async { Err::<(), _>(io::Error::other("no")) });
    let error = layer(Some(S(30)))
        .layer(refuses)
        .oneshot(())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "no");
    assert!(stalled(&*error).is_none());

    let patient = layer(None).layer(service_fn(answers_after));
    assert_eq!(patient.oneshot(S(100_000)).await.unwrap(), S(100_000));
}
