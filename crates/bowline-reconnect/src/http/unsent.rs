//! Which of hyper's errors prove that a request was not carried out. Of all
//! others it is not known.

use std::error::Error as StdError;

use bowline_link::BoxError;
use hyper::client::conn::TrySendError;

use crate::NotSent;

/// The error of a call: [`NotSent`] where that is certain.
pub(super) fn judged<B>(mut error: TrySendError<http::Request<B>>) -> BoxError {
    // Hyper gives the request back if it wrote nothing of it.
    let unwritten = error.take_message().is_some();
    let error = error.into_error();
    if unwritten || error.source().is_some_and(refused) {
        return NotSent(error.into()).into();
    }
    error.into()
}

/// Whether the peer said that it did nothing about the request: it refused the
/// stream, or went away naming an earlier one as the last it looked at (RFC
/// 9113, section 8.7; h2 tells only such streams of a GOAWAY).
fn refused(source: &(dyn StdError + 'static)) -> bool {
    let Some(error) = source.downcast_ref::<h2::Error>() else {
        return false;
    };
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    error.is_remote() && (refused || error.is_go_away())
}
