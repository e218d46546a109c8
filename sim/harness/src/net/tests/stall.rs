//! A stall delays everything and loses nothing.

use super::*;

const FROM: u64 = 400;
const UNTIL: u64 = 1_400;
const COUNT: u8 = 50;

fn stall(target: &str, direction: Direction) -> Step {
    step(FROM, UNTIL - FROM, target, Fault::Stall { direction })
}

/// Whether what `ear` should hear stopped for the stall. It must hear all in order, and
/// what was held back as soon as the stall is lifted.
#[track_caller]
fn stopped(log: &Log, ear: &str) -> bool {
    let heard = said(log, ear);
    let expected: Vec<_> = (0..COUNT).map(|n| n.to_string()).collect();
    let (times, numbers): (Vec<_>, Vec<_>) = heard.into_iter().unzip();
    assert_eq!(numbers, expected, "{ear} lost nothing");
    if times.iter().any(|at| (FROM + SOON_MS..UNTIL).contains(at)) {
        return false;
    }
    let held = times.iter().filter(|at| (UNTIL..UNTIL + 5).contains(at));
    assert!(held.count() >= 22, "{ear} heard at {times:?}");
    true
}

#[test]
fn a_stall_stops_its_direction_only_and_loses_nothing() {
    for (target, direction, expected) in CASES {
        let log = play_ends(&[stall(target, direction)], async |actor, stream, ear| {
            let times: Vec<_> = (0..COUNT).map(|n| START_MS + 40 * u64::from(n)).collect();
            talk(&actor, stream, ear, &times).await;
        });
        let mut ears = EARS.to_vec();
        ears.retain(|ear| stopped(&log, ear));
        assert_eq!(ears, expected, "{target} {direction:?}");
    }
}

#[test]
fn stalls_of_a_node_and_of_its_host_add_up() {
    let both = Direction::Both;
    let log = play(
        &[
            step(100, 400, "ann", Fault::Stall { direction: both }),
            step(200, 800, "clients", Fault::Stall { direction: both }),
        ],
        async |_, mut stream| stream.write_all(b"hello").await.unwrap(),
        async |client| {
            let mut stream = client.dial().await.unwrap();
            client.until(150).await;
            client.say_result("read", read_some(&mut stream).await);
            client.until(300).await;
            client.say_result("end", read_some(&mut stream).await);
        },
    );
    // The hello had arrived but was not read: a stall holds that back too.
    assert_said(&log, "ann", &[(1_000, "read 5"), (1_000, "end 0")]);
    assert_said(&log, "bob", &[(150, "read 5"), (1_000, "end 0")]);
}

#[test]
fn an_end_and_a_reset_wait_for_a_stall_to_be_lifted() {
    let log = play(
        &[stall("ann", Direction::Inbound)],
        async |server, mut stream| {
            // An end for bob, for ann a reset: she has sent a second byte.
            stream.read_u8().await.unwrap();
            server.until(FROM + 100).await;
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            let hello: &[u8] = if client.node == "ann" { b"12" } else { b"1" };
            stream.write_all(hello).await.unwrap();
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    assert_said(&log, "ann", &[(UNTIL, "read ConnectionReset")]);
    assert_said(&log, "bob", &[(FROM + 100, "read 0")]);
}

#[test]
fn a_writer_meets_the_window_during_a_stall_and_goes_on_after_it() {
    const MORE: usize = 2 * WINDOW_BYTES;
    let log = play(
        &[stall("server", Direction::Inbound)],
        async |server, mut stream| {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            let whole = all
                .iter()
                .enumerate()
                .all(|(n, byte)| *byte == (n % 251) as u8);
            server.say(format!("{} whole {whole}", all.len()));
        },
        async |client| {
            if client.node == "bob" {
                return;
            }
            let mut stream = client.dial().await.unwrap();
            client.until(FROM + 10).await;
            let all: Vec<_> = (0..MORE).map(|n| (n % 251) as u8).collect();
            stream.write_all(&all[..WINDOW_BYTES]).await.unwrap();
            client.say("window full");
            stream.write_all(&all[WINDOW_BYTES..]).await.unwrap();
            client.say("all written");
            stream.shutdown().await.unwrap();
        },
    );
    assert_said(
        &log,
        "ann",
        &[(FROM + 10, "window full"), (UNTIL, "all written")],
    );
    let whole = format!("{MORE} whole true");
    assert_said(&log, "server", &[(UNTIL, &whole)]);
}
