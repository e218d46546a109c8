//! A name that nobody knows, asked of a name server of the test's own, which may learn it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::dns::{self, Datagrams, Resolver, Sockets, SystemSockets};
use bowline_link::{Endpoint, causes, tcp};
use bowline_reconnect::{Kind, Sent};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::process::Peer;
use super::session::{self, Tally};
use super::{patient, rig_over, run};

/// A name that no name server knows (RFC 6761, section 6.4).
const NOBODY: &str = "nobody.invalid";

/// How long a DNS header is.
const HEADER: usize = 12;

/// A name server that knows no name, or gives every name the address of this machine.
struct Names {
    address: SocketAddr,
    knows: Arc<AtomicBool>,
    _serving: JoinSet<()>,
}

// === impl Names ===

impl Names {
    async fn start() -> Self {
        let socket = SystemSockets
            .bind((Ipv4Addr::LOCALHOST, 0).into())
            .await
            .unwrap();
        let address = socket.local_addr().unwrap();
        let knows = Arc::new(AtomicBool::new(false));
        let mut serving = JoinSet::new();
        serving.spawn(serve(socket, Arc::clone(&knows)));
        Self {
            address,
            knows,
            _serving: serving,
        }
    }

    /// Lets it know every name.
    fn learn(&self) {
        self.knows.store(true, Ordering::SeqCst);
    }

    fn resolver(&self) -> Resolver<SystemSockets> {
        let settings = dns::Settings::new([self.address]).unwrap();
        let settings = settings.timeout(Duration::from_secs(5)).unwrap();
        let secrets = ChaCha20Rng::seed_from_u64(u64::from(self.address.port()));
        Resolver::new(settings, SystemSockets, Arc::new(Mutex::new(secrets)))
    }
}

async fn serve(socket: UdpSocket, knows: Arc<AtomicBool>) {
    let mut bytes = [0; 512];
    loop {
        let (length, from) = socket.receive(&mut bytes).await.unwrap();
        let answer = answer(&bytes[..length], knows.load(Ordering::SeqCst));
        Datagrams::send_to(&socket, &answer, from).await.unwrap();
    }
}

/// The answer to one question (RFC 1035, section 4).
fn answer(query: &[u8], knows: bool) -> Vec<u8> {
    let name = query[HEADER..].iter().position(|byte| *byte == 0).unwrap();
    // The root that ends the name, its type and its class.
    let question = &query[..HEADER + name + 5];
    let is_a = question[HEADER + name + 1..][..2] == [0, 1];
    let mut answer = question.to_vec();
    // A response to what was asked, from one who may say so.
    answer[2] |= 0b1000_0100;
    answer[3] = if knows { 0 } else { 3 };
    let answers = u8::from(knows && is_a);
    answer[4..HEADER].copy_from_slice(&[0, 1, 0, answers, 0, 0, 0, 0]);
    if answers > 0 {
        // The same name, A, IN, good for no time, four bytes.
        answer.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        answer.extend(Ipv4Addr::LOCALHOST.octets());
    }
    answer
}

// contract: again-4, again-10
#[test]
fn a_name_that_nobody_knows_is_told_as_such_and_asked_for_again_until_somebody_does() {
    run(async {
        let (peer, names) = (Peer::start().await, Names::start().await);
        let tally = Arc::new(Tally::default());
        let dialer = tcp::Dialer::new().resolver(names.resolver());
        let connect = session::over(dialer, &tally, patient());
        let nobody = Endpoint::new(NOBODY, peer.endpoint().port());
        let rig = rig_over(connect, &[nobody], tally, |link| {
            link.failfast_after(Duration::from_millis(50))
        });
        let error = rig.waiting(4).await;
        assert!(
            matches!(error.downcast_ref(), Some(tcp::DialError::Resolve { .. })),
            "{error:?}"
        );
        let told = rig.call("do 1").await.unwrap_err();
        assert_eq!((told.kind, told.sent), (Kind::Unavailable, Sent::No));
        let unknown = causes(&told)
            .any(|cause| matches!(cause.downcast_ref(), Some(dns::Error::NoSuchName { .. })));
        assert!(unknown, "{told:?}");
        rig.seen.waited();

        names.learn();
        rig.up_after(0).await;
        assert_eq!(rig.call("do 2").await.unwrap(), "done 2");
        assert_eq!(peer.accepts(), 1);
    });
}
