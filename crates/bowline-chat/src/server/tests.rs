//! The server as its clients meet it: raw protocol on a fake network and a paused clock.

mod anything;
mod client;
mod delivery;
mod fake;
mod harness;
mod heartbeat;
mod hostile;
mod lifecycle;
mod nonsense;
mod recovery;
mod slow;
mod store_failure;
