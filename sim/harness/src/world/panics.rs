//! Noticing every panic on the thread of a run: tokio keeps that of a task to whoever
//! awaits it, and often nobody does.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::rc::Rc;
use std::sync::Once;

thread_local! {
    /// The first panic since a run began on this thread; outside a run nothing.
    static NOTED: RefCell<Noted> = const { RefCell::new(Noted::Unwatched) };
}

#[derive(Debug)]
enum Noted {
    Unwatched,
    Nothing,
    Panic(String),
}

/// Watches this thread until it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    stays_on_its_thread: PhantomData<Rc<()>>,
}

impl Watch {
    pub(super) fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                note(info);
                before(info);
            }));
        });
        NOTED.set(Noted::Nothing);
        Self {
            stays_on_its_thread: PhantomData,
        }
    }

    /// Runs `run`, and is back with nothing where it panicked.
    // The state that a panic may have broken is the run's own, which is over then.
    pub(super) fn guard<R>(&self, run: impl FnOnce() -> R) -> Option<R> {
        panic::catch_unwind(AssertUnwindSafe(run)).ok()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        NOTED.set(Noted::Unwatched);
    }
}

/// Runs `run`; where it panics, with what was said.
///
/// For what is done outside a run: its state is thrown away after a panic.
pub(crate) fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|payload| said(&*payload).to_owned())
}

/// What the first panic of this thread since it is watched said.
pub(super) fn first() -> Option<String> {
    NOTED.with_borrow(|noted| match noted {
        Noted::Unwatched | Noted::Nothing => None,
        Noted::Panic(message) => Some(message.clone()),
    })
}

fn note(info: &PanicHookInfo<'_>) {
    // A thread may panic while its locals are being destroyed.
    let _ = NOTED.try_with(|noted| {
        if let Ok(mut noted) = noted.try_borrow_mut()
            && matches!(*noted, Noted::Nothing)
        {
            let said = said(info.payload());
            *noted = Noted::Panic(match info.location() {
                Some(at) => format!("{said}, at {}:{}", at.file(), at.line()),
                None => said.to_owned(),
            });
        }
    });
}

fn said(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("something that is no text")
}
