//! A connector over several endpoints: whom it calls, whom it goes on to, and when
//! it comes back to the better one.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::endpoints::{Choice, Maker, Settings};
use bowline_reconnect::{Failover, FailoverLayer, Unauthorized};
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

/// Peers that connect, refuse, take no answer or doubt who we are; and who was
/// called.
#[derive(Debug, Clone, Default)]
struct Net(Arc<Mutex<Peers>>);

#[derive(Debug, Default)]
struct Peers {
    down: BTreeSet<u16>,
    silent: BTreeSet<u16>,
    strict: BTreeSet<u16>,
    called: Vec<u16>,
}

// === impl Net ===

impl Net {
    fn connector(&self) -> impl Connect<Connection = u16> {
        let net = self.clone();
        service_fn(move |to: Endpoint| {
            let net = net.clone();
            async move {
                let port = to.port();
                let silent = {
                    let mut peers = net.0.lock().unwrap();
                    peers.called.push(port);
                    if peers.strict.contains(&port) {
                        return Err(Unauthorized("a wrong password".into()).into());
                    }
                    if peers.down.contains(&port) {
                        return Err(BoxError::from(format!("{port} is down")));
                    }
                    peers.silent.contains(&port)
                };
                if silent {
                    pending::<()>().await;
                }
                Ok(port)
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Peers)) {
        change(&mut self.0.lock().unwrap());
    }

    fn called(&self) -> Vec<u16> {
        std::mem::take(&mut self.0.lock().unwrap().called)
    }
}

fn targets(ports: impl IntoIterator<Item = u16>) -> Targets {
    let endpoints = ports
        .into_iter()
        .map(|port| Endpoint::new("peer.example", port));
    Targets::new(endpoints.map(Target::new)).unwrap()
}

fn ordered() -> Maker {
    Maker::new(Settings::new(Choice::Ordered), 1)
}

fn failover(net: &Net) -> Failover<impl Connect<Connection = u16>> {
    Failover::new(net.connector(), &targets([1, 2, 3]), &ordered()).unwrap()
}

fn anybody() -> Endpoint {
    Endpoint::new("history.example", 80)
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_connect_goes_on_to_the_next_endpoint_until_one_connects() {
    let net = Net::default();
    net.change(|peers| peers.down.extend([1, 2]));
    let dialer = failover(&net);
    assert_eq!(dialer.clone().oneshot(anybody()).await.unwrap(), 3);
    assert_eq!(net.called(), [1, 2, 3]);
    // Whoever comes next need not find out again.
    assert_eq!(dialer.oneshot(anybody()).await.unwrap(), 3);
    assert_eq!(net.called(), [3]);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn the_better_endpoint_is_tried_again_once_it_may_be_well() {
    let net = Net::default();
    net.change(|peers| peers.down.extend([1]));
    let dialer = failover(&net);
    assert_eq!(dialer.clone().oneshot(anybody()).await.unwrap(), 2);
    net.change(|peers| peers.down.clear());
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(dialer.clone().oneshot(anybody()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_endpoint_is_tried_once_and_the_error_says_how_many_there_were() {
    let net = Net::default();
    net.change(|peers| peers.down.extend([1, 2, 3]));
    let error = failover(&net).oneshot(anybody()).await.unwrap_err();
    assert_eq!(net.called(), [1, 2, 3]);
    assert_eq!(error.tried, 3);
    assert_eq!(
        error.to_string(),
        "could not connect to peer.example:3, the last of 3 tried"
    );
    assert_eq!(error.source.to_string(), "3 is down");
}

/// Locked accounts are not to be had from every server of the list.
#[tokio::test(start_paused = true)]
async fn who_does_not_believe_our_credentials_is_the_last_to_be_asked() {
    let net = Net::default();
    net.change(|peers| peers.strict.extend([1]));
    let dialer = failover(&net);
    let error = dialer.clone().oneshot(anybody()).await.unwrap_err();
    assert_eq!(net.called(), [1]);
    assert!(error.source.is::<Unauthorized>());
    assert_eq!(dialer.health().failing, 0, "it is not the server's fault");
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_given_up_is_charged_to_nobody() {
    let net = Net::default();
    net.change(|peers| peers.silent.extend([1]));
    let dialer = failover(&net);
    let given_up = timeout(Duration::from_secs(1), dialer.clone().oneshot(anybody())).await;
    assert!(given_up.is_err());
    assert_eq!(dialer.health().failing, 0);
}

#[tokio::test(start_paused = true)]
async fn what_one_layer_makes_shares_what_is_known_and_another_list_counts_for_all() {
    let net = Net::default();
    net.change(|peers| peers.down.extend([1]));
    let layer = FailoverLayer::new(&targets([1, 2]), &ordered()).unwrap();
    let (one, other) = (layer.layer(net.connector()), layer.layer(net.connector()));
    assert_eq!(one.clone().oneshot(anybody()).await.unwrap(), 2);
    assert_eq!(other.clone().oneshot(anybody()).await.unwrap(), 2);
    assert_eq!(net.called(), [1, 2, 2]);
    one.set_endpoints(&targets([4])).unwrap();
    assert_eq!(other.oneshot(anybody()).await.unwrap(), 4);
}
