//! What each end of a stream sees of each fault. Latency is 10 ms each way, sharp, so that
//! times can be told in advance up to a few ticks.

use std::time::Duration;

use bowline_link::{Dial, Endpoint, Listen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use super::*;
use crate::Direction;
use crate::{Fault, Plan, Settings, Step, World};

mod accept_stall;
mod bandwidth;
mod black_hole;
mod combined;
mod corrupt;
mod crash;
mod dial;
mod flap;
mod freeze;
mod half_close;
mod latency;
mod power;
mod refuse;
mod reset;
mod slice;
mod stall;
mod truncate;
mod window;

const PORT: u16 = 7400;

/// When scripts begin: by then the server listens.
const START_MS: u64 = 100;

/// Between a cause and what is seen of it: some 20 ms on the way and some ticks.
const SOON_MS: u64 = 80;

/// What a fault of a target in a direction concerns, named by who hears it.
const CASES: [(&str, Direction, &[&str]); 7] = [
    ("ann", Direction::Inbound, &["ann"]),
    ("ann", Direction::Outbound, &["server of ann"]),
    ("ann", Direction::Both, &["ann", "server of ann"]),
    (
        "server",
        Direction::Inbound,
        &["server of ann", "server of bob"],
    ),
    ("server", Direction::Outbound, &["ann", "bob"]),
    ("clients", Direction::Inbound, &["ann", "bob"]),
    ("clients", Direction::Both, &EARS),
];

/// The ends of the streams that ann and bob dial to the server.
const EARS: [&str; 4] = ["ann", "bob", "server of ann", "server of bob"];

/// Who said what, and when in milliseconds.
type Log = Arc<Mutex<Vec<(String, u64, String)>>>;

/// What a script is given: its node's network, and a voice.
#[derive(Clone)]
struct Actor {
    net: Net,
    log: Log,
    clock: SimClock,
    node: &'static str,
}

impl Actor {
    fn say(&self, text: impl Into<String>) {
        self.say_of(self.node, text);
    }

    fn say_of(&self, whom: &str, text: impl Into<String>) {
        let at = u64::try_from(self.clock.elapsed().as_millis()).unwrap();
        let line = (whom.to_owned(), at, text.into());
        self.log.lock().unwrap().push(line);
    }

    /// Says what an operation ended with: a number or the kind of an error.
    fn say_result<T: std::fmt::Debug>(&self, what: &str, result: io::Result<T>) {
        match result {
            Ok(value) => self.say(format!("{what} {value:?}")),
            Err(error) => self.say(format!("{what} {:?}", error.kind())),
        }
    }

    async fn dial(&self) -> io::Result<Stream> {
        dial(self.net.dialer(self.node), Endpoint::new("server", PORT)).await
    }

    /// Waits until the world is `at_ms` old.
    async fn until(&self, at_ms: u64) {
        sleep(Duration::from_millis(at_ms).saturating_sub(self.clock.elapsed())).await;
    }
}

/// Generic, as every user of the seam is.
async fn dial<D>(dialer: D, to: Endpoint) -> io::Result<D::Io>
where
    D: Dial + Service<Endpoint, Error = io::Error>,
{
    dialer.oneshot(to).await
}

async fn serve<L: Listen>(mut listener: L, mut each: impl AsyncFnMut(L::Io) -> io::Result<()>) {
    while let Ok((stream, _)) = listener.accept().await {
        each(stream).await.unwrap();
    }
}

fn step(at_ms: u64, for_ms: u64, target: &str, fault: Fault) -> Step {
    Step {
        at_ms,
        for_ms: (!fault.is_instant()).then_some(for_ms),
        target: target.to_owned(),
        fault,
    }
}

/// Plays `steps` to a server that runs `session` with each stream it accepts, and to ann
/// and bob on one host, who run `script`. Lasts for five seconds.
fn play(
    steps: &[Step],
    session: impl AsyncFn(Actor, Stream) + Copy + 'static,
    script: impl AsyncFn(Actor) + Copy + 'static,
) -> Log {
    play_for(Duration::from_secs(5), steps, session, script)
}

/// Plays to each end of the streams that ann and bob dial, which knows how it is called.
fn play_ends(steps: &[Step], script: impl AsyncFn(Actor, Stream, &str) + Copy + 'static) -> Log {
    play(
        steps,
        async move |server, mut stream| {
            let ear = ["server of ann", "server of bob"];
            let who = stream.read_u8().await.unwrap();
            script(server, stream, ear[usize::from(who)]).await;
        },
        async move |client| {
            let mut stream = client.dial().await.unwrap();
            let who = u8::from(client.node == "bob");
            stream.write_u8(who).await.unwrap();
            let node = client.node;
            script(client, stream, node).await;
        },
    )
}

fn play_for(
    over: Duration,
    steps: &[Step],
    session: impl AsyncFn(Actor, Stream) + Copy + 'static,
    script: impl AsyncFn(Actor) + Copy + 'static,
) -> Log {
    let topology = Topology::new(over)
        .host("server")
        .nodes("clients", ["ann", "bob"]);
    let settings = Settings {
        latency: Duration::from_millis(10)..=Duration::from_millis(10),
        ..Settings::default()
    };
    let plan = Plan {
        seed: 1,
        topology,
        steps: steps.to_vec(),
    };
    let mut world = World::new(plan, settings);
    let log = Log::default();
    let actor = |node| Actor {
        net: world.net(),
        log: Arc::clone(&log),
        clock: world.wall_clock(),
        node,
    };
    let (server, ann, bob) = (actor("server"), actor("ann"), actor("bob"));
    let clock = world.wall_clock();
    world.host("server", move || {
        let server = server.clone();
        async move {
            let mut sessions = JoinSet::new();
            let listener = server.net.listen("server", PORT).await?;
            serve(listener, async |stream| {
                let server = server.clone();
                sessions.spawn_local(async move { session(server, stream).await });
                Ok(())
            })
            .await;
            Ok(())
        }
    });
    world.host("clients", move || {
        let (ann, bob) = (ann.clone(), bob.clone());
        async move {
            sleep(Duration::from_millis(START_MS)).await;
            let mut scripts = JoinSet::new();
            scripts.spawn_local(async move { script(ann).await });
            scripts.spawn_local(async move { script(bob).await });
            scripts.join_all().await;
            std::future::pending().await
        }
    });
    world.run(move || clock.elapsed() >= over).unwrap();
    log
}

/// What `node` said, and when.
fn said(log: &Log, node: &str) -> Vec<(u64, String)> {
    let log = log.lock().unwrap();
    let lines = log.iter().filter(|(who, _, _)| who == node);
    lines.map(|(_, at, text)| (*at, text.clone())).collect()
}

/// Asserts that `node` said exactly `expected`, each at its time or soon after.
#[track_caller]
fn assert_said(log: &Log, node: &str, expected: &[(u64, &str)]) {
    let said = said(log, node);
    let fits = said.len() == expected.len()
        && said
            .iter()
            .zip(expected)
            .all(|((at, text), (due, expected))| {
                text == expected && (*due..=due + SOON_MS).contains(at)
            });
    assert!(fits, "{node} said {said:?}, not {expected:?}");
}

/// Sends a number at each of `at_ms`, and says in the name of `ear` which come.
async fn talk(actor: &Actor, stream: Stream, ear: &str, at_ms: &[u64]) {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut both = JoinSet::new();
    let (times, talker) = (at_ms.to_vec(), actor.clone());
    both.spawn_local(async move {
        for (n, at_ms) in times.into_iter().enumerate() {
            talker.until(at_ms).await;
            to.write_all(&[u8::try_from(n).unwrap()]).await.unwrap();
        }
    });
    let (listener, ear, count) = (actor.clone(), ear.to_owned(), at_ms.len());
    both.spawn_local(async move {
        for _ in 0..count {
            let n = from.read_u8().await.unwrap();
            listener.say_of(&ear, n.to_string());
        }
    });
    both.join_all().await;
}

/// Asserts that what ends heard is `concerned` at those ends and `others` elsewhere.
#[track_caller]
fn assert_heard(log: &Log, ears: &[&str], concerned: &[(u64, &str)], others: &[(u64, &str)]) {
    for ear in EARS {
        let expected = if ears.contains(&ear) {
            concerned
        } else {
            others
        };
        assert_said(log, ear, expected);
    }
}

async fn read_some(stream: &mut Stream) -> io::Result<usize> {
    stream.read(&mut [0; 64]).await
}
