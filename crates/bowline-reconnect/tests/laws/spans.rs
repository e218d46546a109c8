//! The spans of a link: an attempt, the handshake in it, and the session after it; and the lines
//! that somebody should look into.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use bowline_link::{Endpoint, causes};
use bowline_policy::Observe;
use bowline_reconnect::{Event, Log, Resumption, Unauthorized};
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::fake::{Dial, Peer, ms, secs};

/// Writes down each span of ours with those around it, and each that is over.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

impl Spans {
    fn note<S>(&self, what: &str, id: &Id, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let scope = context.span_scope(id).unwrap().from_root();
        let names: Vec<_> = scope.map(|span| span.name()).collect();
        self.0
            .lock()
            .unwrap()
            .push(format!("{what} {}", names.join(" > ")));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.note("new", id, &context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.note("end", &id, &context);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_its_handshake_and_its_session_have_a_span_each() {
    // With a single subscriber alive, tracing asks the one of whichever thread comes first to
    // a span, and where that has none, silences the span for all. The second, never dropped,
    // has it ask each.
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().on_session(|_, _| async {
        sleep(ms(10)).await;
        Ok(Resumption::Fresh)
    });
    let link = link.build();
    sleep(secs(1)).await;
    drop(link);
    sleep(ms(1)).await;
    assert_eq!(
        *spans.0.lock().unwrap(),
        [
            "new connect",
            "new connect > handshake",
            "end connect > handshake",
            "end connect",
            "new session",
            "end session",
        ]
    );
}

/// Writes down what it is told of a line.
#[derive(Default)]
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        for cause in causes(value) {
            self.record_debug(field, &format_args!("{cause}"));
        }
    }
}

/// Writes down each warning: its target, and all it says.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        if *event.metadata().level() == Level::WARN {
            let target = event.metadata().target();
            self.0.lock().unwrap().push(format!("{target}:{}", words.0));
        }
    }
}

#[test]
fn security_events_are_warnings_with_a_target_of_their_own_and_the_whole_cause() {
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let (endpoint, attempt) = (Endpoint::new("chat.example", 7400), 1);
    let error = Arc::new(Unauthorized("a wrong password".into()));
    Log.observe(&Event::Unauthorized {
        endpoint: endpoint.clone(),
        attempt,
        error: error.clone(),
    });
    Log.observe(&Event::Unproven {
        endpoint,
        attempt,
        error,
    });
    let lines = warnings.0.lock().unwrap();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &*lines {
        assert!(line.starts_with("bowline::security:"), "{line}");
        assert!(line.contains("a wrong password"), "{line}");
    }
}
