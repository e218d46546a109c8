//! Two nodes on loopback that watch each other in datagrams, until one of them falls silent.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::udp::{
    Address, Event, Handle, Heartbeat, Key, Keys, PeerSettings, Session, Settings, Socket,
};
use bowline_link::{BoxError, SystemClock};
use bowline_policy::from_fn;
use bowline_policy::heartbeat::Fixed;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

type Told = mpsc::Sender<(u32, Event)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // From the system's generator in a program that means it.
    let mut secrets = ChaCha20Rng::seed_from_u64(7);
    let (told, mut events) = mpsc::channel(64);
    let sockets = [bind()?, bind()?];
    let addresses = [sockets[0].local_addr()?, sockets[1].local_addr()?];
    let [one, two] = sockets;

    let session = Session::draw(&mut secrets);
    let (one, watch) = node(one, 1, session, told.clone());
    watch.add(peer(2, addresses[1])?)?;
    let session = Session::draw(&mut secrets);
    let (two, other) = node(two, 2, session, told);
    other.add(peer(1, addresses[0])?)?;

    let mut ones = JoinSet::new();
    ones.spawn(one);
    let mut twos = JoinSet::new();
    twos.spawn(two);
    while let Some((node, event)) = events.recv().await {
        println!("node {node}: {event:?}");
        match event {
            Event::StatusChanged { node: 2, .. } => twos.abort_all(),
            Event::Dead { node: 2, .. } => break,
            _ => {}
        }
    }
    println!("{:#?}", watch.snapshot());
    Ok(())
}

fn bind() -> Result<Socket, BoxError> {
    Ok(Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?)
}

fn node(socket: Socket, number: u32, session: Session, told: Told) -> (Heartbeat<Socket>, Handle) {
    let tell = from_fn(move |event: &Event| {
        // Whoever does not read for long misses some.
        drop(told.try_send((number, event.clone())));
    });
    let we = Settings::new(number, session);
    let (heartbeat, handle) = Heartbeat::new(socket, we, Arc::new(SystemClock));
    (heartbeat.observed_by(tell), handle)
}

fn peer(number: u32, at: SocketAddr) -> Result<PeerSettings, BoxError> {
    let ms = Duration::from_millis;
    let policy = Fixed::new(ms(200), ms(100), 2)?;
    let keys = Keys::new(Key::new(0, b"thirty-two bytes, or more of them")?);
    let address = Address::Fixed(at);
    Ok(PeerSettings::new(number, address, keys, policy))
}
