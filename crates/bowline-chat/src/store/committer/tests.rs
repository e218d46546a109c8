//! That no job is lost, none runs twice, and none leaves a caller waiting for ever.

use std::future::ready;
use std::pin::pin;
use std::sync::{Arc, mpsc};

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tokio::task::JoinSet;

use super::super::{Memory, Redb, Retention};
use super::*;

fn memory() -> Memory {
    Memory::new(Retention::default(), Box::new(ChaCha8Rng::seed_from_u64(1)))
}

/// A job that waits until the sender is dropped or used.
fn gate() -> (mpsc::Sender<()>, impl FnOnce(&mut Memory) + Send + 'static) {
    let (open, opened) = mpsc::channel::<()>();
    (open, move |_: &mut Memory| opened.recv().unwrap_or(()))
}

/// Starts `future`, and drops it before it is done.
async fn start_and_drop(future: impl Future) {
    let mut future = pin!(future);
    tokio::select! {
        biased;
        _ = &mut future => panic!("it was not to be done yet"),
        () = ready(()) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_thread_runs_jobs_in_order_and_elsewhere_and_inline_runs_them_here() {
    let here = thread::current().id();
    let inline = Committer::inline(memory());
    assert_eq!(inline.run(|_| thread::current().id()).await, here);

    let committer = Committer::thread(memory()).unwrap();
    assert_ne!(committer.run(|_| thread::current().id()).await, here);
    committer
        .run(|store| store.open_room("a").unwrap().unwrap())
        .await;
    let known = committer
        .run(|store| store.replay("a", crate::log::Offset(0)).is_ok())
        .await;
    assert!(known);
}

#[tokio::test(start_paused = true)]
async fn a_queued_job_is_done_though_nobody_waits_for_it_any_more() {
    let committer = Committer::thread(memory()).unwrap();
    let (open, closed) = gate();
    start_and_drop(committer.run(closed)).await;
    let (done, seen) = mpsc::channel();
    start_and_drop(committer.run(move |_| done.send("done").unwrap())).await;
    assert!(seen.try_recv().is_err(), "the first job still holds it up");
    drop(open);
    committer.run(|_| ()).await;
    assert_eq!(seen.try_recv(), Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_found_no_place_in_the_queue_never_starts() {
    let committer = Committer::thread(memory()).unwrap();
    let (open, closed) = gate();
    start_and_drop(committer.run(closed)).await;
    // One is taken out of the queue at some time; two more than it holds fill it in any case.
    let (done, seen) = mpsc::channel();
    for _ in 0..JOBS_MAX + 2 {
        let done = done.clone();
        start_and_drop(committer.run(move |_| done.send(()).unwrap())).await;
    }
    drop(open);
    drop(committer);
    drop(done);
    let ran = seen.iter().count();
    assert!(ran == JOBS_MAX || ran == JOBS_MAX - 1, "{ran} jobs ran");
}

#[tokio::test(start_paused = true)]
async fn a_panic_reaches_its_caller_and_whoever_comes_after() {
    for committer in [
        Committer::thread(memory()).unwrap(),
        Committer::inline(memory()),
    ] {
        let committer = Arc::new(committer);
        for expected in ["broken", STOPPED] {
            let committer = Arc::clone(&committer);
            let mut callers = JoinSet::new();
            callers.spawn(async move { committer.run(|_| -> () { panic!("broken") }).await });
            let panic = callers.join_next().await.unwrap().unwrap_err().into_panic();
            let said = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap();
            assert!(said.contains(expected), "{said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_store_may_be_opened_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let secrets = Box::new(ChaCha8Rng::seed_from_u64(1));
        Redb::open(&folder.path().join("chat"), Retention::default(), secrets)
    };
    let committer = Committer::thread(open().unwrap()).unwrap();
    assert!(open().is_err(), "one process, and one store in it");
    committer.close().await;
    let committer = Committer::thread(open().unwrap()).unwrap();
    drop(committer);
    let committer = Committer::inline(open().unwrap());
    committer.close().await;
    assert!(open().is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_may_be_dropped_by_a_job() {
    let committer = Arc::new(Committer::thread(memory()).unwrap());
    let (open, opened) = mpsc::channel::<()>();
    let (done, seen) = mpsc::channel();
    let held = Arc::clone(&committer);
    start_and_drop(committer.run(move |_| {
        opened.recv().unwrap_or(());
        drop(held);
        done.send(()).unwrap();
    }))
    .await;
    drop(committer);
    drop(open);
    assert_eq!(seen.recv(), Ok(()), "it does not wait for itself");
}
