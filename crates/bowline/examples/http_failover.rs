//! hyper's pooling client with two servers: it calls the first as long as that
//! one is there, the second when it is not, and the first again.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bowline::link::discovery::{Target, Targets};
use bowline::link::{BoxError, ConnectTimeoutLayer, Listen, tcp};
use bowline::policy::endpoints::{Choice, Failback, Maker, Settings};
use bowline::reconnect::FailoverLayer;
use bowline::reconnect::http::UriDialer;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn as answer;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceBuilder;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let free = "127.0.0.1:0".parse()?;
    let (mut first, first_at) = start("first", free)?;
    let (_second, second_at) = start("second", free)?;

    let servers = Targets::new([first_at, second_at].map(|at| Target::new(at.into())))?;
    // Seconds of health are proof enough here; unless told, it takes a minute.
    let (proof, splay, probe) = (2 * SECOND, SECOND, SECOND);
    let settings = Settings::new(Choice::Ordered).failback(Failback::new(proof, splay, probe)?);
    let dialer = ServiceBuilder::new()
        .layer(FailoverLayer::new(&servers, &Maker::new(settings, 1))?)
        .layer(ConnectTimeoutLayer::new(SECOND)) // for each of them
        .service(tcp::Dialer::new());
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0) // or a connection to the second is kept for the next call
        .build(UriDialer::http(dialer));
    let get = async || -> Result<String, BoxError> {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = Uri::from_static("http://history.example/");
        let body = client.request(request).await?.into_body().collect().await?;
        Ok(String::from_utf8(body.to_bytes().into())?)
    };

    println!("both are up:         {}", get().await?);
    first.shutdown().await;
    println!("the first is killed: {}", get().await?);
    let (_first, _) = start("first", first_at)?;
    println!("it is up again:      {}", get().await?);
    while get().await? != "first" {
        sleep(Duration::from_millis(100)).await;
    }
    println!("and is trusted:      first");
    Ok(())
}

/// A server that says its name, and what it runs in.
fn start(name: &'static str, at: SocketAddr) -> Result<(JoinSet<()>, SocketAddr), BoxError> {
    let mut listener = tcp::Listener::bind(at)?;
    let address = listener.local_addr()?;
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let say = answer(move |_| async move {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(name))))
            });
            let server = hyper::server::conn::http1::Builder::new();
            connections.spawn(server.serve_connection(TokioIo::new(stream), say));
        }
    });
    Ok((serving, address))
}
