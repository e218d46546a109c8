//! What both ends see of a reset.

use super::*;

#[test]
fn a_reset_fails_both_ends_of_the_targets_streams_and_nobody_elses() {
    async fn watch(actor: &Actor, stream: &mut Stream, ear: &str) {
        loop {
            match read_some(stream).await {
                Ok(0) => return actor.say_of(ear, "end"),
                Ok(_) => {}
                Err(error) => {
                    actor.say_of(ear, format!("{:?}", error.kind()));
                    let read = read_some(stream).await.unwrap();
                    let wrote = stream.write(b"x").await.unwrap_err().kind();
                    let shut = stream.shutdown().await.unwrap_err().kind();
                    return actor.say_of(ear, format!("{read} {wrote:?} {shut:?}"));
                }
            }
        }
    }
    let log = play(
        &[step(500, 0, "ann", Fault::Reset)],
        async |server, mut stream| {
            let ear = match stream.read_u8().await.unwrap() {
                0 => "server of ann",
                _ => "server of bob",
            };
            watch(&server, &mut stream, ear).await;
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            stream
                .write_u8(u8::from(client.node == "bob"))
                .await
                .unwrap();
            let watched = watch(&client, &mut stream, client.node);
            if timeout(Duration::from_millis(1_000), watched)
                .await
                .is_err()
            {
                client.say("still up");
                return;
            }
            drop(stream);
            // The network itself is unharmed.
            let mut stream = client.dial().await.unwrap();
            stream.write_u8(0).await.unwrap();
            client.say("dialed again");
        },
    );
    let failed = [(500, "ConnectionReset"), (500, "0 BrokenPipe NotConnected")];
    let again = (500, "dialed again");
    assert_said(&log, "ann", &[failed[0], failed[1], again]);
    // The second stream ends as ann's script does.
    let end = (500, "end");
    assert_said(&log, "server of ann", &[failed[0], failed[1], end]);
    assert_said(&log, "bob", &[(START_MS + 1_000, "still up")]);
    assert_said(&log, "server of bob", &[(START_MS + 1_000, "end")]);
}

#[test]
fn whoever_writes_first_after_a_reset_is_told_and_a_blocked_writer_wakes() {
    let log = play(
        &[step(500, 0, "server", Fault::Reset)],
        async |_, stream| {
            sleep(Duration::from_secs(4)).await;
            drop(stream);
        },
        async |client| {
            let mut stream = client.dial().await.unwrap();
            if client.node == "ann" {
                let more = vec![0; WINDOW_BYTES + 1];
                client.say_result("write", stream.write_all(&more).await);
            } else {
                client.until(600).await;
                client.say_result("write", stream.write(b"x").await);
            }
            client.say_result("write", stream.write(b"x").await);
            client.say_result("read", read_some(&mut stream).await);
        },
    );
    for (node, at) in [("ann", 500), ("bob", 600)] {
        assert_said(
            &log,
            node,
            &[
                (at, "write ConnectionReset"),
                (at, "write BrokenPipe"),
                (at, "read 0"),
            ],
        );
    }
}
