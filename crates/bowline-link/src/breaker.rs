//! A dialer that stops calling a peer that fails. When it stops and when it
//! tries again is decided in [`bowline_policy::breaker`]; it never retries.
//!
//! [`Breakers`] is a handle: one breaker for each endpoint in bounded memory, or
//! one for all. A [`BreakerLayer`] puts it over any dialer, which stays a
//! [`Dial`](crate::Dial). It belongs *over* a
//! [`dial_budget`](crate::dial_budget): a call that is not made should not
//! stand in line.
//!
//! ```
//! use bowline_link::breaker::{BreakerLayer, Breakers};
//! use bowline_link::{Dial, tcp};
//! use bowline_policy::breaker::{Maker, Settings};
//! use tower_layer::Layer;
//!
//! # fn dialer(seed: u64) -> Result<impl Dial, bowline_policy::InvalidSetting> {
//! let maker = Maker::new(Settings::new(5)?, seed);
//! let breakers = Breakers::per_endpoint(maker, 100)?;
//! let dialer = BreakerLayer::new(breakers.clone()).layer(tcp::Dialer::new());
//!
//! // From a console, before the peer is taken down on purpose:
//! breakers.force_open(&"chat-a.example:7400".parse().expect("host and port"));
//! # Ok(dialer)
//! # }
//! # dialer(1).unwrap();
//! ```

mod breakers;
mod counts;
mod event;
mod layer;
mod shelf;
mod ticket;

pub use breakers::{Breakers, Refused};
pub use event::Event;
pub use layer::{BreakerLayer, Guarded};
pub use shelf::ENDPOINTS_MAX;
pub use ticket::LAST_FAILURE_MAX;

#[cfg(test)]
mod tests;
