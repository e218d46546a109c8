//! Where `tracing` goes: to standard error, filtered by one environment variable.

use tracing_subscriber::EnvFilter;

/// The variable that says what is logged.
const VARIABLE: &str = "BOWLINE_LOG";

/// A filter that is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "{VARIABLE}={text:?} is not a filter: name a level such as debug, or modules such as bowline_chat=debug,warn"
)]
pub(crate) struct BadFilter {
    text: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging what the environment asks for, or else `default`.
pub(crate) fn start(default: &str) -> Result<(), BadFilter> {
    let text = std::env::var(VARIABLE).unwrap_or_else(|_| default.to_owned());
    let filter = EnvFilter::builder()
        .parse(&text)
        .map_err(|source| BadFilter { text, source })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    Ok(())
}
