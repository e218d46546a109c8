//! A subscriber that keeps what the default observer writes, for the tests of each kind of
//! event. It takes nothing from other crates, and nothing from other threads.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Metadata, Subscriber};

/// What was written in this thread since it was made, each event as
/// `LEVEL message field=value`.
pub(crate) struct Written {
    written: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

struct Keep(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

// === impl Written ===

impl Written {
    pub(crate) fn here() -> Self {
        // With a single subscriber alive, tracing asks the one of whichever thread comes first
        // to an event, and where that thread has none, silences the event for all. The second,
        // never dropped, has it ask each.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(Keep(Arc::default())));
        let written = Arc::default();
        let guard = set_default(Keep(Arc::clone(&written)));
        Self {
            written,
            _guard: guard,
        }
    }

    /// What was written since it was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

// === impl Keep ===

impl Subscriber for Keep {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bowline_link")
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = event.metadata().level();
        let line = format!("{level} {}{}", text.message, text.fields);
        self.0.lock().unwrap().push(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

// === impl Text ===

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            write!(self.fields, " {}={value:?}", field.name()).unwrap();
        }
    }
}
