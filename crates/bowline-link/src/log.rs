//! The default observer of everything here that can be observed. What each event says, and how
//! loud, stands beside the event; it keeps nothing, and drops nothing that a subscriber wants.

#[cfg(test)]
pub(crate) mod testing;

/// The default observer: writes each event with `tracing`.
///
/// Whoever builds a part of this crate and names no observer has this one; `()` is silence.
/// Nothing here is an error, since peers that fail are the everyday case: what needs a person
/// is a warning, what changed for long is told, and what happens with each call, question or
/// probe is for debugging or tracing. An event that nobody listens to costs the look at
/// whether somebody does. Pair it with your own: `Arc::new((Log, mine))`.
///
/// No event carries a key, a password or anything else that is secret.
///
/// ```
/// use bowline_link::Log;
/// use bowline_link::breaker::Breakers;
/// use bowline_policy::breaker::{Maker, Settings};
/// use bowline_policy::from_fn;
///
/// # fn main() -> Result<(), bowline_policy::InvalidSetting> {
/// let count = from_fn(|_: &bowline_link::breaker::Event| { /* counted */ });
/// let breakers = Breakers::for_all(&Maker::new(Settings::new(5)?, 1)).observed_by((Log, count));
/// # drop(breakers);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Log;
