//! What a dial leads to, with and without faults.

use super::*;

const STALL: Fault = Fault::Stall {
    direction: Direction::Both,
};

#[test]
fn a_dial_hangs_through_a_stall_of_either_end_and_then_succeeds() {
    for (target, direction) in [
        ("ann", Direction::Outbound),
        ("ann", Direction::Inbound),
        ("server", Direction::Inbound),
        ("server", Direction::Outbound),
        ("clients", Direction::Both),
    ] {
        let log = play(
            &[step(500, 1_000, target, Fault::Stall { direction })],
            async |_, mut stream| stream.write_all(b"hello").await.unwrap(),
            async |client| {
                // Ann's is under way when the stall begins, bob's begins during it.
                client
                    .until(if client.node == "ann" { 496 } else { 800 })
                    .await;
                client.say_result("dial", client.dial().await.map(drop));
            },
        );
        assert_said(&log, "ann", &[(1_500, "dial ()")]);
        let bob = if target == "ann" { 800 } else { 1_500 };
        assert_said(&log, "bob", &[(bob, "dial ()")]);
    }
}

// Given up before, while and after the kernels shake hands, which takes 10 ms and a tick.
#[test]
fn a_dial_given_up_is_never_seen_or_ends_at_once() {
    for patience_ms in [0, 5, 9, 10, 11, 12, 14, 15, 16, 20] {
        let log = play(
            &[],
            async |server, mut stream| {
                server.say("came");
                server.say_result("read", read_some(&mut stream).await);
            },
            async move |client| {
                if client.node == "ann" {
                    let patience = Duration::from_millis(patience_ms);
                    let dialed = timeout(patience, client.dial()).await;
                    client.say(format!("given up {}", dialed.is_err()));
                }
            },
        );
        if said(&log, "ann")[0].1 == "given up true" {
            assert_said(&log, "server", &[]);
        } else {
            assert!(patience_ms >= 10);
            assert_said(&log, "server", &[(START_MS, "came"), (START_MS, "read 0")]);
        }
    }
}

#[test]
fn a_dial_given_up_while_it_hangs_reaches_nobody() {
    let log = play(
        &[step(100, 1_000, "server", STALL)],
        async |server, _| server.say("somebody came"),
        async |client| {
            client.until(200).await;
            let patience = Duration::from_millis(100);
            let given_up = timeout(patience, client.dial()).await.is_err();
            client.say(format!("given up {given_up}"));
        },
    );
    assert_said(&log, "ann", &[(300, "given up true")]);
    assert_said(&log, "server", &[]);
}

#[test]
fn a_dial_without_an_answer_times_out_as_on_linux() {
    let log = play_for(
        Duration::from_secs(150),
        &[step(100, 140_000, "server", STALL)],
        async |_, _| {},
        async |client| client.say_result("dial", client.dial().await.map(drop)),
    );
    for node in ["ann", "bob"] {
        assert_said(&log, node, &[(START_MS + 127_000, "dial TimedOut")]);
    }
}

#[test]
fn a_port_whose_listener_was_dropped_is_free_at_once_and_taken_while_it_lives() {
    let log = play(
        &[],
        async |_, _| {},
        async |client| {
            if client.node == "bob" {
                return;
            }
            for _ in 0..3 {
                let mut listener = client.net.listen("ann", 7_500).await.unwrap();
                let second = client.net.listen("ann", 7_500).await;
                client.say_result("second", second.map(drop));
                let to = Endpoint::new("clients", 7_500);
                let (dialer, from) = (client.net.dialer("bob"), client.clone());
                let mut dials = JoinSet::new();
                dials.spawn_local(async move {
                    from.say_result("dial", dial(dialer, to).await.map(drop));
                });
                drop(listener.accept().await.unwrap());
                dials.join_all().await;
            }
        },
    );
    let one = ["second AddrInUse", "dial ()"].map(|text| (START_MS, text));
    assert_said(&log, "ann", &[one, one, one].concat());
}

#[test]
fn a_dial_to_nobody_says_so() {
    let log = play_for(
        Duration::from_secs(150),
        &[],
        async |_, _| {},
        async |client| {
            let dialer = || client.net.dialer(client.node);
            let to = |host, port| async move { dial(dialer(), Endpoint::new(host, port)).await };
            client.say_result("no port", to("server", 1).await.map(drop));
            client.say_result("no host", to("nowhere", PORT).await.map(drop));
            let eve = client.net.dialer("eve");
            let by_eve = dial(eve, Endpoint::new("server", PORT)).await;
            client.say_result("by nobody", by_eve.map(drop));
            let listened = client.net.listen("eve", 1).await.map(drop);
            client.say_result("as nobody", listened);
            client.say_result("no address", to("10.0.0.1", PORT).await.map(drop));
        },
    );
    assert_said(
        &log,
        "ann",
        &[
            (START_MS + 20, "no port ConnectionRefused"),
            (START_MS + 20, "no host NotFound"),
            (START_MS + 20, "by nobody InvalidInput"),
            (START_MS + 20, "as nobody InvalidInput"),
            (START_MS + 20 + 127_000, "no address TimedOut"),
        ],
    );
}

// A client may listen, for a peer on its own host or elsewhere, by name or by address.
#[test]
fn nodes_of_one_host_reach_each_other_through_the_same_faults() {
    let log = play(
        &[step(500, 1_000, "ann", STALL)],
        async |_, _| {},
        async |client| {
            if client.node == "ann" {
                let mut listener = client.net.listen("ann", 0).await.unwrap();
                let address = listener.local_addr().unwrap();
                client.say(address.port().to_string());
                let (mut stream, _) = listener.accept().await.unwrap();
                client.say_result("read", read_some(&mut stream).await);
                client.say_result("read", read_some(&mut stream).await);
                return;
            }
            client.until(100).await;
            let port = said(&client.log, "ann")[0].1.parse().unwrap();
            let address = turmoil::lookup("clients");
            let endpoint = Endpoint::from(std::net::SocketAddr::new(address, port));
            let dialer = client.net.dialer("bob");
            let mut stream = dial(dialer, endpoint).await.unwrap();
            stream.write_all(b"hi").await.unwrap();
            client.until(600).await;
            stream.write_all(b"hello").await.unwrap();
        },
    );
    let ann = said(&log, "ann");
    assert_eq!(ann[1].1, "read 2");
    assert_eq!(ann[2].1, "read 5");
    assert!((1_500..1_550).contains(&ann[2].0), "{ann:?}");
}
