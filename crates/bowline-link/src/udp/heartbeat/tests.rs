//! Nodes on a network made up by the test, on a paused clock: it loses, delays,
//! doubles and overtakes, from a seed. One test has real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use bowline_policy::heartbeat::{Death, Fixed};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::super::datagrams::Socket;
use super::super::event::{Refusal, State};
use super::super::keys::Key;
use super::super::peer_clock::Drift;
use super::super::settings::{Address, Session};
use super::*;
use crate::log::testing::Written;

const S: fn(u64) -> Duration = Duration::from_secs;
const MS: fn(u64) -> Duration = Duration::from_millis;

/// What the network does to datagrams.
#[derive(Debug, Clone, Copy)]
struct Weather {
    /// Of a hundred.
    lost: u64,
    doubled: u64,
    least: Duration,
    /// Up to so much more: enough to overtake one another.
    jitter: Duration,
}

const FAIR: Weather = Weather {
    lost: 0,
    doubled: 0,
    least: Duration::from_millis(5),
    jitter: Duration::from_millis(1),
};

/// All datagrams on their way.
struct Net {
    weather: Weather,
    random: Pcg64,
    /// Ends that hear nothing and are not heard.
    cut: Vec<SocketAddr>,
    sent: u64,
    /// By receiver, then by when they arrive.
    on_way: BTreeMap<SocketAddr, Queue>,
    wakers: BTreeMap<SocketAddr, std::task::Waker>,
    /// What a receiving socket says before anything else.
    errors: BTreeMap<SocketAddr, Vec<io::ErrorKind>>,
    /// Whether sockets take nothing.
    full: bool,
}

/// From whom, by arrival and then by number.
type Queue = BTreeMap<(Instant, u64), (SocketAddr, Vec<u8>)>;

type SharedNet = Arc<Mutex<Net>>;

struct End {
    at: SocketAddr,
    net: SharedNet,
    timer: Pin<Box<Sleep>>,
}

impl Net {
    fn new(seed: u64, weather: Weather) -> SharedNet {
        Arc::new(Mutex::new(Self {
            weather,
            random: Pcg64::seed_from_u64(seed),
            cut: Vec::new(),
            sent: 0,
            on_way: BTreeMap::new(),
            wakers: BTreeMap::new(),
            errors: BTreeMap::new(),
            full: false,
        }))
    }

    fn chance(&mut self, of_hundred: u64) -> bool {
        self.random.next_u64() % 100 < of_hundred
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) {
        let Weather {
            lost,
            doubled,
            least,
            jitter,
        } = self.weather;
        let copies = 1 + u64::from(self.chance(doubled));
        for _ in 0..copies {
            let jitter = jitter.as_micros() as u64 + 1;
            let arrives =
                Instant::now() + least + Duration::from_micros(self.random.next_u64() % jitter);
            if self.chance(lost) || self.cut.contains(&from) || self.cut.contains(&to) {
                continue;
            }
            self.sent += 1;
            let arrival = (arrives, self.sent);
            let queue = self.on_way.entry(to).or_default();
            queue.insert(arrival, (from, datagram.to_vec()));
        }
        if let Some(waker) = self.wakers.remove(&to) {
            waker.wake();
        }
    }
}

impl Datagrams for End {
    fn poll_send_to(
        &mut self,
        _cx: &mut Context<'_>,
        datagram: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<()>> {
        let mut net = self.net.lock().unwrap();
        if net.full {
            return Poll::Pending;
        }
        net.send(self.at, to, datagram);
        Poll::Ready(Ok(()))
    }

    fn poll_recv_from(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        let mut net = self.net.lock().unwrap();
        if let Some(kind) = net.errors.get_mut(&self.at).and_then(Vec::pop) {
            return Poll::Ready(Err(kind.into()));
        }
        net.wakers.insert(self.at, cx.waker().clone());
        let queue = net.on_way.entry(self.at).or_default();
        let Some(((arrives, _), _)) = queue.first_key_value() else {
            return Poll::Pending;
        };
        if *arrives > Instant::now() {
            self.timer.as_mut().reset(*arrives);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let (_, (from, datagram)) = queue.pop_first().unwrap();
        buffer.put_slice(&datagram);
        Poll::Ready(Ok(from))
    }
}

/// The time of day of the paused clock.
struct Paused(Instant);

impl WallClock for Paused {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + S(1_700_000_000) + (Instant::now() - self.0)
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<(Instant, Event)>>);

impl Observe<Event> for Seen {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push((Instant::now(), event.clone()));
    }
}

impl Seen {
    fn deaths(&self) -> Vec<(Instant, Event)> {
        let seen = self.0.lock().unwrap();
        let dead = |event: &Event| matches!(event, Event::Dead { .. });
        seen.iter()
            .filter(|(_, event)| dead(event))
            .cloned()
            .collect()
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|(_, event)| is(event)).count()
    }
}

fn at(node: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7000 + u16::try_from(node).unwrap()))
}

fn keys() -> Keys {
    Keys::new(Key::new(0, &[5; 32]).unwrap())
}

/// Every 5 s, and dead after 8.
fn policy() -> Fixed {
    Fixed::new(S(5), S(1), 3).unwrap()
}

fn node(net: &SharedNet, number: u32) -> (Heartbeat<End>, Handle, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let (heartbeat, handle) = unwatched(net, number);
    (heartbeat.observed_by(seen.clone()), handle, seen)
}

fn unwatched(net: &SharedNet, number: u32) -> (Heartbeat<End>, Handle) {
    let end = End {
        at: at(number),
        net: Arc::clone(net),
        timer: Box::pin(sleep(Duration::ZERO)),
    };
    let session = Session(u64::from(number + 1).try_into().unwrap());
    let clock = Arc::new(Paused(Instant::now()));
    let settings = Settings::new(number, session);
    Heartbeat::new(end, settings, clock)
}

type Nodes = [(Handle, Arc<Seen>); 2];

/// A pair that knows each other, and whatever keeps it running.
fn pair(net: &SharedNet, tasks: &mut JoinSet<Infallible>) -> Nodes {
    pair_by(policy(), net, tasks)
}

fn pair_by(policy: Fixed, net: &SharedNet, tasks: &mut JoinSet<Infallible>) -> Nodes {
    [1, 2].map(|number| {
        let (heartbeat, handle, seen) = node(net, number);
        let other = 3 - number;
        let peer = PeerSettings::new(other, Address::Fixed(at(other)), keys(), policy);
        handle.add(peer).unwrap();
        tasks.spawn(heartbeat);
        (handle, seen)
    })
}

#[tokio::test(start_paused = true)]
async fn chance_losses_kill_nobody_whom_ten_misses_are_allowed() {
    for seed in 0..20 {
        let weather = Weather {
            lost: 10,
            doubled: 5,
            least: MS(10),
            jitter: MS(400),
        };
        let net = Net::new(seed, weather);
        let mut tasks = JoinSet::new();
        let patient = Fixed::new(S(5), S(1), 10).unwrap();
        let nodes = pair_by(patient, &net, &mut tasks);
        sleep(S(3600)).await;
        for (handle, seen) in &nodes {
            assert_eq!(seen.deaths(), [], "seed {seed}");
            assert_eq!(handle.snapshot()[0].state, State::Up);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_policy_allows_to_be_slow_or_repeated_kills_nobody() {
    for seed in 0..20 {
        let weather = Weather {
            lost: 0,
            doubled: 40,
            least: MS(100),
            jitter: MS(390),
        };
        let net = Net::new(seed, weather);
        let mut tasks = JoinSet::new();
        let nodes = pair(&net, &mut tasks);
        sleep(S(600)).await;
        for (handle, seen) in &nodes {
            assert_eq!(seen.deaths(), [], "seed {seed}");
            let peer = handle.snapshot().remove(0);
            assert_eq!(peer.state, State::Up);
            assert!(
                peer.counts
                    .refused
                    .keys()
                    .all(|why| *why == Refusal::Replayed)
            );
        }
        let replays = nodes[0].0.snapshot()[0].counts.refused[&Refusal::Replayed];
        assert!(replays > 10, "seed {seed}: {replays}");
        let rtt = nodes[0].0.snapshot()[0].rtt;
        assert!(rtt.is_none_or(|rtt| rtt.least >= MS(200) && rtt.smoothed < MS(980)));
    }
}

#[tokio::test(start_paused = true)]
async fn losses_short_of_what_may_be_missed_kill_nobody() {
    for seed in 0..20 {
        let weather = Weather {
            lost: 0,
            doubled: 5,
            least: MS(10),
            jitter: MS(200),
        };
        let net = Net::new(seed, weather);
        let mut tasks = JoinSet::new();
        let nodes = pair(&net, &mut tasks);
        // Up to two of the three probes that may be missed fall into a hole.
        for _ in 0..300 {
            sleep(MS(7_310)).await;
            net.lock().unwrap().cut.push(at(2));
            sleep(MS(1_500)).await;
            net.lock().unwrap().cut.clear();
        }
        for (_, seen) in &nodes {
            assert_eq!(seen.deaths(), [], "seed {seed}");
        }
    }
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_black_hole_is_noticed_within_the_bound_and_its_end_within_an_interval() {
    for seed in 0..20 {
        let net = Net::new(seed, FAIR);
        let mut tasks = JoinSet::new();
        let nodes = pair(&net, &mut tasks);
        sleep(S(30) + MS(seed * 313)).await;
        net.lock().unwrap().cut.push(at(2));
        sleep(S(60)).await;
        for (handle, seen) in &nodes {
            let heard_at = handle.snapshot()[0].heard_at.unwrap();
            let deaths = seen.deaths();
            assert_eq!(deaths.len(), 1, "seed {seed}: {deaths:?}");
            let after = deaths[0].0 - heard_at;
            let bound = policy().silence_max() + policy().tick();
            assert!(after <= bound, "seed {seed}: {after:?}");
            assert!(matches!(
                handle.snapshot()[0].state,
                State::Dead(Death::Silence { .. })
            ));
        }
        net.lock().unwrap().cut.clear();
        sleep(policy().interval() + MS(100)).await;
        for (handle, _) in &nodes {
            assert_eq!(handle.snapshot()[0].state, State::Up, "seed {seed}");
        }
    }
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn a_flood_of_forgeries_neither_keeps_the_dead_alive_nor_kills_the_living() {
    let net = Net::new(1, FAIR);
    let mut tasks = JoinSet::new();
    let nodes = pair(&net, &mut tasks);
    sleep(S(30)).await;
    let flood = async |time: Duration| {
        let until = Instant::now() + time;
        while Instant::now() < until {
            for _ in 0..200 {
                net.lock().unwrap().send(at(2), at(1), &[0; 63]);
            }
            sleep(MS(20)).await;
        }
    };
    flood(S(20)).await;
    assert_eq!(nodes[0].1.deaths(), []);
    tasks.abort_all();
    let (heartbeat, handle, seen) = node(&net, 1);
    let peer = PeerSettings::new(2, Address::Fixed(at(2)), keys(), policy());
    handle.add(peer).unwrap();
    tasks.spawn(heartbeat);
    flood(S(9)).await;
    assert_eq!(seen.deaths().len(), 1);
    assert!(handle.strangers().refused[&Refusal::Malformed] > 10_000);
}

/// A socket with always one more datagram to read.
struct Flood;

impl Datagrams for Flood {
    fn poll_send_to(
        &mut self,
        _cx: &mut Context<'_>,
        _datagram: &[u8],
        _to: SocketAddr,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_recv_from(
        &mut self,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        buffer.put_slice(&[0; 63]);
        Poll::Ready(Ok(at(2)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_puts_a_verdict_off_only_for_what_a_kernel_keeps() {
    let seen = Arc::new(Seen::default());
    let clock = Arc::new(Paused(Instant::now()));
    let settings = Settings::new(1, Session(1.try_into().unwrap()));
    let (heartbeat, handle) = Heartbeat::new(Flood, settings, clock);
    let mut heartbeat = heartbeat.observed_by(seen.clone());
    let peer = PeerSettings::new(2, Address::Fixed(at(2)), keys(), policy());
    handle.add(peer).unwrap();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut turn = || assert!(Pin::new(&mut heartbeat).poll(&mut cx).is_pending());

    // Each second, or the timers would count as late.
    let turns = UNREAD_MAX / DATAGRAMS_PER_POLL;
    for _ in 0..policy().silence_max().as_secs() {
        tokio::time::advance(S(1)).await;
        (0..turns).for_each(|_| turn());
    }
    assert_eq!(seen.deaths().len(), 1);
    assert_eq!(handle.snapshot()[0].counts.probes, 4);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_complains_is_used_again() {
    let net = Net::new(1, FAIR);
    let refused = vec![io::ErrorKind::ConnectionRefused; FAILURES_MAX * 3];
    net.lock().unwrap().errors.insert(at(1), refused);
    let mut tasks = JoinSet::new();
    let nodes = pair(&net, &mut tasks);
    sleep(S(10)).await;
    assert_eq!(nodes[0].0.snapshot()[0].state, State::Up);
    let complaint = Event::Socket {
        during: During::Receive,
        kind: io::ErrorKind::ConnectionRefused,
    };
    assert_eq!(
        nodes[0].1.count(|event| *event == complaint),
        FAILURES_MAX * 3
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_full_socket_is_bounded() {
    let net = Net::new(1, FAIR);
    let mut tasks = JoinSet::new();
    let (heartbeat, handle, seen) = node(&net, 1);
    for other in 2..1000 {
        let peer = PeerSettings::new(other, Address::Fixed(at(other)), keys(), policy());
        handle.add(peer).unwrap();
    }
    net.lock().unwrap().full = true;
    tasks.spawn(heartbeat);
    sleep(S(10)).await;
    assert!(seen.count(|event| matches!(event, Event::Overflow { .. })) > 0);
    assert_eq!(seen.deaths().len(), 998);
}

#[tokio::test(start_paused = true)]
async fn a_status_reaches_the_peer_and_a_removed_peer_is_a_stranger() {
    let net = Net::new(1, FAIR);
    let mut tasks = JoinSet::new();
    let [(one, seen), (two, _)] = pair(&net, &mut tasks);
    sleep(S(7)).await;
    two.set_status(Status::Busy);
    sleep(S(7)).await;
    assert_eq!(one.snapshot()[0].status, Some(Status::Busy));
    assert_eq!(
        seen.count(|event| matches!(event, Event::StatusChanged { .. })),
        2
    );

    assert_eq!(one.remove(2).unwrap().state, State::Up);
    sleep(S(60)).await;
    assert_eq!(one.snapshot(), []);
    assert!(one.strangers().refused[&Refusal::UnknownNode] > 0);
    assert!(matches!(two.snapshot()[0].state, State::Dead(_)));
}

/// Real time, but as little of it as two packets on loopback need.
#[tokio::test]
async fn two_real_sockets_find_each_other_although_the_first_probe_hit_nobody() {
    let bind = || Socket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (one, two) = (bind(), bind());
    let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let nobody = bind().local_addr().unwrap();
    let policy = Fixed::new(MS(40), MS(20), 2).unwrap();
    let mut tasks = JoinSet::new();
    let (up, mut ups) = tokio::sync::mpsc::unbounded_channel();
    for (socket, number) in [(one, 1), (two, 2)] {
        let up = up.clone();
        let tell = bowline_policy::from_fn(move |event: &Event| {
            if let Event::Up { node } = event {
                up.send(*node).unwrap();
            }
        });
        let session = Session(u64::from(number).try_into().unwrap());
        let clock = Arc::new(crate::SystemClock);
        let settings = Settings::new(number, session);
        let (heartbeat, handle) = Heartbeat::new(socket, settings, clock);
        let other = 3 - number;
        for (node, to) in [(other, addresses[other as usize - 1]), (9, nobody)] {
            let there = Address::Fixed(to);
            let peer = PeerSettings::new(node, there, keys(), policy);
            handle.add(peer).unwrap();
        }
        tasks.spawn(heartbeat.observed_by(tell));
    }
    let mut found = Vec::new();
    while found.len() < 2 {
        found.push(timeout(S(10), ups.recv()).await.unwrap().unwrap());
    }
    found.sort_unstable();
    assert_eq!(found, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn by_default_nodes_are_logged_and_their_keys_are_not() {
    let lines = Written::here();
    let net = Net::new(1, FAIR);
    let mut tasks = JoinSet::new();
    let same = || Keys::new(Key::new(0, b"low tide at seven in the morning").unwrap());
    let [one, _two] = [1, 2].map(|number| {
        let (heartbeat, handle) = unwatched(&net, number);
        let other = 3 - number;
        let peer = PeerSettings::new(other, Address::Fixed(at(other)), same(), policy());
        handle.add(peer).unwrap();
        tasks.spawn(heartbeat);
        handle
    });
    sleep(S(20)).await;
    let other = Key::new(0, b"high tide at one after the lunch").unwrap();
    one.set_keys(2, Keys::new(other));
    sleep(S(60)).await;
    let lines = lines.take();
    for line in [
        "INFO node up node=2",
        "INFO node feels otherwise node=2 from=None to=Ok",
        "TRACE datagram refused from=10.0.0.1:7002 node=2 why=forged",
    ] {
        assert!(lines.iter().any(|written| written == line), "{lines:?}");
    }
    let dead = "WARN node dead node=2 death=heard nothing for ";
    assert!(
        lines.iter().any(|written| written.starts_with(dead)),
        "{lines:?}"
    );
    let bytes = format!("{:?}", b"tide");
    let bytes = bytes.trim_matches(['[', ']']);
    for line in &lines {
        assert!(!line.contains("tide") && !line.contains(bytes), "{line}");
    }
}

#[test]
fn what_needs_a_person_is_a_warning_and_single_datagrams_are_not() {
    let drift = Drift {
        ppm: 900.5,
        error_ppm: 1.5,
    };
    let (node, to) = (2, at(2));
    let fault = |to| Event::StatusChanged {
        node,
        from: Some(Status::Ok),
        to,
    };
    let (from, micros, kind) = (at(1), -5, io::ErrorKind::TimedOut);
    let during = During::Send;
    for (event, written) in [
        (
            fault(Status::Fault),
            "WARN node has a fault node=2 from=Some(Ok)",
        ),
        (
            fault(Status::Busy),
            "INFO node feels otherwise node=2 from=Some(Ok) to=Busy",
        ),
        (
            Event::Drifting { node, drift },
            "WARN node's clock drifts node=2 ppm=900.5 error_ppm=1.5",
        ),
        (Event::OwnClockJumped, "WARN our own clock jumped"),
        (Event::Restarted { node }, "INFO node restarted node=2"),
        (
            Event::Moved { node, from, to },
            "INFO node moved node=2 from=10.0.0.1:7001 to=10.0.0.1:7002",
        ),
        (
            Event::ClockJumped { node, micros },
            "INFO node's clock jumped node=2 micros=-5",
        ),
        (
            Event::Overflow { to },
            "DEBUG datagram dropped, too many wait to=10.0.0.1:7002",
        ),
        (
            Event::Socket { during, kind },
            "DEBUG socket failed during=Send kind=timed out",
        ),
    ] {
        let lines = Written::here();
        Log.observe(&event);
        assert_eq!(lines.take(), [written]);
    }
}
