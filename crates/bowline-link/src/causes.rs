//! Why something failed, down to the last cause. It says what there is to see, and decides nothing
//! about it.

use std::error::Error;
use std::io;
use std::iter::successors;

use crate::ConnectTimeoutError;
use crate::resolving::ResolvingError;

/// An error and its causes, the outermost first, with those that
/// [`source`](Error::source) leaves out: what an [`io::Error`] carries, and what a transparent
/// error of this crate stands for.
///
/// ```
/// use bowline_link::causes;
/// use bowline_policy::heartbeat::Death;
/// # use std::time::Duration;
/// # let (silent, allowed) = (Duration::from_secs(35), Duration::from_secs(35));
/// # let death = Death::Silence { silent, allowed };
/// let read = std::io::Error::new(std::io::ErrorKind::TimedOut, death);
/// assert!(causes(&read).any(|cause| cause.is::<Death>()));
/// ```
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| {
        beneath(error).or_else(|| error.source())
    })
}

/// Whether `cause`, taken alone, says that whoever answered did not prove to be the one who was
/// called: a certificate that is for others, has run out, was revoked or was issued by nobody we
/// trust.
///
/// Nothing was said to that peer that is not for everybody to hear. What is wrong is on its side,
/// on the way to it, or in what we trust; never in who we say we are.
pub fn is_unproven(cause: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "tls")]
    let unproven = cause
        .downcast_ref()
        .is_some_and(crate::tls::Error::is_unproven);
    #[cfg(not(feature = "tls"))]
    let unproven = {
        // Only TLS asks for proof.
        let _ = cause;
        false
    };
    unproven
}

/// What an error is instead of itself, where its `source` leaves that out.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(carried) = error.downcast_ref().and_then(io::Error::get_ref) {
        return Some(carried);
    }
    if let Some(ConnectTimeoutError::Connect(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    if let Some(ResolvingError::Unresolved(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    #[cfg(feature = "tls")]
    if let Some(crate::tls::DialError::Dial(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoxError, DialStep, Endpoint, tcp};

    fn timeout() -> BoxError {
        let after = std::time::Duration::from_secs(10);
        tcp::DialError::Timeout {
            endpoint: Endpoint::new("chat.example", 7400),
            after,
            step: DialStep::Resolving,
        }
        .into()
    }

    #[track_caller]
    fn check(error: &(dyn Error + 'static)) {
        let found = causes(error).any(|cause| cause.is::<tcp::DialError>());
        assert!(found, "{error:?}");
    }

    #[test]
    fn what_a_transparent_error_stands_for_is_among_its_causes() {
        check(&*timeout());
        check(&io::Error::other(timeout()));
        check(&ConnectTimeoutError::Connect(timeout()));
        check(&ResolvingError::Unresolved(timeout()));
        #[cfg(feature = "tls")]
        check(&crate::tls::DialError::Dial(timeout()));
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_peer_that_does_not_speak_tls_is_not_one_that_lacks_a_proof() {
        use crate::tls::Error as Tls;

        let (asked, names) = ("chat.example".to_owned(), vec!["mail.example".to_owned()]);
        let others = Tls::WrongName { asked, names };
        for (error, expected) in [
            (others, true),
            (Tls::UnknownIssuer, true),
            (Tls::Revoked, true),
            (Tls::NotTls, false),
            (Tls::Truncated, false),
        ] {
            assert_eq!(is_unproven(&error), expected, "{error}");
        }
        assert!(!is_unproven(&*timeout()));
    }
}
