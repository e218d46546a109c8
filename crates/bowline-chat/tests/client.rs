//! The client against the real server, over a network in memory that a test cuts.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on says where"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::client::{Client, Event, Settings};
use bowline_chat::log::{Message, Offset};
use bowline_chat::protocol::{Close, CloseCode, JoinFrom, Reply, Welcome, Wire};
use bowline_chat::server::{self, EndReason, Environment, Server};
use bowline_chat::store::{Committer, Memory, Retention};
use bowline_link::codec::Limits;
use bowline_link::{Dial, Endpoint, Listen, SystemClock};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::from_fn;
use bowline_policy::heartbeat::Fixed;
use bytes::BytesMut;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tokio::io::{AsyncWriteExt, DuplexStream, copy_bidirectional, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tower::service_fn;

const LOBBY: &str = "lobby";

/// Longer than any wait that is allowed.
const PATIENCE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(2);
const MISSES: u32 = 2;

/// A server, and the wires to it.
struct World {
    accepted: mpsc::Sender<DuplexStream>,
    wires: Arc<Mutex<JoinSet<()>>>,
    ended: mpsc::UnboundedReceiver<EndReason>,
    _server: JoinSet<()>,
}

struct Net(mpsc::Receiver<DuplexStream>);

impl Listen for Net {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(io) => Ok((io, self.local_addr()?)),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 7400).into())
    }
}

impl World {
    fn new() -> Self {
        let (accepted, queue) = mpsc::channel(16);
        let (tell, ended) = mpsc::unbounded_channel();
        let secrets = || ChaCha8Rng::seed_from_u64(1);
        let store = Memory::new(Retention::default(), Box::new(secrets()));
        let heartbeat = Fixed::new(INTERVAL, TIMEOUT, MISSES).unwrap();
        let settings = server::Settings::new(Limits::default(), heartbeat).unwrap();
        let environment = Environment {
            wall: Arc::new(SystemClock),
            secrets: Arc::new(Mutex::new(secrets())),
            observer: Arc::new(from_fn(move |event: &server::Event| {
                if let server::Event::Ended { reason } = event {
                    // A test that has ended listens no more.
                    tell.send(reason.clone()).ok();
                }
            })),
        };
        let mut server = JoinSet::new();
        let serving = Server::new(Committer::inline(store), settings, environment);
        server.spawn(serving.serve(Net(queue), std::future::pending()));
        Self {
            accepted,
            wires: Arc::default(),
            ended,
            _server: server,
        }
    }

    /// Each dial is a wire to the server that [`cut`](Self::cut) cuts.
    fn dialer(&self) -> impl Dial + use<> {
        let (accepted, wires) = (self.accepted.clone(), self.wires.clone());
        service_fn(move |_: Endpoint| {
            let (accepted, wires) = (accepted.clone(), wires.clone());
            async move {
                let (io, mut near) = duplex(1 << 16);
                let (mut far, server) = duplex(1 << 16);
                accepted.send(server).await.map_err(io::Error::other)?;
                wires.lock().unwrap().spawn(async move {
                    // Either end may hang up.
                    copy_bidirectional(&mut near, &mut far).await.ok();
                });
                Ok::<_, io::Error>(io)
            }
        })
    }

    fn cut(&self) {
        self.wires.lock().unwrap().abort_all();
    }
}

fn start(dial: impl Dial, nick: &str, seed: u64) -> (Client, mpsc::Receiver<Event>) {
    let schedule =
        Schedule::exponential(Duration::from_millis(100), Duration::from_secs(2)).unwrap();
    let settings = Settings::new(nick, Maker::new(schedule, seed));
    let secrets = Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed)));
    Client::start(dial, Endpoint::new("server", 7400), settings, secrets).unwrap()
}

async fn until<T>(
    events: &mut mpsc::Receiver<Event>,
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> T {
    let search = async {
        loop {
            let event = events.recv().await.expect("the client is alive");
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, search).await.expect("it comes in time")
}

fn message(event: Event) -> Option<Message> {
    match event {
        Event::Message { message, .. } => Some(message),
        _ => None,
    }
}

fn joined(event: Event) -> Option<(Option<bool>, u64)> {
    match event {
        Event::Joined {
            recovered, count, ..
        } => Some((recovered, count)),
        _ => None,
    }
}

// contract: chat-2
#[tokio::test(start_paused = true)]
async fn a_client_that_was_cut_off_comes_back_to_where_it_stood() {
    let world = World::new();
    let (ann, mut ann_sees) = start(world.dialer(), "ann", 1);
    let (bob, mut bob_sees) = start(world.dialer(), "bob", 2);
    for (client, sees) in [(&ann, &mut ann_sees), (&bob, &mut bob_sees)] {
        client.join(LOBBY, JoinFrom::Live).await.unwrap();
        assert_eq!(until(sees, joined).await, (None, 0));
    }
    let first = ann.publish(LOBBY, "one").await.unwrap();
    assert!(!first.receipt().await.unwrap().duplicate);
    assert_eq!(until(&mut bob_sees, message).await.offset, Offset(1));
    world.cut();
    // Said while nobody is connected: queued, and sent when they are.
    let second = bob.publish(LOBBY, "two").await.unwrap();
    let third = bob.publish(LOBBY, "three").await.unwrap();
    assert_eq!(second.receipt().await.unwrap().position.offset, Offset(2));
    assert_eq!(third.receipt().await.unwrap().position.offset, Offset(3));
    // Ann's first is her own; bob was shown it before the cut.
    for (sees, expected) in [(&mut ann_sees, &[1, 2, 3][..]), (&mut bob_sees, &[2, 3])] {
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            seen.push(until(sees, message).await.offset.0);
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn leaving_is_said() {
    let mut world = World::new();
    let (ann, mut sees) = start(world.dialer(), "ann", 1);
    ann.join(LOBBY, JoinFrom::Live).await.unwrap();
    until(&mut sees, joined).await;
    ann.close().await;
    assert_eq!(world.ended.recv().await, Some(EndReason::Left));
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_noticed_within_the_bound() {
    let (hold, mut held) = mpsc::channel::<DuplexStream>(16);
    let dial = service_fn(move |_: Endpoint| says(Reply::Welcome(welcome()), hold.clone()));
    let (_client, mut sees) = start(dial, "ann", 1);
    let connected = |event| matches!(event, Event::Connected { .. }).then(Instant::now);
    let up = until(&mut sees, connected).await;
    let _server = held.recv().await;
    let lost = |event| matches!(event, Event::Lost { .. }).then(Instant::now);
    let silent = until(&mut sees, lost).await - up;
    let bound = INTERVAL + TIMEOUT * (MISSES + 1);
    assert!(silent >= INTERVAL && silent <= bound, "{silent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_for_good_is_not_called_again() {
    let (hold, mut held) = mpsc::channel::<DuplexStream>(16);
    let refusal = || Reply::Close(Close::new(CloseCode::VERSION));
    let dial = service_fn(move |_: Endpoint| says(refusal(), hold.clone()));
    let (client, mut sees) = start(dial, "ann", 1);
    let parked = |event| match event {
        Event::Parked { reason } => Some(reason),
        _ => None,
    };
    let reason = until(&mut sees, parked).await;
    assert!(reason.contains("3503"), "{reason}");
    assert!(held.recv().await.is_some());
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(held.try_recv().is_err(), "it called again");
    client.reconnect_now().await.unwrap();
    assert!(held.recv().await.is_some());
}

/// A dial to a server that says one thing and then nothing.
async fn says(reply: Reply, hold: mpsc::Sender<DuplexStream>) -> io::Result<DuplexStream> {
    let (io, mut server) = duplex(1 << 16);
    let mut bytes = BytesMut::new();
    Wire::Binary.put_reply(&reply, &mut bytes);
    server.write_all(&bytes).await?;
    hold.send(server).await.map_err(io::Error::other)?;
    Ok(io)
}

fn welcome() -> Welcome {
    Welcome {
        seq: 1,
        proto: 1,
        server: "silent".into(),
        node_id: 1,
        conn_id: 1,
        user: "ann".into(),
        guest: true,
        ping_ms: INTERVAL.as_millis() as u64,
        timeout_ms: TIMEOUT.as_millis() as u64,
        misses: MISSES,
        frame_bytes_max: 1 << 16,
        rooms_max: 8,
        inflight_max: 8,
        durable: false,
        server_time: 0,
    }
}
