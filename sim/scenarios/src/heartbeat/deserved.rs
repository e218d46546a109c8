//! Whether somebody was given up who lived, by what the plan says was silent.

use std::time::Duration;

use bowline_sim::check::{Check, Violation};
use bowline_sim::history::{History, Name, Record, What};
use bowline_sim::{Fault, Plan};

use super::{CLIENTS, Client, SERVER, SLACK};

/// Nobody is given up whose bytes were not stopped for as long as a heartbeat bears.
///
/// Rule `deserved`: who gives up did so at the end of a stall of the client's bytes, one that
/// began at least all timeouts before and was not lifted by then (the interval before them may
/// have been quiet anyway); the
/// server, who does not know that a client is frozen, at the end of a freeze too.
#[derive(Debug, Clone)]
pub(super) struct Deserved {
    stops: Vec<Stop>,
}

/// Bytes of one client stop.
#[derive(Debug, Clone)]
struct Stop {
    client: &'static str,
    from_us: u64,
    to_us: u64,
    /// The client itself is stopped, and judges nobody meanwhile.
    frozen: bool,
}

/// A check of what these alone did, with all that the world says of them.
#[derive(Debug, Clone)]
pub(super) struct OfThese<C> {
    names: Vec<Name>,
    check: C,
}

// === impl Deserved ===

impl Deserved {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut stops = Vec::new();
        for step in &plan.steps {
            let frozen = match step.fault {
                Fault::Stall { .. } => false,
                Fault::Freeze => true,
                _ => continue,
            };
            let from_us = step.at_ms * 1_000;
            let to_us = from_us.saturating_add(step.for_ms.unwrap_or(u64::MAX / 1_000) * 1_000);
            let struck = CLIENTS.iter().map(|client| client.name).filter(|name| {
                *name == step.target || plan.topology.host_of(name) == Some(&step.target)
            });
            stops.extend(struck.map(|client| Stop {
                client,
                from_us,
                to_us,
                frozen,
            }));
        }
        Self { stops }
    }

    fn is_deserved(&self, client: &str, by_server: bool, at_us: u64) -> bool {
        let least = Client::named(client).beat.timeouts();
        let slack = micros(SLACK);
        self.stops.iter().any(|stop| {
            stop.client == client
                && (by_server || !stop.frozen)
                && stop.from_us + micros(least) <= at_us + slack
                && at_us <= stop.to_us + slack
        })
    }
}

impl Check for Deserved {
    fn promise(&self) -> &'static str {
        "nobody is given up whose bytes came in time"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        for record in history.records() {
            let (What::GaveUp { on, .. }, Some(at)) = (&record.what, record.at) else {
                continue;
            };
            let by_server = record.process.as_str() == SERVER;
            let client = if by_server { on } else { &record.process };
            if !self.is_deserved(client.as_str(), by_server, at) {
                let promise = self.promise();
                return Err(undeserved(promise, record));
            }
        }
        Ok(())
    }
}

fn undeserved(promise: &'static str, record: &Record) -> Violation {
    Violation {
        promise,
        rule: "deserved",
        witness: [record].into_iter().cloned().collect(),
        explanation: format!("{} gave up a peer that lived", record.process),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

// === impl OfThese ===

impl<C> OfThese<C> {
    pub(super) fn new(names: Vec<Name>, check: C) -> Self {
        Self { names, check }
    }
}

impl<C: Check> Check for OfThese<C> {
    fn promise(&self) -> &'static str {
        self.check.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records().iter();
        let theirs = records.filter(|record| self.names.contains(&record.process));
        self.check.verify(&theirs.cloned().collect())
    }
}
