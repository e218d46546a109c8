//! A frozen host as both sides see it.

use tokio::time::interval;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Who heard what from its peer, when in true time.
type Heard = Arc<Mutex<Vec<(&'static str, Duration, u8)>>>;

/// Counts aloud every 100 ms and writes down how far the peer has counted.
async fn count(
    stream: crate::net::Stream,
    node: &'static str,
    clock: SimClock,
    heard: Heard,
) -> Result<(), BoxError> {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut beat = interval(ms(100));
        for n in 0..=u8::MAX {
            beat.tick().await;
            if to.write_all(&[n]).await.is_err() {
                break;
            }
        }
    });
    loop {
        let n = from.read_u8().await?;
        heard.lock().unwrap().push((node, clock.elapsed(), n));
    }
}

#[test]
fn a_frozen_host_neither_hears_nor_is_heard_and_then_everything_arrives() {
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(10)).host("a").host("b"),
        steps: vec![Step {
            at_ms: 1_000,
            for_ms: Some(2_000),
            target: "a".to_owned(),
            fault: Fault::Freeze,
        }],
    };
    let mut world = World::new(plan, Settings::default());
    let heard = Heard::default();
    let (net, clock, hears) = (world.net(), world.wall_clock(), Arc::clone(&heard));
    world.host("a", move || {
        let (net, clock, heard) = (net.clone(), clock.clone(), Arc::clone(&hears));
        async move {
            let (stream, _) = net.listen("a", 7400).await?.accept().await?;
            count(stream, "a", clock, heard).await
        }
    });
    let (net, clock, hears) = (world.net(), world.wall_clock(), Arc::clone(&heard));
    world.host("b", move || {
        let (net, clock, heard) = (net.clone(), clock.clone(), Arc::clone(&hears));
        async move {
            sleep(ms(50)).await;
            let stream = net.dialer("b").oneshot(Endpoint::new("a", 7400)).await?;
            count(stream, "b", clock, heard).await
        }
    });
    let clock = world.wall_clock();
    world.run(|| clock.elapsed() >= ms(3_500)).unwrap();
    for node in ["a", "b"] {
        let heard = heard.lock().unwrap();
        let by: Vec<_> = heard.iter().filter(|(by, ..)| *by == node).collect();
        // In order, and nothing lost.
        for (expected, (_, _, n)) in (0..).zip(&by) {
            assert_eq!(*n, expected, "{node}");
        }
        let frozen = ms(1_000)..ms(3_000);
        let during = by.iter().filter(|(_, at, _)| frozen.contains(at)).count();
        assert_eq!(during, 0, "{node}");
        let thawing = ms(3_000)..ms(3_060);
        let after = by.iter().filter(|(_, at, _)| thawing.contains(at)).count();
        assert!(after >= 19, "{node} heard only {after} at once");
    }
}
