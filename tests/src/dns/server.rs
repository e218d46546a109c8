//! A dnsmasq that knows the zone `example.test` and nobody to ask for others.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::dns::{Resolver, Settings, SystemSockets};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;

use crate::services::{Running, program};

/// How long its answers are good.
pub(super) const TTL: Duration = Duration::from_secs(1);

/// How long a resolver waits for one answer of it: two attempts take longer than [`TTL`].
pub(super) const ATTEMPT: Duration = Duration::from_millis(700);

pub(super) const PATIENCE: Duration = Duration::from_millis(1_400);

/// How often a port that was free is tried, since somebody else may have taken it meanwhile.
const STARTS: usize = 5;

/// How often a server is asked until it answers: each takes up to [`PATIENCE`].
const QUESTIONS: usize = 10;

/// A name server that is killed when it is dropped.
pub(super) struct Server {
    running: Running,
    folder: TempDir,
    address: SocketAddr,
}

// === impl Server ===

impl Server {
    /// Starts one, and waits until it answers; `None` where the tests run without.
    pub(super) async fn start() -> Option<Self> {
        let program = program("dnsmasq", "dnsmasq-base")?;
        for _ in 0..STARTS {
            let folder = tempfile::tempdir().unwrap();
            write_hosts(&folder, "10.0.0.8");
            let address = free_address();
            let mut command = Command::new(&program);
            command
                .args([
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--no-resolv",
                ])
                .args([
                    "--no-hosts",
                    "--bind-interfaces",
                    "--listen-address=127.0.0.1",
                ])
                .args(["--user=root", "--local=/example.test/", "--local-ttl=1"])
                .arg("--srv-host=_chat._tcp.example.test,four.example.test,7400,10,5")
                .arg("--srv-host=_chat._tcp.example.test,both.example.test,7401,20,0")
                .arg("--cname=www.example.test,four.example.test")
                .arg(format!("--port={}", address.port()))
                .arg(format!(
                    "--addn-hosts={}",
                    folder.path().join("hosts").display()
                ))
                .arg(format!(
                    "--pid-file={}",
                    folder.path().join("pid").display()
                ))
                .stderr(Stdio::null());
            let server = Self {
                running: Running::start(&mut command),
                folder,
                address,
            };
            if server.answers().await {
                return Some(server);
            }
        }
        panic!("dnsmasq did not answer");
    }

    /// One that asks it, with a memory of its own.
    pub(super) fn resolver(&self) -> Resolver<SystemSockets> {
        let settings = Settings::new([self.address]).unwrap();
        let settings = settings.timeout(ATTEMPT).unwrap().attempts(2).unwrap();
        let secrets = ChaCha20Rng::seed_from_u64(u64::from(self.address.port()));
        Resolver::new(settings, SystemSockets, Arc::new(Mutex::new(secrets)))
    }

    /// Gives `moves.example.test` another address.
    pub(super) fn move_to(&self, address: &str) {
        write_hosts(&self.folder, address);
        self.running.signal("HUP");
    }

    async fn answers(&self) -> bool {
        let resolver = self.resolver();
        for _ in 0..QUESTIONS {
            if resolver.addresses("four.example.test").await.is_ok() {
                return true;
            }
        }
        false
    }
}

fn write_hosts(folder: &TempDir, moves: &str) {
    let mut hosts = format!(
        "10.0.0.4 four.example.test\nfd00::6 six.example.test\n\
         10.0.0.7 both.example.test\nfd00::7 both.example.test\n\
         {moves} moves.example.test\n"
    );
    for last in 1..=60 {
        hosts += &format!("10.0.1.{last} many.example.test\n");
    }
    // Renamed into its place: it must never be read by half.
    let new = folder.path().join("new");
    fs::write(&new, hosts).unwrap();
    fs::rename(new, folder.path().join("hosts")).unwrap();
}

fn free_address() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}
