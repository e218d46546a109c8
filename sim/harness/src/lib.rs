//! A deterministic network simulator: worlds of hosts, streams and disks on one thread,
//! with TCP faults that look as they do on Linux, plans of them as data, and checks over
//! what happened.
//!
//! The software under test is compiled as it ships and given a [`Net`] where it would be
//! given sockets, a [`Disk`] for its store, and [`Streams`] for its chance. A [`World`] runs
//! it against a [`Plan`]; the same seed, plan and code leave the same [`Trace`].
//!
//! It knows streams, ids and positions, nothing of what they are used for.

pub mod check;
mod clock;
pub mod determinism;
pub mod disk;
mod fault;
pub mod history;
pub mod names;
pub mod net;
pub mod plan;
pub mod scenario;
mod seed;
mod topology;
pub mod trace;
mod world;

pub use self::clock::{EPOCH, HostClock, SimClock};
pub use self::disk::Disk;
pub use self::fault::{Answers, Clock, Direction, Fault, Kind};
pub use self::names::{Names, Zone};
pub use self::net::Net;
pub use self::plan::{Plan, Shape, Step};
pub use self::scenario::{Node, Scenario};
pub use self::seed::Streams;
pub use self::topology::{NameTaken, Topology};
pub use self::trace::Trace;
pub use self::world::{Report, RunError, Settings, World};
