//! The same, while the interval climbs and drops.

use bowline_policy::heartbeat::Adaptive;

use super::*;
use crate::alive::{self, Alive};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn adaptive(capacity: usize) -> (Ours, Theirs) {
    linked_by(Adaptive::default(), capacity)
}

/// Answers probes after 100 ms until the link is closed or the time is over;
/// returns what the probes named, in seconds.
async fn answer(theirs: &mut Theirs, until: Instant) -> Vec<f64> {
    let mut named = Vec::new();
    while let Ok(Some(line)) = tokio::time::timeout_at(until, theirs.next()).await {
        let line = line.unwrap();
        named.push(line.strip_prefix("ping ").unwrap().parse().unwrap());
        sleep(MS(100)).await;
        theirs.send("pong".to_owned()).await.unwrap();
    }
    named
}

/// Lives for five minutes with a peer that answers.
async fn settled(capacity: usize) -> (Ours, Theirs, Vec<f64>) {
    let (mut ours, mut theirs) = adaptive(capacity);
    let until = Instant::now() + S(300);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let named = answer(&mut theirs, until).await;
        (theirs, named)
    });
    assert!(timeout(S(300), ours.next()).await.is_err());
    let (theirs, named) = peer.join_next().await.unwrap().unwrap();
    assert_eq!(ours.pulse().interval(), S(25));
    (ours, theirs, named)
}

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Event>>);

impl Observe<Event> for Seen {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(*event);
    }
}

// contract: heart-5
#[tokio::test(start_paused = true)]
async fn an_answering_peer_hears_longer_intervals_up_to_the_longest() {
    let (ours, _theirs, named) = settled(1024).await;
    let mut steps = named.clone();
    steps.dedup();
    assert_eq!(steps, [1., 4., 8., 16., 25.]);
    let pulse = ours.pulse();
    assert_eq!(pulse.missed(), 0);
    assert_eq!(pulse.probes(), named.len() as u64);
    about(pulse.round_trip().unwrap(), MS(100));
}

// contract: heart-2, heart-5
#[tokio::test(start_paused = true)]
async fn a_black_hole_is_found_by_the_interval_in_force() {
    let (mut ours, theirs, _) = settled(1024).await;
    let pulse = ours.pulse();
    let heard_at = ours.stamp().received_at();
    let (death, _) = dies(&mut ours).await;
    assert!(matches!(death, Death::Silence { .. }), "{death}");
    about(Instant::now() - heard_at, S(29));
    assert_eq!(pulse.missed(), 4);
    drop(theirs);

    let (mut ours, _theirs) = adaptive(1024);
    about(dies(&mut ours).await.1, S(5));
}

// contract: heart-5
#[tokio::test(start_paused = true)]
async fn whoever_watches_sees_a_missed_answer_and_what_follows() {
    let (ours, mut theirs) = adaptive(1024);
    let seen = Arc::new(Seen::default());
    let mut ours = ours.with_observer(seen.clone());
    let pulse = ours.pulse();
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        assert_eq!(theirs.next().await.unwrap().unwrap(), "ping 1");
        assert_eq!(theirs.next().await.unwrap().unwrap(), "ping 0.5");
        theirs.send("pong".to_owned()).await.unwrap();
        sleep(MS(200)).await;
        theirs.send("pong".to_owned()).await.unwrap();
        theirs
    });
    assert!(timeout(MS(2_400), ours.next()).await.is_err());
    assert_eq!(pulse.interval(), MS(500), "fast after a miss");
    assert_eq!((pulse.missed(), pulse.probes()), (1, 2));
    let seen = seen.0.lock().unwrap().clone();
    let [
        Event::Probed {
            next_interval: first,
        },
        Event::Missed { in_a_row: 1 },
        Event::Probed {
            next_interval: second,
        },
        Event::Answered { round_trip },
    ] = seen[..]
    else {
        panic!("{seen:?}");
    };
    assert_eq!((first, second), (S(1), MS(500)));
    about(round_trip, MS(200));
}

// contract: heart-2, heart-3
#[tokio::test(start_paused = true)]
async fn a_full_sink_delays_neither_suspicion_nor_verdict_and_the_probe_goes_first() {
    let (mut ours, mut theirs) = adaptive(8);
    // The first is stuck half-way in the pipe; the second waits behind it here.
    ours.frames.set_backpressure_boundary(1);
    ours.feed("the first, too long".to_owned()).await.unwrap();
    assert!(timeout(MS(10), ours.flush()).await.is_err());
    ours.feed("the second".to_owned()).await.unwrap();
    assert!(timeout(MS(10), ours.flush()).await.is_err());
    let pulse = ours.pulse();

    assert!(timeout(MS(2_500), ours.next()).await.is_err());
    assert_eq!(pulse.missed(), 1);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        let mut lines = Vec::new();
        while lines.len() < 3 {
            lines.push(theirs.next().await.unwrap().unwrap());
        }
        (lines, theirs)
    });
    assert!(timeout(MS(100), ours.flush()).await.unwrap().is_ok());
    let (lines, _theirs) = reader.join_next().await.unwrap().unwrap();
    assert_eq!(lines, ["the first, too long", "ping 0.5", "the second"]);

    // Nothing of this was life.
    let (_, after) = dies(&mut ours).await;
    about(after + MS(2_520), S(5));
}

// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_pause_is_no_miss_and_its_limit_holds() {
    let (mut ours, mut theirs, _) = settled(1024).await;
    let pulse = ours.pulse();
    ours.pause_reading();
    theirs.send("hello".to_owned()).await.unwrap();
    assert!(timeout(S(28), ours.next()).await.is_err());
    assert_eq!((pulse.missed(), pulse.interval()), (0, S(25)));
    ours.resume_reading();
    assert_eq!(ours.next().await.unwrap().unwrap(), "hello");
    ours.pause_reading();
    let (death, after) = dies(&mut ours).await;
    assert!(matches!(death, Death::Pause { .. }), "{death}");
    about(after, S(29));
}

// contract: heart-4
#[tokio::test(start_paused = true)]
async fn a_reader_that_was_away_owes_one_probe_and_misses_nothing() {
    let (mut ours, mut theirs, _) = settled(1024).await;
    let pulse = ours.pulse();
    let probes = pulse.probes();
    sleep(S(500)).await;
    assert!(timeout(MS(500), ours.next()).await.is_err());
    assert_eq!((pulse.missed(), pulse.probes()), (0, probes + 1));
    theirs.send("pong".to_owned()).await.unwrap();
    assert!(timeout(S(1), ours.next()).await.is_err());
    assert_eq!((pulse.missed(), pulse.interval()), (0, S(25)));
}

// contract: heart-4
#[tokio::test(start_paused = true)]
async fn after_a_suspend_at_the_longest_interval_one_timeout_decides() {
    let (ours, _theirs, _) = settled(1024).await;
    let wall = Arc::new(Watch(Mutex::new(SystemTime::UNIX_EPOCH)));
    let mut ours = ours.with_wall_clock(wall.clone());
    let mut world = JoinSet::new();
    let start = Instant::now();
    world.spawn(async move {
        // The wall clock ticks with tokio's, but for an hour of suspend after 9 s.
        for second in 1..60 {
            sleep_until(start + S(second)).await;
            let suspended = if second >= 9 { 3600 } else { 0 };
            *wall.0.lock().unwrap() = SystemTime::UNIX_EPOCH + S(second + suspended);
        }
    });
    let (death, _) = dies(&mut ours).await;
    let Death::Silence { allowed, .. } = death else {
        panic!("{death}");
    };
    assert_eq!(allowed, S(1));
}

// contract: heart-3, heart-5
#[tokio::test(start_paused = true)]
async fn a_watched_stream_follows_the_prober_down_and_up_and_gives_up_in_time() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let stamped = Stamped::new(ours);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, LinesCodec::new());
    let policy = Adaptive::default();
    let mut ours = Probing::new(frames, stamp, policy, Lines::default());
    let theirs = Alive::new(theirs, policy);
    let liveness = theirs.liveness();
    let mut theirs = Framed::new(theirs, LinesCodec::new());
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let mut probes = 0;
        loop {
            match theirs.next().await.unwrap() {
                Ok(line) => {
                    let named = line.strip_prefix("ping ").unwrap().parse().unwrap();
                    theirs
                        .get_ref()
                        .liveness()
                        .probed(Duration::from_secs_f64(named));
                    probes += 1;
                    // Now and then an answer is a second and a half late.
                    let late = if probes % 30 == 0 { 1_500 } else { 50 };
                    sleep(MS(late)).await;
                    theirs.send("pong".to_owned()).await.unwrap();
                }
                Err(LinesCodecError::Io(error)) => return alive::death(&error).unwrap(),
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert!(timeout(S(3_600), ours.next()).await.is_err());
    assert!(ours.pulse().missed() > 2);
    assert!(peer.try_join_next().is_none(), "a false death");

    // Ours stops without a word.
    let limit = liveness.interval() + policy.timeout() * policy.misses();
    let sent_at = ours.stamp().sent_at();
    let death = peer.join_next().await.unwrap().unwrap();
    assert!(matches!(death, Death::Silence { .. }), "{death}");
    about(Instant::now() - sent_at, limit);
}

// In firezone/firezone#4361 the timer went on across a reconnect, and the new
// connection timed out at once.
// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_connection_made_after_a_death_has_its_whole_limit() {
    let (mut ours, _theirs) = adaptive(1024);
    about(dies(&mut ours).await.1, S(5));
    let (mut again, _theirs) = adaptive(1024);
    assert_eq!(again.pulse().missed(), 0);
    about(dies(&mut again).await.1, S(5));
}

// In firezone/firezone#4484 a late reply was noticed at the next tick only, 30 s
// later: here it is noticed when it comes, and the misses before it are over.
// contract: heart-1
#[tokio::test(start_paused = true)]
async fn an_answer_in_the_last_moment_saves_the_link() {
    let (mut ours, mut theirs) = adaptive(1024);
    assert!(timeout(MS(4_990), ours.next()).await.is_err());
    theirs.send("pong".to_owned()).await.unwrap();
    let pulse = ours.pulse();
    assert!(timeout(MS(400), ours.next()).await.is_err());
    assert_eq!(pulse.missed(), 3);
    // Half a second is in force now.
    about(dies(&mut ours).await.1 + MS(400), MS(4_500));
}
