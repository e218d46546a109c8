//! A server that shows a certificate for another name: whoever that is, it is told nothing, and
//! whoever it should be may come back.

use std::future::ready;
use std::net::{Ipv4Addr, SocketAddr};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::tls::{self, Acceptor, Client, Connector, Identity, Roots, Server};
use bowline_link::{Endpoint, Listen, Resolve, causes, is_unproven, tcp};
use bowline_reconnect::{Event, Kind, Sent};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::log::{self, Book, What};
use super::session::{self, Tally};
use super::{BASE, Rig, patient, rig_over, run, schedule, serving};

/// The name by which the server is called, and one that it has nothing to do with.
const HOST: &str = "127.0.0.1";
const OTHER: &str = "mail.example";

/// An authority that lives as long as a test.
struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A server over TLS.
struct Host {
    endpoint: Endpoint,
    acceptor: Acceptor,
    folder: TempDir,
    _serving: JoinSet<()>,
}

/// A resolver that knows no name; addresses need none.
#[derive(Clone)]
struct Nameless;

// === impl Ca ===

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "harbour");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What a server shows that has a certificate for `name`.
    fn server(&self, name: &str) -> Server {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Server::new(Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap())
    }

    fn connector(&self) -> Connector {
        let roots = Roots::from_pem(self.0.pem().as_bytes()).unwrap();
        Client::new(roots).build().unwrap()
    }
}

// === impl Host ===

impl Host {
    fn start(server: Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acceptor = server.build().unwrap();
        let tcp = tcp::Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let endpoint = Endpoint::new(HOST, tcp.local_addr().unwrap().port());
        let listener = tls::Listener::new(tcp, acceptor.clone());
        let book = Book::open(&folder.path().join("log"), 1);
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::new(book)));
        Self {
            endpoint,
            acceptor,
            folder,
            _serving: serving,
        }
    }

    fn log(&self) -> Vec<log::Entry> {
        log::read(&self.folder.path().join("log"))
    }
}

impl Resolve for Nameless {
    type Error = &'static str;

    fn resolve(
        &self,
        _endpoint: Endpoint,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, &'static str>> + Send + 'static {
        ready(Err("no such name"))
    }
}

async fn serve(mut listener: tls::Listener<tcp::Listener>, book: Arc<Book>) {
    let mut talks = JoinSet::new();
    for number in 1.. {
        let (stream, _) = listener.accept().await.unwrap();
        book.write(&What::Accepted(number));
        let book = Arc::clone(&book);
        talks.spawn(async move {
            let stays = CancellationToken::new();
            serving::talk(stream, number, &book, false, &stays)
                .await
                .ok();
        });
    }
}

fn rig(ca: &Ca, endpoints: &[Endpoint]) -> Rig {
    let tally = Arc::new(Tally::default());
    let tcp = tcp::Dialer::new().resolver(Nameless);
    let dialer = tls::Dialer::new(tcp, ca.connector());
    let connect = session::over(dialer, &tally, patient());
    rig_over(connect, endpoints, tally, |link| {
        link.failfast_after(Duration::from_millis(50))
    })
}

fn unproven(rig: &Rig) -> usize {
    rig.seen
        .count(|event| matches!(event, Event::Unproven { .. }))
}

// contract: again-4, again-10
#[test]
fn a_peer_with_the_certificate_of_another_is_told_nothing_and_called_until_it_shows_its_own() {
    run(async {
        let ca = Ca::new();
        let host = Host::start(ca.server(OTHER));
        let rig = rig(&ca, slice::from_ref(&host.endpoint));
        // Neither parked nor trusted.
        let error = rig.waiting(4).await;
        let names = causes(&*error).find_map(|cause| match cause.downcast_ref() {
            Some(tls::Error::WrongName { asked, names }) => Some((asked.clone(), names.clone())),
            Some(_) | None => None,
        });
        assert_eq!(
            names,
            Some((HOST.to_owned(), vec![OTHER.to_owned()])),
            "{error:?}"
        );
        let told = rig.call("do 1").await.unwrap_err();
        assert_eq!((told.kind, told.sent), (Kind::Unavailable, Sent::No));
        assert!(causes(&told).any(is_unproven), "{told:?}");
        assert!(unproven(&rig) >= 3, "each is a security event");
        rig.seen.waited();
        assert_eq!(host.log(), [], "it was told something");

        host.acceptor.replace(ca.server(HOST)).unwrap();
        rig.up_after(0).await;
        assert_eq!(rig.call("do 2").await.unwrap(), "done 2");
        assert_eq!(rig.tally.most(), 1);
    });
}

// contract: again-6
#[test]
fn a_peer_with_the_certificate_of_another_has_a_standby() {
    run(async {
        let ca = Ca::new();
        let (impostor, host) = (Host::start(ca.server(OTHER)), Host::start(ca.server(HOST)));
        let endpoints = [impostor.endpoint.clone(), host.endpoint.clone()];
        let rig = rig(&ca, &endpoints);
        rig.up_after(0).await;
        assert_eq!((rig.seen.called(), unproven(&rig)), (endpoints.to_vec(), 1));
        assert_eq!(impostor.log(), []);
    });
}

// contract: again-6
#[test]
fn through_tls_too_a_peer_that_cannot_be_reached_is_left_at_once() {
    run(async {
        let ca = Ca::new();
        let host = Host::start(ca.server(HOST));
        let nowhere = ["a.invalid", "b.invalid"].map(|name| Endpoint::new(name, 7400));
        let endpoints = [&nowhere[..], slice::from_ref(&host.endpoint)].concat();
        let rig = rig(&ca, &endpoints);
        rig.up_after(0).await;
        assert_eq!(rig.seen.called(), endpoints);
        // A splayed wait before the first, and hardly any before the next.
        let waits = rig.seen.waits();
        assert!(
            waits[0].1 <= BASE && waits[1].1 <= schedule().floor(),
            "{waits:?}"
        );
    });
}
