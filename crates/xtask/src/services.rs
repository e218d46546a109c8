//! The real servers and tools that tests talk to: there, or installed from Debian's packages.
//!
//! It starts none of them; each test starts its own, on a free port.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use crate::cargo::{self, Workspace};
use crate::error::Error;

/// Tells the tests to leave out what needs a service.
const NONE: &str = "BOWLINE_NO_SERVICES";

/// Where an administrator's programs are, which not every user's path names.
const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A program and the Debian package that holds it.
#[derive(Clone, Copy, Debug)]
struct Service {
    program: &'static str,
    package: &'static str,
}

const SERVICES: &[Service] = &[
    Service {
        program: "dnsmasq",
        package: "dnsmasq-base",
    },
    Service {
        program: "ip",
        package: "iproute2",
    },
    Service {
        program: "openssl",
        package: "openssl",
    },
    Service {
        program: "redis-server",
        package: "redis-server",
    },
];

/// Installs what is missing, where we may.
///
/// # Errors
///
/// [`Error::NoService`] with the line to type where we are not root, or have no `apt-get`;
/// as [`cargo::run`] where that fails.
pub(crate) fn install(_workspace: &mut Workspace) -> Result<(), Error> {
    let missing: Vec<_> = SERVICES
        .iter()
        .filter(|service| !is_here(service.program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !(is_root() && is_here("apt-get")) {
        return Err(Error::NoService {
            programs: joined(&missing, ", ", |service| service.program),
            packages: joined(&missing, " ", |service| service.package),
        });
    }
    cargo::run(apt_get(&["update"]))?;
    let mut install = apt_get(&["install", "-y", "--no-install-recommends"]);
    install.args(missing.iter().map(|service| service.package));
    cargo::run(install)
}

/// Has the tests leave out, in words, what needs a service.
pub(crate) fn leave_out(workspace: &mut Workspace) -> Result<(), Error> {
    workspace.tell(NONE, "1");
    Ok(())
}

fn joined(services: &[&Service], by: &str, name: fn(&Service) -> &'static str) -> String {
    let names: Vec<_> = services.iter().map(|service| name(service)).collect();
    names.join(by)
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_here(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SBIN.map(Into::into))
        .any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == OsStr::new("0").as_encoded_bytes())
}
