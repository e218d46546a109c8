//! Silence on a paused clock.

use std::time::SystemTime;

use bowline_policy::heartbeat::Fixed;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};

use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Death after 18 s of silence, give or take the resolution of a timer; a pause
/// may last 30 s.
fn ten_four_two() -> Fixed {
    Fixed::new(S(10), S(4), 2)
        .unwrap()
        .pause_max(S(30))
        .unwrap()
}

fn watched() -> (Alive<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1024);
    (Alive::new(ours, ten_four_two()), theirs)
}

/// Reads until it fails, and says how and after how long.
async fn fails(alive: &mut Alive<DuplexStream>) -> (Death, Duration) {
    let start = Instant::now();
    let mut buffer = [0; 64];
    loop {
        match alive.read(&mut buffer).await {
            Ok(0) => panic!("ended"),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                return (death(&error).unwrap(), Instant::now() - start);
            }
        }
    }
}

fn about(found: Duration, expected: Duration) {
    let slack = Duration::from_millis(2);
    assert!(
        found >= expected && found <= expected + slack,
        "{found:?} is not {expected:?}"
    );
}

// contract: heart-1, heart-2
#[tokio::test(start_paused = true)]
async fn a_silent_peer_fails_the_read_at_the_bound_however_much_we_write() {
    let (ours, _theirs) = tokio::io::duplex(16);
    let (mut read, mut write) = tokio::io::split(Alive::new(ours, ten_four_two()));
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        // The peer never reads: the second write stays pending.
        loop {
            write.write_all(&[7; 16]).await.unwrap();
        }
    });
    let start = Instant::now();
    let error = read.read_u8().await.unwrap_err();
    let silence = Death::Silence {
        silent: Instant::now() - start,
        allowed: S(18),
    };
    assert_eq!(death(&error), Some(silence));
    about(Instant::now() - start, S(18));

    let again = timeout(S(1), read.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(death(&again), Some(silence), "once dead, dead");
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn what_the_peer_takes_from_us_is_no_sign_of_life() {
    let (alive, mut theirs) = watched();
    let (mut read, mut write) = tokio::io::split(alive);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while write.write_u8(7).await.is_ok() {
            sleep(S(1)).await;
        }
    });
    tasks.spawn(async move { while theirs.read_u8().await.is_ok() {} });
    let start = Instant::now();
    let failed = timeout(S(60), read.read_u8()).await.expect("an end");
    assert!(death(&failed.unwrap_err()).is_some());
    about(Instant::now() - start, S(18));
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_peer_that_was_given_up_stays_so_whatever_it_says() {
    let (mut alive, mut peer) = watched();
    let (first, _) = fails(&mut alive).await;
    peer.write_all(b"I live").await.unwrap();
    let error = alive.read_u8().await.unwrap_err();
    assert_eq!(death(&error), Some(first));
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn a_byte_now_and_then_is_life() {
    let (mut alive, mut theirs) = watched();
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        for _ in 0..10 {
            sleep(S(17)).await;
            theirs.write_u8(1).await.unwrap();
        }
        theirs
    });
    let (found, after) = fails(&mut alive).await;
    assert!(matches!(found, Death::Silence { .. }));
    about(after, S(170 + 18));
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn the_limit_follows_the_interval_that_a_probe_names_in_both_directions() {
    let (mut alive, _theirs) = watched();
    alive.liveness().probed(S(100));
    about(fails(&mut alive).await.1, S(108));

    let (mut alive, _theirs) = watched();
    let liveness = alive.liveness();
    let mut teller = JoinSet::new();
    teller.spawn(async move {
        sleep(S(1)).await;
        liveness.probed(S(5));
    });
    about(fails(&mut alive).await.1, S(1 + 13));
}

// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_paused_reader_is_not_killed_by_silence_and_reads_on_where_it_was() {
    let (mut alive, mut theirs) = watched();
    let liveness = alive.liveness();
    let mut other = JoinSet::new();
    other.spawn(async move {
        sleep(S(6)).await;
        liveness.reading_paused();
        theirs.write_u8(1).await.unwrap();
        sleep(S(25)).await;
        liveness.reading_resumed();
        theirs
    });
    let start = Instant::now();
    assert_eq!(alive.read_u8().await.unwrap(), 1);
    assert_eq!(Instant::now() - start, S(31), "read while paused");
    about(fails(&mut alive).await.1, S(18));
}

// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_pause_past_its_limit_fails_the_read_that_waits() {
    let (mut alive, mut theirs) = watched();
    alive.liveness().reading_paused();
    theirs.write_u8(1).await.unwrap();
    let (found, after) = fails(&mut alive).await;
    assert!(matches!(found, Death::Pause { .. }), "{found}");
    about(after, S(30));
}

// contract: heart-4, heart-6
#[tokio::test(start_paused = true)]
async fn what_came_while_nobody_read_is_read_before_anybody_dies() {
    let (mut alive, mut theirs) = watched();
    theirs.write_u8(1).await.unwrap();
    sleep(S(500)).await;
    assert_eq!(alive.read_u8().await.unwrap(), 1);

    sleep(S(500)).await;
    // Silent or not, nobody looked: an interval and a timeout are left.
    about(fails(&mut alive).await.1, S(14));
}

#[derive(Debug)]
struct Watch(Mutex<SystemTime>);

impl WallClock for Watch {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

// contract: heart-4
#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_peer_has_an_interval_and_a_timeout() {
    let (alive, mut theirs) = watched();
    let start = Instant::now();
    let wall = Arc::new(Watch(Mutex::new(SystemTime::UNIX_EPOCH)));
    let mut alive = alive.with_wall_clock(wall.clone());
    let mut world = JoinSet::new();
    world.spawn(async move {
        // The wall clock ticks with tokio's, but for an hour of suspend after 9 s.
        for second in 1..60 {
            sleep_until(start + S(second)).await;
            let suspended = if second >= 9 { 3600 } else { 0 };
            *wall.0.lock().unwrap() = SystemTime::UNIX_EPOCH + S(second + suspended);
            if second == 9 {
                theirs.write_u8(1).await.unwrap();
            }
        }
        theirs
    });
    let (found, after) = fails(&mut alive).await;
    let Death::Silence { allowed, .. } = found else {
        panic!("{found}");
    };
    assert_eq!(allowed, S(14));
    // Seen when the timer looks, after ten seconds; without it: 9 s + 18 s.
    about(after, S(10 + 14));
}

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn only_what_comes_after_the_handshake_was_heard() {
    let (mut alive, mut theirs) = watched();
    let liveness = alive.liveness();
    theirs.write_u8(1).await.unwrap();
    alive.read_u8().await.unwrap();
    assert!(!liveness.heard(), "no handshake yet");
    liveness.handshake_done();
    assert!(!liveness.heard(), "the handshake's own byte");
    theirs.write_u8(2).await.unwrap();
    assert!(!liveness.heard(), "not read yet");
    alive.read_u8().await.unwrap();
    assert!(liveness.heard());
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_task_that_used_up_its_turn_judges_nobody_before_it_has_read() {
    let (mut alive, mut peer) = watched();
    peer.write_u8(1).await.unwrap();
    tokio::time::advance(S(18)).await;
    let mut bytes = [0; 1];
    let mut buffer = ReadBuf::new(&mut bytes);
    std::future::poll_fn(|cx| {
        while coop::has_budget_remaining() {
            let turn = std::pin::pin!(coop::consume_budget());
            assert!(turn.poll(cx).is_ready());
        }
        assert!(Pin::new(&mut alive).poll_read(cx, &mut buffer).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(alive.read_u8().await.unwrap(), 1);
}
