//! Names by our own questions to name servers: a stub resolver over sockets that it is given,
//! so that a simulator can answer. It validates no signatures and walks no zones: the name
//! servers it is told about do that, or nobody does.
//!
//! [`Resolver`] asks for addresses (A and AAAA together) and services (SRV), follows aliases,
//! remembers addresses for their time to live, and when nobody answers serves what it
//! remembers for some time beyond (RFC 8767). It is a [`Resolve`](crate::Resolve) for dialers,
//! and [`Addresses`] and [`Services`] are lookups for [discovery](crate::discovery).
//!
//! Who asks for what is being asked for already waits for the same answer: a thousand links
//! that dial one name at one moment are one pair of questions. Each kind of address is
//! remembered by itself: servers that fail for one do not take the other away, nor the
//! addresses that the failing one had before.
//!
//! The messages are hickory-proto's. Its resolver was refused: it reads the machine's clock
//! for its cache and its statistics and draws ids and servers from the thread's generator, so
//! that no simulated day would make an answer old and no seed would repeat a run.
//!
//! What a question is: a datagram of up to 512 bytes from a port and with an id that are drawn
//! anew for each attempt (RFC 5452), asked of each name server in turn, [`Settings::attempts`]
//! times round, each time for [`Settings::timeout`]. Datagrams that are not the answer (from
//! somebody else, with another id or question) are passed over and prolong nothing. A truncated
//! answer is asked for again over TCP, in the same time. There is no EDNS: answers that are
//! longer come over TCP, and no fragment can be forged.
//!
//! Names are whole: a name without a dot is a name of the root, and there is no search list and
//! no `ndots`. What means one service to one machine and another to the next has no place in a
//! list of endpoints. `localhost` and what is under it is this machine and asked of nobody
//! (RFC 6761, section 6.3). Names that do not exist are not remembered: whoever asks again
//! does so at his own backoff.
//!
//! ```no_run
//! use std::sync::{Arc, Mutex};
//! use bowline_link::{Endpoint, Resolve as _, dns};
//! # use rand_core::CryptoRng;
//!
//! # async fn example(secrets: impl CryptoRng + Send + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! let conf = std::fs::read_to_string("/etc/resolv.conf")?;
//! let settings = dns::Settings::new(dns::name_servers(&conf)?)?;
//! let secrets = Arc::new(Mutex::new(secrets));
//! let resolver = dns::Resolver::new(settings, dns::SystemSockets, secrets);
//! let addresses = resolver.resolve(Endpoint::new("chat.example", 7400)).await?;
//! # drop(addresses);
//! # Ok(())
//! # }
//! ```

mod ask;
mod cache;
mod error;
mod event;
mod flights;
mod lookup;
mod message;
mod resolv_conf;
mod resolver;
mod settings;
mod sockets;

pub use cache::{NAMES_MAX, STALE_TTL};
pub use error::Error;
pub use event::Event;
pub use flights::ASKED_AT_ONCE_MAX;
pub use lookup::{Addresses, Services};
pub use message::{ALIASES_MAX, Found, Kind, RECORDS_MAX, Service};
pub use resolv_conf::{InvalidResolvConf, NameServers, SKIPPED_MAX, Skipped, name_servers};
pub use resolver::{RECHECK_AFTER, Resolver, Secrets};
pub use settings::{
    ATTEMPTS_DEFAULT, ATTEMPTS_MAX, InvalidSettings, MAX_STALE_DEFAULT, PORT, SERVERS_MAX,
    Settings, TIMEOUT_DEFAULT, TIMEOUT_MAX, TIMEOUT_MIN, TTL_MAX,
};
pub use sockets::{Datagrams, Sockets, SystemSockets};

#[cfg(test)]
mod tests;
