//! How many dials start per second, and how many are under way, for all who
//! share one budget. It retries nothing and knows no endpoint.
//!
//! Ten thousand backoffs that are each correct are still a storm where they
//! share a machine, a proxy or a peer. A [`DialBudget`] is a handle: whoever is
//! given a clone of it stands in the same line, first come, first served; a
//! [`DialBudgetLayer`] puts it over any dialer, which stays a
//! [`Dial`](crate::Dial).
//!
//! A place is held from the start of a dial until its end, so what is put
//! *under* the layer counts as the handshake: TCP alone, or TLS and HELLO too.
//!
//! A dial that [races](crate::race) the addresses of a name is one dial. Where
//! each address should count, put [`Resolving`](crate::Resolving) over the layer.
//!
//! ```
//! use bowline_link::dial_budget::{DialBudget, DialBudgetLayer, Settings};
//! use bowline_link::{Dial, tcp};
//! use bowline_policy::budget::DialSettings;
//! use tower_layer::Layer;
//!
//! # fn dialers() -> Result<(impl Dial, impl Dial), bowline_policy::InvalidSetting> {
//! // 50 a second, 10 at once after a rest, 20 under way.
//! let settings = Settings::new(DialSettings::per_second(50, 10)?, 20)?;
//! let layer = DialBudgetLayer::new(DialBudget::new(settings));
//! let for_chat = layer.layer(tcp::Dialer::new());
//! let for_the_pool = layer.layer(tcp::Dialer::new());
//! # Ok((for_chat, for_the_pool))
//! # }
//! # dialers().unwrap();
//! ```

mod event;
mod layer;
mod line;
mod settings;

pub use event::Event;
pub use layer::{Budgeted, DialBudgetLayer};
pub use line::{DialBudget, Refused};
pub use settings::{IN_FLIGHT_MAX, Settings, WAITERS_MAX};

#[cfg(test)]
mod tests;
