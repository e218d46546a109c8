//! Callers that never cease, and whether what they were told is true.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bowline_reconnect::{Error, Kind, Reconnect, Sent};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::log::{self, Entry};
use super::session::Session;
use super::until;

/// Callers, each with one call at a time, and each call with an id of its own.
pub(super) struct Load {
    callers: JoinSet<Vec<Call>>,
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

/// One call, and what its caller was told.
#[derive(Debug)]
pub(super) struct Call {
    id: String,
    pub(super) told: Result<(), Error>,
}

// === impl Load ===

impl Load {
    pub(super) fn start(link: &Reconnect<Session>, callers: usize) -> Self {
        let mut load = Self {
            callers: JoinSet::new(),
            answered: Arc::default(),
            over: Arc::default(),
        };
        for caller in 0..callers {
            let (answered, over) = (Arc::clone(&load.answered), Arc::clone(&load.over));
            let calling = calling(caller, link.clone(), answered, over);
            load.callers.spawn(calling);
        }
        load
    }

    /// Waits until so many more calls were answered.
    pub(super) async fn answered(&self, more: usize) {
        let enough = self.answered.load(Ordering::Relaxed) + more;
        until(|| self.answered.load(Ordering::Relaxed) >= enough).await;
    }

    /// Waits until every caller's call has ended, and says what they were told.
    pub(super) async fn stop(self) -> Vec<Call> {
        self.over.store(true, Ordering::Relaxed);
        let calls = self.callers.join_all().await;
        calls.into_iter().flatten().collect()
    }
}

async fn calling(
    caller: usize,
    link: Reconnect<Session>,
    answered: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
) -> Vec<Call> {
    let mut calls = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let id = format!("{caller}-{number}");
        let told = link.clone().oneshot(format!("do {id}")).await;
        let told = told.map(|answer| assert_eq!(answer, format!("done {id}"), "another's answer"));
        if told.is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
        }
        calls.push(Call { id, told });
    }
    calls
}

/// Fails unless nothing was done twice, and what every caller was told is true.
#[track_caller]
pub(super) fn compare(calls: &[Call], log: &[Entry]) {
    let faults = faults(calls, &log::done(log));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// How many calls ended so.
pub(super) fn told(calls: &[Call], kind: Kind, sent: Sent) -> usize {
    let so = |call: &&Call| {
        let error = call.told.as_ref().err();
        error.is_some_and(|error| (error.kind, error.sent) == (kind, sent))
    };
    calls.iter().filter(so).count()
}

/// What contradicts the promises, for a person to read.
fn faults(calls: &[Call], done: &BTreeMap<&str, usize>) -> Vec<String> {
    let mut faults = Vec::new();
    for call in calls {
        let times = done.get(call.id.as_str()).copied().unwrap_or(0);
        let mut fault = |what: &str| faults.push(format!("{what}: {call:?}, {times} times"));
        if times > 1 {
            fault("done twice");
        }
        match &call.told {
            Ok(()) if times == 0 => fault("answered and never done"),
            Err(error) if error.sent == Sent::No && times > 0 => fault("done although not sent"),
            Err(error) if error.source.is_none() => fault("failed without a cause"),
            Ok(()) | Err(_) => {}
        }
    }
    faults
}
