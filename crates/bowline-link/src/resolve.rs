//! Names to addresses: the seam that lets a simulator or another resolver answer.
//! It keeps nothing and refreshes nothing; each attempt asks again.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use crate::{BoxError, Endpoint};

/// Finds the addresses of an endpoint, best first.
///
/// An empty answer means that the name exists and has no address. Whoever asks puts
/// a deadline round the whole connect, so a resolver needs none of its own. Endpoints
/// that already [are an address](Endpoint::address) are never asked for.
///
/// # Cancellation
///
/// Dropping the future gives the question up; an answer that comes later goes nowhere.
pub trait Resolve: Clone + Send + Sync + 'static {
    /// Why there is no answer.
    type Error: Into<BoxError> + Send + 'static;

    /// Asks for the addresses of `endpoint`, all with its port.
    ///
    /// # Errors
    ///
    /// Whatever the resolver answered. A misspelt name stays so; a resolver that is
    /// down may come back.
    fn resolve(
        &self,
        endpoint: Endpoint,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, Self::Error>> + Send + 'static;
}

/// Asks the system's resolver, with its files, its order and its own idea of when to
/// give up.
///
/// A lookup given up half-way cannot be called back: it ends on a thread of tokio's,
/// and its answer goes nowhere.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use bowline_link::{Endpoint, Resolve, SystemResolver};
///
/// let home = Endpoint::new("127.0.0.1", 7400);
/// let found = SystemResolver.resolve(home).await?;
/// assert_eq!(found, ["127.0.0.1:7400".parse().unwrap()]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

/// The addresses of `endpoint`; the resolver is asked only if it names none itself.
pub(crate) async fn addresses<R: Resolve>(
    resolver: &R,
    endpoint: &Endpoint,
) -> Result<Vec<SocketAddr>, R::Error> {
    match endpoint.address() {
        Some(literal) => Ok(vec![literal]),
        None => resolver.resolve(endpoint.clone()).await,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the system's resolver"
)]
async fn look_up(endpoint: Endpoint) -> io::Result<Vec<SocketAddr>> {
    if endpoint.path().is_some() {
        let why = format!("{endpoint} is a path, not a name");
        return Err(io::Error::new(io::ErrorKind::Unsupported, why));
    }
    let found = tokio::net::lookup_host((endpoint.host(), endpoint.port())).await?;
    Ok(found.collect())
}

// === impl SystemResolver ===

impl Resolve for SystemResolver {
    type Error = io::Error;

    fn resolve(
        &self,
        endpoint: Endpoint,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        look_up(endpoint)
    }
}
