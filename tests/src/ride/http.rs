//! hyper's client connections on a link of ours, under the whole stack that
//! `docs/guide/stack.md` reads, TLS aside.

use std::net::SocketAddr;
use std::time::Duration;

use bowline::link::breaker::{BreakerLayer, Breakers};
use bowline::link::dial_budget::{self, DialBudget, DialBudgetLayer};
use bowline::link::{BoxError, Connect, ConnectTimeoutLayer, Dial, tcp};
use bowline::policy::breaker;
use bowline::policy::budget::DialSettings;
use bowline::policy::heartbeat::Fixed;
use bowline::reconnect::http::{Http1Connector, Http2Connector};
use bowline::reconnect::{Established, Reconnect, Resumption};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use tower::{Service, ServiceBuilder, ServiceExt};

use super::{Call, Kind, Rider, maker, policy, ride};

type Ask = Request<Full<Bytes>>;

const SECOND: Duration = Duration::from_secs(1);

fn heartbeat() -> Fixed {
    Fixed::new(10 * SECOND, 5 * SECOND, 3).unwrap()
}

fn dialer() -> impl Dial {
    // Nobody else is called, so the breaker may be as patient as the link.
    let settings = breaker::Settings::new(1000).unwrap();
    let breakers = Breakers::per_endpoint(breaker::Maker::new(settings, 1), 10).unwrap();
    let dials = DialSettings::per_second(50, 10).unwrap();
    let dials = dial_budget::Settings::new(dials, 16).unwrap();
    ServiceBuilder::new()
        .layer(ConnectTimeoutLayer::new(10 * SECOND))
        .layer(BreakerLayer::new(breakers))
        .layer(DialBudgetLayer::new(DialBudget::new(dials)))
        .service(tcp::Dialer::new().heartbeat(&heartbeat()))
}

/// The request for a call: PUT may be repeated, POST may not.
fn request(method: Method, path: &str) -> Ask {
    let request = Request::builder().method(method).uri(path);
    request.body(Full::default()).unwrap()
}

async fn hello(
    session: impl Service<Ask, Response = Response<Incoming>, Error = BoxError>,
) -> Result<Resumption, BoxError> {
    let answer = session.oneshot(request(Method::GET, "/hello")).await?;
    match answer.status() {
        StatusCode::OK => Ok(Resumption::Fresh),
        status => Err(status.to_string().into()),
    }
}

fn rider<S>(
    connector: impl Connect<Connection = Established<S>>,
    address: SocketAddr,
) -> Rider<impl Fn(Call) -> Calling + Clone + Send + 'static>
where
    S: Service<Ask, Response = Response<Incoming>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let link = Reconnect::builder(connector, address.into(), &maker())
        .failfast_after(30 * SECOND)
        .on_session(|session, _| hello(session))
        .build();
    let state = link.state();
    let (policy, replays) = policy();
    let service = ServiceBuilder::new()
        .timeout(60 * SECOND)
        .load_shed()
        .buffer(16)
        .retry(policy)
        .service(link);
    let call = move |call: Call| -> Calling {
        let service = service.clone();
        Box::pin(async move {
            let method = match call.replayable {
                true => Method::PUT,
                false => Method::POST,
            };
            let request = request(method, &format!("/do/{}", call.id));
            let answer = service.oneshot(request).await?;
            assert_eq!(answer.status(), StatusCode::OK);
            // The answer is its head; what is lost of the body is no failed call.
            answer.into_body().collect().await.ok();
            Ok(())
        })
    };
    Rider {
        call,
        state,
        replays,
    }
}

type Calling = std::pin::Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

// contract: again-2, again-4
#[tokio::test]
async fn hyper_rides_through_ten_restarts_over_http_2() {
    ride(Kind::Http, |address| {
        rider(
            Http2Connector::new(dialer()).heartbeat(heartbeat()),
            address,
        )
    })
    .await;
}

// contract: again-2, again-4
#[tokio::test]
async fn hyper_rides_through_ten_restarts_over_http_1() {
    ride(Kind::Http, |address| {
        rider(Http1Connector::new(dialer()), address)
    })
    .await;
}
