//! Names: what a server is asked for, and the protocols offered inside TLS. Nothing is resolved.

use rustls_pki_types::ServerName;

use super::Error;

/// The longest name of a protocol, by RFC 7301.
const PROTOCOL_BYTES_MAX: usize = 255;

/// The name that a server's certificate must have: a DNS name or an IP address.
pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name.to_owned()).map_err(|_| Error::ServerName {
        name: name.to_owned(),
    })
}

/// Protocols as they go over the wire, the most wanted first.
pub(super) fn protocols(names: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    let unfit = |name: &&Vec<u8>| !(1..=PROTOCOL_BYTES_MAX).contains(&name.len());
    match names.iter().find(unfit) {
        Some(name) => Err(Error::ProtocolName { bytes: name.len() }),
        None => Ok(names.to_vec()),
    }
}
