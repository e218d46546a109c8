//! hyper's pooling client with two servers: it calls the first as long as that
//! one is there, the second when it is not, and the first again.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bowline::link::{BoxError, Dial, Endpoint, Listen, tcp};
use bowline::policy::endpoints::{self, Choice, Settings};
use bowline::reconnect::http::UriDialer;
use bytes::Bytes;
use http::{Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn as answer;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let free = "127.0.0.1:0".parse()?;
    let (mut first, first_at) = start("first", free)?;
    let (_second, second_at) = start("second", free)?;

    let dialer = failover([first_at, second_at].map(Endpoint::from))?;
    let client = Client::builder(TokioExecutor::new()).build(UriDialer::http(dialer));
    let get = async || -> Result<String, BoxError> {
        let uri = Uri::from_static("http://history.example/");
        let mut request = http::Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = uri;
        let body = client.request(request).await?.into_body().collect().await?;
        Ok(String::from_utf8(body.to_bytes().into())?)
    };

    println!("both are up:         {}", get().await?);
    first.shutdown().await;
    println!("the first is killed: {}", get().await?);
    let (_first, _) = start("first", first_at)?;
    println!(
        "it is up again:      {} (a connection is kept)",
        get().await?
    );
    Ok(())
}

/// Dials whichever endpoint is to be preferred now, whatever the name; each at
/// most once per call.
fn failover<const N: usize>(list: [Endpoint; N]) -> Result<impl Dial, BoxError> {
    let list = list.map(endpoints::Endpoint::new);
    let maker = endpoints::Maker::new(Settings::new(Choice::Ordered).eject_after(1)?, 1);
    let set = maker.set(list, Instant::now().into_std())?;
    let set = Arc::new(Mutex::new(set));
    Ok(service_fn(move |_: Endpoint| {
        let set = Arc::clone(&set);
        async move {
            let set = || set.lock().unwrap_or_else(PoisonError::into_inner);
            let mut refused = BoxError::from("there are no endpoints");
            for _ in 0..N {
                let began = Instant::now();
                let Some(chosen) = set().choose(began.into_std()) else {
                    break;
                };
                let dialed = tcp::Dialer::new().oneshot(chosen.key.clone()).await;
                let now = Instant::now();
                match dialed {
                    Ok(stream) => {
                        set().succeeded(&chosen.key, now - began, now.into_std());
                        return Ok(stream);
                    }
                    Err(error) => {
                        set().failed(&chosen.key, now.into_std());
                        refused = error.into();
                    }
                }
            }
            Err(refused)
        }
    }))
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
