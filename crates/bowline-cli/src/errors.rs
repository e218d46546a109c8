//! Tells a person what went wrong; never with a backtrace.

use std::error::Error;
use std::io::Write;
use std::iter::successors;

/// Writes the error to standard error, each cause on a line of its own.
pub(crate) fn report(error: &(dyn Error + 'static)) {
    let mut text = format!("bowline: {error}\n");
    for cause in causes(error) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    // Nobody is left to tell when standard error is closed; the exit code still says it.
    let _unheard = std::io::stderr().write_all(text.as_bytes());
}

/// The error with its causes, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        text = format!("{text}: {cause}");
    }
    text
}

/// What each cause adds; some repeat the words of theirs, and add nothing.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut causes: Vec<_> = successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect();
    causes.dedup();
    causes.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Layer {
        what: &'static str,
        source: Option<Box<Self>>,
    }

    fn layers(whats: &[&'static str]) -> Layer {
        let source = match whats {
            [_] => None,
            whats => Some(Box::new(layers(&whats[1..]))),
        };
        Layer {
            what: whats[0],
            source,
        }
    }

    #[test]
    fn every_cause_is_told_once() {
        assert_eq!(chain(&layers(&["alone"])), "alone");
        let error = layers(&["port taken", "in use", "in use", "os error 98"]);
        assert_eq!(chain(&error), "port taken: in use: os error 98");
    }
}
