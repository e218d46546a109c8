//! Whom a request is for, as each version of HTTP wants it said. A request that
//! says so itself is believed.

use bowline_link::{BoxError, Endpoint};
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};

/// What a connection's requests are for, unless they say.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

// === impl Origin ===

impl Origin {
    /// The authority is the endpoint's unless told; a Unix socket's is `localhost`.
    pub(super) fn new(
        scheme: Scheme,
        authority: Option<Authority>,
        endpoint: &Endpoint,
    ) -> Result<Self, BoxError> {
        let authority = match authority {
            Some(authority) => authority,
            None if endpoint.path().is_some() => Authority::from_static("localhost"),
            None => endpoint.to_string().parse()?,
        };
        Ok(Self { scheme, authority })
    }

    /// HTTP/2: the URI has all its parts.
    pub(super) fn complete<B>(&self, request: &mut Request<B>) -> Result<(), BoxError> {
        let uri = request.uri();
        if uri.scheme().is_some() && uri.authority().is_some() {
            return Ok(());
        }
        let mut parts = uri.clone().into_parts();
        parts.scheme.get_or_insert_with(|| self.scheme.clone());
        parts
            .authority
            .get_or_insert_with(|| self.authority.clone());
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from_parts(parts)?;
        Ok(())
    }

    /// HTTP/1.1: the URI is a path, and a header says the host.
    pub(super) fn reduce<B>(&self, request: &mut Request<B>) -> Result<(), BoxError> {
        let mut parts = request.uri().clone().into_parts();
        let authority = parts.authority.take();
        let authority = authority.unwrap_or_else(|| self.authority.clone());
        if !request.headers().contains_key(HOST) {
            let host = HeaderValue::try_from(authority.as_str())?;
            request.headers_mut().insert(HOST, host);
        }
        parts.scheme = None;
        parts
            .path_and_query
            .get_or_insert(PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from_parts(parts)?;
        Ok(())
    }
}
