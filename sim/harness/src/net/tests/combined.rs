//! Several faults at once each do what they do.

use super::*;

#[test]
fn a_slow_and_long_way_takes_both_and_keeps_the_order() {
    let direction = Direction::Outbound;
    let slow = Fault::Bandwidth {
        direction,
        bytes_per_s: 10_000,
    };
    let long = Fault::Latency {
        direction,
        ms: 300,
        jitter_ms: 100,
    };
    let log = play(
        &[
            step(400, 3_000, "ann", slow),
            step(400, 3_000, "server", long),
            step(400, 3_000, "clients", long),
        ],
        async |server, mut stream| {
            let who = stream.read_u8().await.unwrap();
            let ear = ["server of ann", "server of bob"][usize::from(who)];
            let (mut expected, mut first) = (0, None);
            let mut some = [0; 1_024];
            loop {
                let read = stream.read(&mut some).await.unwrap();
                if read == 0 {
                    break;
                }
                if first.is_none() {
                    first = Some(());
                    server.say_of(ear, "first");
                }
                for byte in &some[..read] {
                    assert_eq!(*byte, u8::try_from(expected % 251).unwrap());
                    expected += 1;
                }
            }
            server.say_of(ear, format!("{expected} in order"));
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            let who = u8::from(client.node == "bob");
            stream.write_u8(who).await.unwrap();
            client.until(500).await;
            let all: Vec<_> = (0..10_000).map(|n| (n % 251) as u8).collect();
            for piece in all.chunks(100) {
                stream.write_all(piece).await.unwrap();
            }
            stream.shutdown().await.unwrap();
        },
    );
    // Alone the link takes a second and the way 300 to 400 ms and the usual ten.
    let ann = said(&log, "server of ann");
    assert_eq!(ann[1].1, "10000 in order");
    assert!((820..920).contains(&ann[0].0), "{ann:?}");
    assert!((1_810..1_930).contains(&ann[1].0), "{ann:?}");
    let bob = said(&log, "server of bob");
    assert!((810..930).contains(&bob[1].0), "{bob:?}");
}

#[test]
fn a_cut_behind_a_stall_is_heard_of_when_the_stall_is_over() {
    let direction = Direction::Outbound;
    let cut = Fault::Truncate {
        direction,
        after_bytes: 10,
    };
    let log = play_ends(
        &[
            step(400, 2_000, "ann", cut),
            step(
                400,
                600,
                "server",
                Fault::Stall {
                    direction: Direction::Inbound,
                },
            ),
        ],
        async |actor, mut stream, ear| {
            if ear == "ann" {
                actor.until(500).await;
                for _ in 0..3 {
                    stream.write_all(&[7; 8]).await.unwrap();
                }
                actor.until(900).await;
                stream.write_all(&[7; 8]).await.unwrap();
                actor.say("written in vain");
                actor.until(1_100).await;
                actor.say_result("write", stream.write(b"x").await);
            } else {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.unwrap();
                actor.say_of(ear, format!("{} then the end", all.len()));
            }
        },
    );
    let told = [(900, "written in vain"), (1_100, "write BrokenPipe")];
    assert_said(&log, "ann", &told);
    assert_said(&log, "server of ann", &[(1_000, "10 then the end")]);
}

#[test]
fn latency_is_added_up_and_what_is_late_still_waits_for_a_stall() {
    let long = |ms| Fault::Latency {
        direction: Direction::Both,
        ms,
        jitter_ms: 0,
    };
    let stall = Fault::Stall {
        direction: Direction::Inbound,
    };
    let log = play_ends(
        &[
            step(400, 2_000, "ann", long(100)),
            step(400, 2_000, "clients", long(200)),
            step(400, 2_000, "server", long(300)),
            step(1_500, 500, "ann", stall),
        ],
        async |actor, stream, ear| talk(&actor, stream, ear, &[500, 1_000]).await,
    );
    assert_said(&log, "ann", &[(1_110, "0"), (2_000, "1")]);
    assert_said(&log, "server of ann", &[(1_110, "0"), (1_610, "1")]);
    assert_said(&log, "bob", &[(1_010, "0"), (1_510, "1")]);
}

/// Every fault of streams and dials, drawn by `seed`, and those of hosts among them.
fn drawn(seed: u64) -> Vec<Step> {
    let direction = Direction::Both;
    let nodes = ["server", "clients", "ann", "bob"];
    let mut shape = crate::Shape::new(12, 20..=1_500)
        .may(Fault::Crash, ["server", "clients"])
        .may(Fault::PowerLoss, ["server", "clients"])
        .may(Fault::Freeze, ["server", "clients"]);
    for fault in [
        Fault::Stall { direction },
        Fault::Flap {
            down_ms: 50,
            up_ms: 70,
        },
        Fault::Latency {
            direction,
            ms: 50,
            jitter_ms: 100,
        },
        Fault::Bandwidth {
            direction,
            bytes_per_s: 20_000,
        },
        Fault::Slice {
            direction,
            bytes_max: 5,
        },
        Fault::Corrupt {
            direction,
            one_in: 50,
        },
        Fault::Truncate {
            direction,
            after_bytes: 300,
        },
        Fault::HalfClose {
            direction: Direction::Inbound,
        },
        Fault::Reset,
        Fault::Refuse,
        Fault::BlackHole,
        Fault::AcceptStall,
    ] {
        shape = shape.may(fault, nodes);
    }
    let topology = Topology::new(Duration::from_secs(4))
        .host("server")
        .nodes("clients", ["ann", "bob"]);
    Plan::draw(seed, &topology, &shape).steps
}

#[test]
fn the_same_faults_leave_the_same_story_and_afterwards_all_is_well() {
    for seed in 0..30 {
        let story = || {
            let log = play_for(
                Duration::from_secs(7),
                &drawn(seed),
                async |server, mut stream| {
                    let mut some = [0; 100];
                    loop {
                        let patience = Duration::from_secs(1);
                        let read = timeout(patience, stream.read(&mut some)).await;
                        let Ok(Ok(read @ 1..)) = read else { break };
                        server.say(format!("{:?}", &some[..read]));
                        if stream.write_all(&some[..read]).await.is_err() {
                            break;
                        }
                    }
                },
                async |client| loop {
                    let patience = Duration::from_millis(700);
                    let dialed = timeout(patience, client.dial()).await;
                    client.say(format!("{:?}", dialed.as_ref().map(|it| it.is_ok())));
                    let Ok(Ok(mut stream)) = dialed else { continue };
                    for n in 0..200 {
                        let mut answer = [n; 40];
                        let echo = async {
                            stream.write_all(&[n; 40]).await?;
                            stream.read_exact(&mut answer).await
                        };
                        let echoed = timeout(patience, echo).await;
                        if !matches!(echoed, Ok(Ok(_))) {
                            break;
                        }
                        let whole = answer == [n; 40];
                        client.say(if whole { "echo" } else { "false echo" });
                        sleep(Duration::from_millis(20)).await;
                    }
                },
            );
            Arc::into_inner(log).unwrap().into_inner().unwrap()
        };
        let first = story();
        assert_eq!(first, story(), "seed {seed}");
        for node in ["ann", "bob"] {
            let well = |(who, at, text): &(String, u64, String)| {
                who == node && *at > 6_000 && text == "echo"
            };
            assert!(first.iter().any(well), "seed {seed}: {node} is still hurt");
        }
    }
}
