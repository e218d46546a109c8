//! Handles from definitions: registering happens here, once, and counting
//! afterwards looks nothing up by name.

use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Recorder};

use crate::{Kind, Metric, Unit, Values, Word};

const METADATA: Metadata<'static> = Metadata::new("bowline", Level::INFO, None);

/// The handles of a metric with a closed set of words, one for each.
#[derive(Debug)]
pub struct Family<H> {
    members: Vec<H>,
}

/// What moves one series: a [`Counter`], a [`Gauge`] or a [`Histogram`].
pub trait Handle: sealed::Handle {}

impl Handle for Counter {}
impl Handle for Gauge {}
impl Handle for Histogram {}

// === impl Metric ===

impl Metric {
    /// Registers a metric without a closed set; its series is then there, at zero.
    ///
    /// `names` are the values of its configured labels, in order: names from
    /// somebody's settings, never an address, a room or a nick.
    ///
    /// # Panics
    ///
    /// If `H` is not of the metric's kind, or its labels are others.
    pub fn one<H: Handle>(&self, recorder: &dyn Recorder, names: &[&str]) -> H {
        let labels = self.configured(names);
        assert_eq!(labels.len(), self.labels().len(), "{}", self.name());
        self.register(recorder, labels)
    }

    /// Registers a metric for each word of its closed set; all its series are
    /// then there, at zero.
    ///
    /// `names` are the values of its configured labels, as for [`one`](Self::one).
    ///
    /// # Panics
    ///
    /// If `H` is not of the metric's kind, or its labels are others.
    pub fn each<H: Handle>(&self, recorder: &dyn Recorder, names: &[&str]) -> Family<H> {
        let configured = self.configured(names);
        let Some((last, Values::OneOf(words))) =
            self.labels().last().map(|label| (label.name, label.values))
        else {
            panic!("{} has no closed set of words", self.name());
        };
        let register = |word: &&'static str| {
            let mut labels = configured.clone();
            labels.push(metrics::Label::from_static_parts(last, word));
            self.register(recorder, labels)
        };
        Family {
            members: words.all().iter().map(register).collect(),
        }
    }

    fn configured(&self, names: &[&str]) -> Vec<metrics::Label> {
        let wanted: Vec<_> = self
            .labels()
            .iter()
            .filter(|label| label.values == Values::Configured)
            .collect();
        assert_eq!(wanted.len(), names.len(), "names for {}", self.name());
        let named = wanted.iter().zip(names);
        named
            .map(|(label, name)| metrics::Label::new(label.name, (*name).to_owned()))
            .collect()
    }

    fn register<H: Handle>(&self, recorder: &dyn Recorder, labels: Vec<metrics::Label>) -> H {
        let (name, help) = (self.name().into(), self.help().into());
        let unit = Some(match self.unit() {
            Unit::Count => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
        });
        match self.kind() {
            Kind::Counter => recorder.describe_counter(name, unit, help),
            Kind::Gauge => recorder.describe_gauge(name, unit, help),
            Kind::Histogram(_) => recorder.describe_histogram(name, unit, help),
        }
        let key = Key::from_parts(self.name(), labels);
        H::register(self.kind(), recorder, &key)
            .unwrap_or_else(|| panic!("{} is a {:?}", self.name(), self.kind()))
    }
}

// === impl Family ===

impl<H> Family<H> {
    /// The handle of `word`, which must be of this family's own set.
    ///
    /// # Panics
    ///
    /// May panic for a word of another set.
    pub fn of(&self, word: Word) -> &H {
        &self.members[word.index]
    }
}

mod sealed {
    use super::{Counter, Gauge, Histogram, Key, Kind, METADATA, Recorder};

    #[expect(
        unnameable_types,
        reason = "sealed: a recorder knows these three kinds of handles and no other"
    )]
    pub trait Handle: Sized {
        fn register(kind: Kind, recorder: &dyn Recorder, key: &Key) -> Option<Self>;
    }

    impl Handle for Counter {
        fn register(kind: Kind, recorder: &dyn Recorder, key: &Key) -> Option<Self> {
            matches!(kind, Kind::Counter).then(|| recorder.register_counter(key, &METADATA))
        }
    }

    impl Handle for Gauge {
        fn register(kind: Kind, recorder: &dyn Recorder, key: &Key) -> Option<Self> {
            matches!(kind, Kind::Gauge).then(|| recorder.register_gauge(key, &METADATA))
        }
    }

    impl Handle for Histogram {
        fn register(kind: Kind, recorder: &dyn Recorder, key: &Key) -> Option<Self> {
            matches!(kind, Kind::Histogram(_)).then(|| recorder.register_histogram(key, &METADATA))
        }
    }
}
