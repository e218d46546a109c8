//! tonic's generated health client on a link of ours.

use std::time::Duration;

use bowline::link::tcp;
use bowline::policy::heartbeat::Fixed;
use bowline::reconnect::Reconnect;
use bowline::reconnect::grpc::Channel;
use bowline::reconnect::http::Http2Connector;
use bowline::reconnect::replay::Replay;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::retry::Retry;
use tower::{ServiceExt, service_fn};

use super::{Call, Kind, Rider, maker, policy, ride};

impl Replay for Call {
    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn is_replayable(&self) -> bool {
        self.replayable
    }
}

// contract: again-2, again-4
#[tokio::test]
async fn tonic_rides_through_ten_restarts() {
    ride(Kind::Grpc, |address| {
        let second = Duration::from_secs(1);
        let heartbeat = Fixed::new(10 * second, 5 * second, 3).unwrap();
        let dialer = tcp::Dialer::new().heartbeat(&heartbeat);
        let connector = Http2Connector::new(dialer).heartbeat(heartbeat);
        let link = Reconnect::builder(connector, address.into(), &maker())
            .failfast_after(30 * second)
            .build();
        let state = link.state();
        let client = HealthClient::new(Channel::new(link));
        let (policy, replays) = policy();
        let check = service_fn(move |call: Call| {
            let mut client = client.clone();
            let service = call.id;
            async move { client.check(HealthCheckRequest { service }).await }
        });
        let health = Retry::new(policy, check);
        let call = move |call| {
            let answer = health.clone().oneshot(call);
            async { answer.await.map(drop) }
        };
        Rider {
            call,
            state,
            replays,
        }
    })
    .await;
}
