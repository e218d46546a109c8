//! Bits flip in what is read, now and then.

use super::*;

const LEN: usize = 20_000;

fn corrupt(from: u64, target: &str, direction: Direction) -> Step {
    let fault = Fault::Corrupt {
        direction,
        one_in: 100,
    };
    step(from, 1_000, target, fault)
}

/// Sends zeros at 500 ms and at 1500 ms, and says which bytes of what comes are not zero.
async fn zeros(actor: &Actor, stream: Stream, ear: &str) {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut both = JoinSet::new();
    let sender = actor.clone();
    both.spawn_local(async move {
        for at_ms in [500, 1_500] {
            sender.until(at_ms).await;
            to.write_all(&[0; LEN]).await.unwrap();
        }
    });
    let (actor, ear) = (actor.clone(), ear.to_owned());
    both.spawn_local(async move {
        for _ in 0..2 {
            let mut all = vec![0; LEN];
            from.read_exact(&mut all).await.unwrap();
            let flipped = all.iter().enumerate().filter(|(_, byte)| **byte != 0);
            let flipped: Vec<_> = flipped.collect();
            let bits: u32 = flipped.iter().map(|(_, byte)| byte.count_ones()).sum();
            actor.say_of(&ear, bits.to_string());
            actor.say_of(&format!("{ear}'s bits"), format!("{flipped:?}"));
        }
    });
    both.join_all().await;
}

#[test]
fn bits_flip_while_it_lasts_about_as_often_as_was_said() {
    for (target, direction, ears) in CASES {
        let log = play_ends(
            &[corrupt(400, target, direction)],
            async |actor, stream, ear| zeros(&actor, stream, ear).await,
        );
        for ear in EARS {
            let flipped: Vec<u32> = said(&log, ear)
                .iter()
                .map(|(_, text)| text.parse().unwrap())
                .collect();
            if ears.contains(&ear) {
                assert!((150..=250).contains(&flipped[0]), "{ear}: {flipped:?}");
                assert_eq!(flipped[1], 0, "it is over");
            } else {
                assert_eq!(flipped, [0, 0], "{ear}");
            }
        }
    }
}

#[test]
fn what_was_sent_before_and_is_read_meanwhile_flips_and_streams_differ() {
    let bits = |bob_too: bool| {
        let log = play(
            &[corrupt(600, "clients", Direction::Inbound)],
            async |server, mut stream| {
                server.until(500).await;
                stream.write_all(&[0; LEN]).await.unwrap();
            },
            async move |client| {
                if client.node == "bob" && !bob_too {
                    return;
                }
                let mut stream = client.dial().await.unwrap();
                client.until(700).await;
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.unwrap();
                client.say(format!("{all:?}"));
            },
        );
        ["ann", "bob"].map(|node| said(&log, node).pop().map(|(_, text)| text))
    };
    let [ann, bob] = bits(true);
    let untouched = format!("{:?}", [0; LEN]);
    assert!(ann.is_some() && ann.as_ref() != Some(&untouched));
    assert_ne!(ann, bob, "each stream has its own bits");
    assert_eq!(ann, bits(false)[0], "another stream moves nothing");
}
