//! A pool of connections that never makes a caller wait for a dial of its own.
//!
//! Callers wait in one line, first come, first served, for whichever connection
//! comes back or up first; one task per pool, the keeper, dials, sweeps, pings
//! and opens successors, so a caller that gives up takes no connection down with
//! it, and none pays for another's dead one. A connection that was parked too
//! long, is too old, has ended, or was left in the middle of an exchange is
//! never handed out.
//!
//! What is pooled implements [`Reuse`]; byte streams get it from [`Streams`].
//! The pool heals nothing: an exchange that fails on a connection fails, and
//! whether to try it again is its owner's decision.
//!
//! * [`Settings`] has every limit, [`Builder`] several endpoints, a shared
//!   [`Budget`] and hooks.
//! * [`Pool::run`] and [`Pool::checkout`] lend; an [`Error`] alone explains an
//!   outage.
//! * [`Pool::clear`], [`Pool::suspend`], [`Pool::resize`],
//!   [`Pool::set_settings`] and [`Pool::drain`] change it while it runs.
//! * Each [`Event`] goes to an observer, with typed reasons;
//!   [`Pool::snapshot`] waits for nobody.
//!
//! ```
#![doc = include_str!("../examples/echo.rs")]
//! ```

mod budget;
mod builder;
mod conn;
mod drain;
mod error;
mod event;
mod gate;
mod hook;
mod keeper;
mod ledger;
mod origin;
mod pool;
mod pooled;
mod rack;
mod raw;
mod reuse;
mod service;
mod settings;
mod shared;
mod snapshot;

pub use budget::Budget;
pub use builder::{Builder, InvalidPool};
pub use drain::DrainReport;
pub use error::{CheckError, DialError, Error, LastDial, Shortage, Step};
pub use event::{Cause, CloseReason, Doubt, Event, Log};
pub use ledger::Lent;
pub use pool::{InUse, Pool, Suspend};
pub use pooled::Pooled;
pub use raw::{Ping, Raw, Streams};
pub use reuse::{Death, Reuse};
#[cfg(feature = "balance")]
pub use service::Demand;
pub use service::{Exchange, PerRequest, RequestError};
pub use settings::{CONNECTIONS_MAX, InvalidSettings, Settings, TIME_MAX, WAITERS_MAX};
pub use snapshot::{EndpointSnapshot, Snapshot, State};
