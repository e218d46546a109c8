//! Callers that never rest, and what became of their exchanges.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bowline_pool::Pool;
use tokio::task::{JoinSet, yield_now};

use super::answers::{Exchange, Fault};
use super::example::session::Session;
use super::until;

/// Callers over one pool, until it is stopped.
pub(super) struct Load {
    callers: JoinSet<()>,
    record: Arc<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// Whole exchanges, by caller.
    served: Vec<AtomicUsize>,
    lost: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
    /// Odd while redis is being killed or away.
    epoch: AtomicUsize,
    stopped: AtomicBool,
}

// === impl Load ===

impl Load {
    pub(super) fn start(pool: &Pool<Session>, callers: usize) -> Self {
        let record = Arc::new(Record {
            served: (0..callers).map(|_| AtomicUsize::new(0)).collect(),
            ..Record::default()
        });
        let call = |caller| Arc::clone(&record).call(pool.clone(), caller);
        Self {
            callers: (0..callers).map(call).collect(),
            record,
        }
    }

    /// Waits until every caller was served `exchanges` more times.
    pub(super) async fn served(&self, exchanges: usize) {
        let all = || self.record.served.iter();
        let before: Vec<usize> = all().map(|it| it.load(Ordering::SeqCst)).collect();
        until(async || {
            let mut both = all().zip(&before);
            both.all(|(now, before)| now.load(Ordering::SeqCst) >= before + exchanges)
        })
        .await;
    }

    /// Says that redis is about to forget everything, or that it serves again.
    pub(super) fn next_epoch(&self) {
        self.record.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes the reasons for which exchanges ended without an answer since the last time.
    pub(super) fn take_lost(&self) -> Vec<String> {
        std::mem::take(&mut *self.record.lost.lock().unwrap())
    }

    /// Lets every caller end what it began, and yields every wrong answer.
    pub(super) async fn stop(mut self) -> Vec<String> {
        self.record.stopped.store(true, Ordering::SeqCst);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.record.wrong.lock().unwrap())
    }
}

// === impl Record ===

impl Record {
    async fn call(self: Arc<Self>, pool: Pool<Session>, caller: usize) {
        let first = (i64::try_from(caller).unwrap() + 1) * 1_000_000;
        for number in first.. {
            if self.stopped.load(Ordering::SeqCst) {
                break;
            }
            let epoch = self.epoch.load(Ordering::SeqCst);
            let forgot = || !epoch.is_multiple_of(2) || self.epoch.load(Ordering::SeqCst) != epoch;
            match Exchange::new(number).whole(&pool, &forgot).await {
                Ok(()) => {
                    self.served[caller].fetch_add(1, Ordering::SeqCst);
                }
                Err(Fault::Lost(reason)) => {
                    self.lost.lock().unwrap().push(reason);
                    // Who is told at once that redis is down has waited for nothing.
                    yield_now().await;
                }
                Err(Fault::Wrong(wrong)) => self.wrong.lock().unwrap().push(wrong),
            }
        }
    }
}
