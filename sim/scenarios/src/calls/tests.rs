//! The peer answers each call once, and never for another.

use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::heartbeat::{Death, Fixed};
use bowline_sim::history::What;
use bytes::BytesMut;
use futures_util::FutureExt;
use rand_core::SeedableRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::codec::{Decoder, Encoder};
use tower_service::Service;

use super::frame::{Codec, Frame, Kind};
use super::*;

fn heartbeat() -> Fixed {
    Fixed::new(Duration::from_secs(2), Duration::from_secs(1), 2).unwrap()
}

/// A listener that accepts one stream.
struct Once(Option<DuplexStream>);

impl bowline_link::Listen for Once {
    type Io = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<(DuplexStream, std::net::SocketAddr)> {
        match self.0.take() {
            Some(io) => Ok((io, ([127, 0, 0, 1], 1).into())),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<std::net::SocketAddr> {
        Ok(([127, 0, 0, 1], 2).into())
    }
}

/// A server with one connection, and this end of it.
fn served(log: &Log, guests: &Guests) -> (DuplexStream, JoinSet<Result<(), BoxError>>) {
    let (ours, theirs) = duplex(4096);
    let serving = Serving {
        log: log.clone(),
        guests: guests.clone(),
        memory: Memory::default(),
        door: Door::default(),
        heartbeat: heartbeat(),
        chance: rand_pcg::Pcg64::seed_from_u64(1),
        rude_until: None,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(serve(Once(Some(theirs)), serving));
    (ours, tasks)
}

async fn ask(calls: &mut Calls, id: u128, padding: u16) -> Calling {
    std::future::poll_fn(|cx| calls.poll_ready(cx))
        .await
        .unwrap();
    let id = Id(id);
    calls.call(Call { id, padding })
}

#[tokio::test(start_paused = true)]
async fn many_calls_at_once_each_get_the_place_of_their_own() {
    let (log, guests) = Default::default();
    let (io, _tasks) = served(&log, &guests);
    let (mut calls, connection) = open(io, heartbeat(), 64);
    let mut running = JoinSet::new();
    running.spawn(connection.run());
    assert_eq!(calls.greet(Id(7)).await, Ok(Met::Never));
    assert_eq!(guests.of(Id(7)), 1);
    let mut asked = Vec::new();
    for id in 0..50 {
        asked.push(ask(&mut calls, id, 500).await);
    }
    for (offset, answer) in (0..).zip(asked) {
        assert_eq!(answer.await, Ok(Appended { offset }));
    }
    let What::Final { log, .. } = log.last_word() else {
        panic!("a last word is a final");
    };
    assert_eq!(log.len(), 50);
    running.shutdown().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(guests.of(Id(7)), 0);
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_waits_for_the_answer_even_of_a_call_given_up() {
    let (log, guests) = Default::default();
    let (io, _tasks) = served(&log, &guests);
    let (mut calls, connection) = open(io, heartbeat(), 1);
    let mut running = JoinSet::new();
    running.spawn(connection.run());
    calls.greet(Id(7)).await.unwrap();
    let mut first = ask(&mut calls, 1, 0).await;
    // Sent, then given up.
    assert!((&mut first).now_or_never().is_none());
    // Long enough to be sent.
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(first);
    let second = ask(&mut calls, 2, 0).await;
    assert_eq!(second.await, Ok(Appended { offset: 1 }));
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_noticed_and_every_call_ends_by_whether_it_was_sent() {
    let (io, _silent) = duplex(64);
    let (mut calls, connection) = open(io, heartbeat(), 8);
    let began = Instant::now();
    let sent = ask(&mut calls, 1, 1000).await;
    let queued = ask(&mut calls, 2, 0).await;
    let over = connection.run().await;
    assert!(over.is::<Death>(), "{over}");
    // The write was stuck all the while.
    assert_eq!(Instant::now() - began, heartbeat().silence_max());
    assert_eq!(sent.await, Err(Error::Ended));
    assert_eq!(queued.await, Err(Error::Unsent));
    let ready = std::future::poll_fn(|cx| calls.poll_ready(cx)).await;
    assert_eq!(ready, Err(Error::Unsent));
}

#[tokio::test(start_paused = true)]
async fn a_server_notices_who_fell_silent() {
    let (log, guests) = Default::default();
    let (mut io, _tasks) = served(&log, &guests);
    let mut bytes = BytesMut::new();
    let hello = Frame::new(Kind::Hello, Id(3), 0);
    Codec.encode(hello, &mut bytes).unwrap();
    io.write_all(&bytes).await.unwrap();
    let began = Instant::now();
    // It welcomes, then waits for as long as it was promised to, and hangs up.
    let mut said = Vec::new();
    io.read_to_end(&mut said).await.unwrap();
    assert!(!said.is_empty());
    assert_eq!(Instant::now() - began, heartbeat().silence_max());
    assert_eq!(guests.of(Id(3)), 0);
}

#[tokio::test(start_paused = true)]
async fn who_asks_before_he_said_who_he_is_fails_the_run() {
    let (log, guests) = Default::default();
    let (io, mut tasks) = served(&log, &guests);
    let (mut calls, connection) = open(io, heartbeat(), 8);
    let asked = ask(&mut calls, 1, 0).await;
    let _over = connection.run().await;
    assert_eq!(asked.await, Err(Error::Ended));
    assert!(tasks.join_next().await.unwrap().unwrap().is_err());
}

#[test]
fn no_flipped_bit_goes_unnoticed_and_none_makes_a_reader_wait() {
    let frame = Frame {
        padding: 40,
        ..Frame::new(Kind::Ask, Id(0xabcdef), 9)
    };
    let mut good = BytesMut::new();
    Codec.encode(frame, &mut good).unwrap();
    assert_eq!(Codec.decode(&mut good.clone()).unwrap(), Some(frame));
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Codec.decode(&mut bad).is_err(), "bit {bit}");
    }
}

#[test]
fn a_frame_in_pieces_is_the_same_frame() {
    let frame = Frame {
        padding: 10,
        ..Frame::new(Kind::Ask, Id(1), 2)
    };
    let mut whole = BytesMut::new();
    Codec.encode(frame, &mut whole).unwrap();
    let mut bytes = BytesMut::new();
    for byte in &whole[..whole.len() - 1] {
        bytes.extend_from_slice(&[*byte]);
        assert_eq!(Codec.decode(&mut bytes).unwrap(), None);
    }
    bytes.extend_from_slice(&whole[whole.len() - 1..]);
    assert_eq!(Codec.decode(&mut bytes).unwrap(), Some(frame));
}

#[tokio::test(start_paused = true)]
async fn on_a_borrowed_stream_answers_are_read_one_by_one_whoever_asked() {
    let (log, guests) = Default::default();
    let (mut io, _tasks) = served(&log, &guests);
    assert_eq!(greet(&mut io, Id(7)).await.unwrap(), Met::Never);
    for id in 0..3 {
        let (id, padding) = (Id(id), 300);
        super::ask(&mut io, Call { id, padding }).await.unwrap();
    }
    let mut offsets = Vec::new();
    for _ in 0..3 {
        offsets.push(answer(&mut io).await.unwrap().offset);
    }
    // Some are slow, and overtaken.
    offsets.sort_unstable();
    assert_eq!(offsets, [0, 1, 2]);
    let more = tokio::time::timeout(Duration::from_millis(100), io.read_u8());
    assert!(more.await.is_err(), "nothing else was said");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_is_not_taken_for_one() {
    let (mut io, mut peer) = duplex(4096);
    let mut bytes = BytesMut::new();
    let welcome = Frame::new(Kind::Welcome, Id(1), 0);
    let answered = Frame::new(Kind::Answer, Id(1), 0);
    Codec.encode(welcome, &mut bytes).unwrap();
    Codec.encode(answered, &mut bytes).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    peer.write_all(&bytes).await.unwrap();
    for _ in 0..2 {
        let error = answer(&mut io).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn a_wish_is_read_as_it_was_written() {
    let wish = Wish {
        from_ms: 1,
        to_ms: 60_000,
        closes_in_ms: 512,
        redirect: 3,
    };
    for wish in [wish, Wish::default()] {
        assert_eq!(Wish::unpack(wish.pack()), wish);
    }
}

#[test]
fn a_session_is_continued_by_its_token_until_the_memory_is_wiped() {
    let memory = Memory::default();
    assert_eq!(memory.meet(Id(1), 0, 70), (Met::Never, 70));
    assert_eq!(memory.meet(Id(1), 70, 80), (Met::Before, 70));
    assert_eq!(memory.meet(Id(1), 60, 90), (Met::Never, 70));
    memory.join(Id(1), 4);
    assert_eq!(memory.joined(Id(1)).into_iter().collect::<Vec<_>>(), [4]);
    memory.wipe();
    assert_eq!(memory.meet(Id(1), 70, 100), (Met::Never, 100));
}

#[tokio::test(start_paused = true)]
async fn a_notice_reaches_whom_it_is_for_even_if_another_follows() {
    let door = Door::default();
    let wish = |redirect| Wish {
        redirect,
        ..Wish::default()
    };
    door.announce(wish(1), Some(Id(1)));
    door.announce(wish(2), Some(Id(2)));
    assert_eq!(door.going(Id(1), 0).await, wish(1));
    assert_eq!(door.going(Id(2), 0).await, wish(2));
    assert_eq!(door.going(Id(3), 0).now_or_never(), None);
    assert_eq!(door.going(Id(1), 1).now_or_never(), None, "it is known");
    door.announce(wish(3), None);
    assert_eq!(door.going(Id(1), 1).await, wish(3));
}

#[tokio::test(start_paused = true)]
async fn a_call_before_all_is_restored_is_an_error_of_the_software() {
    let (log, guests) = Default::default();
    let (io, mut tasks) = served(&log, &guests);
    let (mut calls, connection) = open(io, heartbeat(), 64);
    let mut running = JoinSet::new();
    running.spawn(connection.run());
    let hello = Hello {
        session: Id(7),
        token: 0,
        promised: 2,
    };
    assert_eq!(calls.resume(hello).await.unwrap().met, Met::Never);
    calls.join(1).await.unwrap();
    let answer = ask(&mut calls, 1, 0).await;
    assert_eq!(answer.await, Err(Error::Ended));
    let ended = tasks.join_next().await.unwrap().unwrap();
    let error = ended.unwrap_err().to_string();
    assert_eq!(error, "somebody asks whose subscriptions are not restored");
}
