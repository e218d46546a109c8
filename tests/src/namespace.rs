//! A network namespace with one link to us, which can be unplugged. For root only; it needs
//! the program `ip`.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// How many links fit into the block that RFC 2544 keeps for tests of networks, 198.18.0.0/15,
/// at four addresses each.
const SUBNETS: u32 = 1 << 15;

/// How many namespaces one process may have.
const EACH: u32 = 8;

/// A namespace. It is removed, with its link, when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    /// Tells it from every other one of this machine.
    number: u32,
}

// === impl Namespace ===

impl Namespace {
    /// Makes this process's namespace number `nth`, below 8.
    ///
    /// # Errors
    ///
    /// What `ip` could not do, as it said itself on standard error. Only root may.
    pub fn make(nth: u32) -> io::Result<Self> {
        assert!(nth < EACH, "a process has {EACH} namespaces");
        let number = (std::process::id() * EACH + nth) % SUBNETS;
        let name = name(number);
        ip(&format!("netns add {name}"))?;
        let made = Self { number };
        let (near, far) = (made.address(1), made.far());
        let (here, there) = (made.link("a"), made.link("b"));
        for line in [
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("addr add {near}/30 dev {here}"),
            format!("link set {here} up"),
            format!("-n {name} addr add {far}/30 dev {there}"),
            format!("-n {name} link set {there} up"),
            format!("-n {name} link set lo up"),
        ] {
            ip(&line)?;
        }
        Ok(made)
    }

    /// The words that start a program in it.
    pub fn prefix(&self) -> [String; 4] {
        ["ip", "netns", "exec", &name(self.number)].map(str::to_owned)
    }

    /// The address of who is in it.
    pub fn far(&self) -> IpAddr {
        self.address(2)
    }

    /// Our end of the link, as the system calls it.
    pub fn interface(&self) -> String {
        self.link("a")
    }

    /// Takes its end of the link down: packets vanish, and nobody is told.
    ///
    /// # Errors
    ///
    /// As [`make`](Self::make).
    pub fn unplug(&self) -> io::Result<()> {
        ip(&format!(
            "-n {} link set {} down",
            name(self.number),
            self.link("b")
        ))
    }

    /// Plugs it in again.
    ///
    /// # Errors
    ///
    /// As [`make`](Self::make).
    pub fn plug_in(&self) -> io::Result<()> {
        ip(&format!(
            "-n {} link set {} up",
            name(self.number),
            self.link("b")
        ))
    }

    fn address(&self, host: u32) -> IpAddr {
        let block = u32::from(Ipv4Addr::new(198, 18, 0, 0));
        Ipv4Addr::from(block + self.number * 4 + host).into()
    }

    fn link(&self, end: &str) -> String {
        format!("bowline{}{end}", self.number)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // With one end goes the other. What cannot be removed is not there.
        let _link = ip(&format!("link del {}", self.link("a")));
        let _namespace = ip(&format!("netns del {}", name(self.number)));
    }
}

fn name(number: u32) -> String {
    format!("bowline-{number}")
}

fn ip(line: &str) -> io::Result<()> {
    let status = Command::new("ip").args(line.split(' ')).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("`ip {line}` ended with {status}")))
    }
}
