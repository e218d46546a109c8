//! A fleet whose server is gone for a while: how often each client dials, and how evenly
//! all come back. What becomes of calls meanwhile is told elsewhere.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bowline_link::dial_budget::{DialBudget, DialBudgetLayer, Settings};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::budget::DialSettings;
use bowline_reconnect::{Reconnect, State};
use tokio::time::{Instant, sleep, timeout};
use tower_layer::Layer;

use crate::fake::{Dial, Peer, Wire, endpoint, ms, secs};

const CLIENTS: usize = 500;
const SEEDS: u64 = 3;
const CAP: Duration = Duration::from_secs(10);
const OUTAGE: Duration = Duration::from_secs(20);

/// How long the server takes to answer a dial, whatever the answer.
const LATENCY: Duration = Duration::from_millis(50);

/// What a fleet did from the hang-up on.
struct Storm {
    /// The dials of each client.
    dials: Vec<Vec<Instant>>,
    returned_at: Instant,
    all_back_after: Duration,
}

fn server() -> Peer {
    let refused = || io::Error::from(ErrorKind::ConnectionRefused).into();
    Peer::new(Dial::Accept).latency(LATENCY).refusal(refused)
}

fn schedule() -> Schedule {
    Schedule::exponential(secs(1), CAP).unwrap()
}

/// Hangs up on everybody, refuses for a while, then waits until all are back.
async fn outage(peers: &[Peer], links: &[Reconnect<Wire>]) -> Storm {
    for peer in peers {
        peer.set_otherwise(Dial::Refuse);
        peer.hang_up();
    }
    let hit_at = Instant::now();
    sleep(OUTAGE).await;
    let returned_at = Instant::now();
    for peer in peers {
        peer.set_otherwise(Dial::Accept);
    }
    for link in links {
        let mut state = link.state();
        let back = state.wait_for(State::is_ready);
        timeout(secs(60), back).await.unwrap().unwrap();
    }
    let all_back_after = Instant::now() - returned_at;
    let since = |peer: &Peer| peer.dialed_at().into_iter().filter(|at| *at > hit_at);
    Storm {
        dials: peers.iter().map(|peer| since(peer).collect()).collect(),
        returned_at,
        all_back_after,
    }
}

/// The most of `times`, which are in order, within any second.
fn peak_second(times: &[Instant]) -> usize {
    let counts = times.iter().enumerate().map(|(first, begin)| {
        let rest = &times[first..];
        rest.partition_point(|at| *at - *begin < secs(1))
    });
    counts.max().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_fleet_comes_back_evenly_and_nobody_dials_often() {
    for seed in 0..SEEDS {
        let maker = Maker::new(schedule(), seed);
        // One server to the clients; a peer for each, so that its dials are counted.
        let peers: Vec<_> = (0..CLIENTS).map(|_| server()).collect();
        let link = |peer: &Peer| Reconnect::builder(peer.connector(), endpoint(), &maker).build();
        let links: Vec<_> = peers.iter().map(link).collect();
        sleep(secs(15)).await;
        let storm = outage(&peers, &links).await;

        let most = storm.dials.iter().map(Vec::len).max().unwrap();
        assert!(most <= 9, "seed {seed}: a client dialed {most} times");
        // One may have been refused just as the server came back.
        let limit = CAP + LATENCY * 2 + ms(5);
        let all = storm.all_back_after;
        assert!(all <= limit, "seed {seed}: all back after {all:?}");
        let mut recovery: Vec<_> = storm.dials.into_iter().flatten().collect();
        recovery.retain(|at| *at >= storm.returned_at);
        recovery.sort_unstable();
        let (peak, dials) = (peak_second(&recovery), recovery.len());
        let mean = dials as f64 / all.as_secs_f64();
        assert!(
            peak as f64 <= 2.5 * mean,
            "seed {seed}: {peak} of {dials} dials in one of {all:?}"
        );
    }
}

// contract: again-7
#[tokio::test(start_paused = true)]
async fn a_fleet_under_a_dial_budget_never_dials_above_it() {
    const RATE: u32 = 60;
    const BURST: usize = 5;
    const IN_FLIGHT: usize = 4;
    for seed in 0..SEEDS {
        let maker = Maker::new(schedule(), seed);
        let rate = DialSettings::per_second(RATE, BURST as u32).unwrap();
        let budget = DialBudget::new(Settings::new(rate, IN_FLIGHT).unwrap());
        let layer = DialBudgetLayer::new(budget);
        let peer = server();
        let connect = layer.layer(peer.connector());
        let link = |_| Reconnect::builder(connect.clone(), endpoint(), &maker).build();
        let links: Vec<_> = (0..CLIENTS).map(link).collect();
        sleep(secs(30)).await;
        outage(std::slice::from_ref(&peer), &links).await;

        let dials = peer.dialed_at();
        for (first, begin) in dials.iter().enumerate() {
            for (count, at) in (1..).zip(&dials[first..]) {
                let earned = f64::from(RATE) * (*at - *begin).as_secs_f64();
                let allowed = BURST as f64 + earned;
                assert!(
                    f64::from(count) <= allowed + 1e-6,
                    "seed {seed}: {count} dials within {:?}",
                    *at - *begin
                );
            }
        }
        assert_eq!(peer.dialing_max(), IN_FLIGHT, "seed {seed}");
        assert!(dials.len() > 2 * CLIENTS, "seed {seed}: {}", dials.len());
    }
}
