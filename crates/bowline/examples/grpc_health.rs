//! tonic's health client and tonic's health server, neither of them ours: the
//! server is killed and started again, and no question goes without an answer.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::time::Duration;

use bowline::link::{BoxError, Listen, tcp};
use bowline::policy::backoff::{Maker, Schedule};
use bowline::policy::budget::{RetrySettings, TTL_DEFAULT};
use bowline::reconnect::Reconnect;
use bowline::reconnect::grpc::Channel;
use bowline::reconnect::http::Http2Connector;
use bowline::reconnect::replay::{Budget, Policy, Replay};
use bowline::reconnect::schedule::Pauses;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::task::JoinSet;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::retry::Retry;
use tower::{Service, ServiceExt, service_fn};

/// The question "are you well?", which may be put twice.
#[derive(Debug, Clone, Copy)]
struct Check;

impl Replay for Check {
    fn copy(&self) -> Option<Self> {
        Some(*self)
    }

    fn is_replayable(&self) -> bool {
        true
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (mut server, address) = start("127.0.0.1:0".parse()?)?;

    let schedule = Schedule::exponential(Duration::from_millis(20), Duration::from_secs(2))?;
    let maker = Maker::new(schedule, u64::from(std::process::id()));
    let connector = Http2Connector::new(tcp::Dialer::new());
    let link = Reconnect::builder(connector, address.into(), &maker).build();
    let client = HealthClient::new(Channel::new(link.clone()));

    // A fifth of the questions may be put again, and ten a second in any case.
    let budget = Budget::new(RetrySettings::new(200, 10, TTL_DEFAULT)?);
    let policy = Policy::new(budget, Pauses::new(maker));
    let ask = service_fn(move |Check| {
        let mut client = client.clone();
        async move { client.check(HealthCheckRequest::default()).await }
    });
    let mut health = Retry::new(policy, ask);

    for restart in 1..=3 {
        let answer = health.ready().await?.call(Check).await?;
        println!("{:?}", answer.into_inner().status());
        server.shutdown().await;
        let mut asking = JoinSet::new();
        asking.spawn(health.ready().await?.call(Check));
        (server, _) = start(address)?;
        let answer = asking.join_next().await.ok_or("asked")???;
        println!(
            "{:?}, after restart {restart}",
            answer.into_inner().status()
        );
    }
    println!("{:?}", *link.state().borrow());
    Ok(())
}

/// Serves; with what it returns every connection dies.
fn start(address: SocketAddr) -> Result<(JoinSet<()>, SocketAddr), BoxError> {
    let mut listener = tcp::Listener::bind(address)?;
    let address = listener.local_addr()?;
    let (_, health) = tonic_health::server::health_reporter();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let health = TowerToHyperService::new(health.clone());
            let server = http2::Builder::new(TokioExecutor::new());
            connections.spawn(server.serve_connection(TokioIo::new(stream), health));
        }
    });
    Ok((serving, address))
}
