//! One name with two addresses, of which one refuses: who is reached, and what is said when
//! neither answers. Over real TCP on loopback; the name is answered by a resolver of its own.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::time::Duration;

use bowline_link::{BoxError, ConnectTimeoutLayer, Endpoint, Listen, Resolve, tcp};
use tower::{Layer, ServiceExt};

/// Knows one name, as a hosts file might.
#[derive(Clone)]
struct Hosts(Vec<SocketAddr>);

impl Resolve for Hosts {
    type Error = Infallible;

    fn resolve(
        &self,
        _endpoint: Endpoint,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, Infallible>> + Send + 'static {
        ready(Ok(self.0.clone()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
    let here = listener.local_addr()?;
    let nobody = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, here.port()));

    let chat = Endpoint::new("chat.example", here.port());
    let dialer = tcp::Dialer::new().resolver(Hosts(vec![nobody, here]));
    let dialer = ConnectTimeoutLayer::new(Duration::from_secs(5)).layer(dialer);
    let stream = dialer.clone().oneshot(chat.clone()).await?;
    println!(
        "{chat} is {nobody} or {here}; reached {}",
        stream.peer_addr()?
    );

    drop((stream, listener));
    if let Err(error) = dialer.oneshot(chat).await {
        println!("and without a listener: {error}");
    }
    Ok(())
}
