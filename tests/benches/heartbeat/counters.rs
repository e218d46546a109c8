//! What the kernel counted: bytes of an interface, and the time our thread computed.

use std::fs;
use std::io;
use std::time::Duration;

/// Of each packet, what is below IP.
const ETHERNET_BYTES: u64 = 14;

/// IP bytes of an interface, both directions together, since it was made.
pub(crate) fn ip_bytes(interface: &str) -> io::Result<u64> {
    let mut bytes = 0;
    for direction in ["rx", "tx"] {
        let count = |what: &str| {
            let name = format!("/sys/class/net/{interface}/statistics/{direction}_{what}");
            let text = fs::read_to_string(name)?;
            text.trim().parse::<u64>().map_err(io::Error::other)
        };
        bytes += count("bytes")? - ETHERNET_BYTES * count("packets")?;
    }
    Ok(bytes)
}

/// How long this process's first thread, which runs everything, has been computing.
pub(crate) fn computed() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/self/schedstat")?;
    let nanos = text.split(' ').next().unwrap_or_default().parse();
    nanos.map(Duration::from_nanos).map_err(io::Error::other)
}
