//! A link as tonic's transport: failures are statuses that keep what is known.

use bowline_link::Endpoint;
use bowline_reconnect::grpc::{Channel, error, sent};
use bowline_reconnect::http::Http2Connector;
use bowline_reconnect::{Kind, Reconnect, Sent};
use http::Request;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};

use super::peer::{maker, ms, server};

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_status_of_the_link_says_whether_the_request_was_sent() {
    let nobody = service_fn(|_: Endpoint| async {
        Err::<tokio::io::DuplexStream, _>(std::io::Error::from(
            std::io::ErrorKind::ConnectionRefused,
        ))
    });
    let link = Reconnect::builder(Http2Connector::new(nobody), server(), &maker());
    let channel = Channel::new(link.failfast_after(ms(100)).build());
    let request = Request::new(Body::empty());
    let status = channel.clone().oneshot(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status.message().contains("connection refused"),
        "{status:?}"
    );
    assert_eq!(sent(&status), Sent::No);
    assert_eq!(error(&status).unwrap().kind, Kind::Unavailable);
    // As generated clients wrap it.
    let status = Status::from_error(status.into());
    assert_eq!(sent(&status), Sent::No);
}

#[test]
fn a_status_of_the_server_says_that_it_was() {
    let status = Status::unavailable("restarting");
    assert_eq!(sent(&status), Sent::Maybe);
    assert!(error(&status).is_none());
}

#[cfg(feature = "retry")]
#[test]
fn of_the_servers_statuses_only_unavailable_is_worth_another_try() {
    use bowline_reconnect::replay::SaysSent;

    assert!(Status::unavailable("restarting").may_pass());
    assert!(!Status::not_found("no such room").may_pass());
}
