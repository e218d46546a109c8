//! What the harness costs: the same echo load through its streams and through turmoil's
//! own, in turns, in one process. Prints simulated seconds per second of each, and a ratio.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::net::Ipv4Addr;
use std::time::{Duration, Instant, SystemTime};

use bowline_link::{BoxError, Endpoint, Io, Listen};
use bowline_sim::{EPOCH, Plan, Settings, Topology, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// How long each round lasts in the world.
const SIMULATED: Duration = Duration::from_secs(120);

/// Rounds of each, in turns: machines have noisy minutes. The first is not counted.
const ROUNDS: usize = 7;

const CLIENTS: [&str; 8] = ["ann", "bob", "cem", "dan", "eve", "fay", "gus", "hal"];
const PORT: u16 = 7400;
const MESSAGE: usize = 128;
const PAUSE: Duration = Duration::from_millis(50);

async fn echo(mut stream: impl Io) {
    let mut buf = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut buf).await {
        if stream.write_all(&buf[..read]).await.is_err() {
            break;
        }
    }
}

async fn talk(mut stream: impl Io) -> Result<(), BoxError> {
    let mut buf = [7; MESSAGE];
    loop {
        stream.write_all(&buf).await?;
        stream.read_exact(&mut buf).await?;
        tokio::time::sleep(PAUSE).await;
    }
}

fn harness() -> Duration {
    let topology = Topology::new(SIMULATED)
        .host("server")
        .nodes("clients", CLIENTS);
    let mut world = World::new(Plan::calm(1, topology), Settings::default());
    let net = world.net();
    world.host("server", move || {
        let net = net.clone();
        async move {
            let (mut listener, mut sessions) = (net.listen("server", PORT).await?, JoinSet::new());
            loop {
                sessions.spawn(echo(listener.accept().await?.0));
            }
        }
    });
    let net = world.net();
    world.host("clients", move || {
        let net = net.clone();
        async move {
            tokio::time::sleep(PAUSE).await;
            let mut clients = JoinSet::new();
            for name in CLIENTS {
                let dial = net.dialer(name).oneshot(Endpoint::new("server", PORT));
                clients.spawn(async move { talk(dial.await?).await });
            }
            match clients.join_next().await {
                Some(ended) => ended?,
                None => Ok(()),
            }
        }
    });
    let clock = world.wall_clock();
    let begun = now();
    let report = world.run(move || clock.elapsed() >= SIMULATED);
    report.expect("nothing goes wrong");
    now() - begun
}

#[expect(
    clippy::disallowed_methods,
    reason = "the rival of the harness is turmoil by itself"
)]
fn bare() -> Duration {
    let settings = Settings::default();
    let mut sim = turmoil::Builder::new()
        .rng_seed(1)
        .epoch(SystemTime::UNIX_EPOCH + EPOCH)
        .tick_duration(settings.tick)
        .min_message_latency(*settings.latency.start())
        .max_message_latency(*settings.latency.end())
        .simulation_duration(Duration::MAX)
        .tcp_capacity(4096)
        .enable_random_order()
        .build();
    sim.host("server", || async {
        let listener = turmoil::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
        let mut sessions = JoinSet::new();
        loop {
            sessions.spawn(echo(listener.accept().await?.0));
        }
    });
    sim.host("clients", || async {
        tokio::time::sleep(PAUSE).await;
        let mut clients = JoinSet::new();
        for _ in CLIENTS {
            let dial = turmoil::net::TcpStream::connect(("server", PORT));
            clients.spawn(async move { talk(dial.await?).await });
        }
        match clients.join_next().await {
            Some(ended) => Ok(ended?.map_err(|error| error.to_string())?),
            None => Ok(()),
        }
    });
    let begun = now();
    while sim.elapsed() < SIMULATED {
        sim.step().expect("nothing goes wrong");
    }
    now() - begun
}

fn main() {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (bare, harness) = (bare(), harness());
        if round > 0 {
            theirs.push(bare);
            ours.push(harness);
        }
    }
    let [ours, theirs] = [ours, theirs].map(median);
    let speed = |took: Duration| SIMULATED.as_secs_f64() / took.as_secs_f64();
    println!("{:<24} {:>18}", "echo, 8 clients", "sim-s per wall-s");
    println!("{:<24} {:>18.0}", "bare turmoil", speed(theirs));
    println!("{:<24} {:>18.0}", "bowline-sim", speed(ours));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("the harness costs {ratio:.2} x");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
fn now() -> Instant {
    Instant::now()
}
