//! The server that is killed: this very test program, started as a process of
//! its own to run the one test that serves.

use std::convert::Infallible;
use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bowline::link::{Listen, tcp};
use futures_util::{Stream, stream};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Status;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::ledger::Ledger;
use crate::services::{Running, free_address};

/// Tells the process that it is the server: what it speaks, where, and its ledger.
const SERVE: [&str; 3] = ["RIDE_KIND", "RIDE_ADDRESS", "RIDE_LEDGER"];

/// How long a call takes, so that every kill finds some under way.
const WORK: Duration = Duration::from_millis(5);

/// What the server speaks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Grpc,
    Http,
}

/// The server, of which one process runs at a time.
pub(super) struct Server {
    kind: Kind,
    pub(super) address: SocketAddr,
    ledger: PathBuf,
    running: Option<Running>,
}

// === impl Server ===

impl Server {
    pub(super) fn new(kind: Kind, ledger: &Ledger) -> Self {
        Self {
            kind,
            address: free_address(),
            ledger: ledger.path(),
            running: None,
        }
    }

    /// Starts the process; it listens when it is ready to.
    pub(super) fn start(&mut self) {
        let mut command = Command::new(env::current_exe().unwrap());
        let test = "ride::server::a_process_that_is_told_to_serve_does";
        command
            .args(["--exact", test, "--nocapture"])
            .env(SERVE[0], format!("{:?}", self.kind))
            .env(SERVE[1], self.address.to_string())
            .env(SERVE[2], &self.ledger)
            .stdout(Stdio::null());
        self.running = Some(Running::start(&mut command));
    }

    /// Kills it as `kill -9` does.
    pub(super) fn kill(&mut self) {
        self.running = None;
    }
}

/// Not a test where nobody says what to serve: the tests beside this one start it.
#[tokio::test]
async fn a_process_that_is_told_to_serve_does() {
    let [Some(kind), Some(address), Some(ledger)] = SERVE.map(env::var_os) else {
        return;
    };
    let address = address.to_str().unwrap().parse().unwrap();
    let listener = tcp::Listener::bind(address).unwrap();
    let book = Arc::new(Book::open(Path::new(&ledger)));
    match kind.to_str().unwrap() {
        "Grpc" => serve_grpc(listener, book).await,
        _ => serve_http(listener, book).await,
    }
}

/// The ledger as the server writes it.
struct Book(File);

impl Book {
    fn open(path: &Path) -> Self {
        Self(OpenOptions::new().append(true).open(path).unwrap())
    }

    /// In one write, so that a kill finds the line written or not begun.
    async fn carry_out(&self, id: &str) {
        (&self.0).write_all(format!("{id}\n").as_bytes()).unwrap();
        sleep(WORK).await;
    }
}

async fn serve_http(mut listener: tcp::Listener, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let book = Arc::clone(&book);
        connections.spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let book = Arc::clone(&book);
                async move {
                    if let Some(id) = request.uri().path().strip_prefix("/do/") {
                        book.carry_out(id).await;
                    }
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("done"))))
                }
            });
            let server = auto::Builder::new(TokioExecutor::new());
            server
                .serve_connection(TokioIo::new(stream), answer)
                .await
                .ok();
        });
    }
}

async fn serve_grpc(listener: tcp::Listener, book: Arc<Book>) {
    let incoming = stream::unfold(listener, |mut listener| async {
        let accepted = listener.accept().await;
        Some((accepted.map(|(stream, _)| stream), listener))
    });
    let service = HealthServer::new(Bookkeeper(book));
    tonic::transport::Server::builder()
        .serve_with_incoming(service, Box::pin(incoming))
        .await
        .unwrap();
}

/// A health service that writes down whose health is asked for.
struct Bookkeeper(Arc<Book>);

#[tonic::async_trait]
impl Health for Bookkeeper {
    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        self.0.carry_out(&request.into_inner().service).await;
        let status = ServingStatus::Serving.into();
        Ok(tonic::Response::new(HealthCheckResponse { status }))
    }

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nobody watches here"))
    }
}
