//! What a metric is, before any recorder exists. A definition that breaks the
//! house's naming rules does not compile.

/// Buckets for what a network takes part in: connects, round trips.
pub const NET: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Buckets for waits that someone chose: backoff, outages.
pub const WAIT: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0,
];

/// Buckets for how long connections live: a second to a week.
pub const LIFE: &[f64] = &[
    1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 10_800.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0,
];

/// One metric: all that handles, dashboards and documents need to know of it.
///
/// The rules are Prometheus's: a name begins with `bowline_`, ends in its unit, and
/// in `_total` if and only if it is a counter's; buckets rise; the help is a
/// sentence; labels are configured names, then at most one closed set of words. The
/// constructors are `const`, so that a catalogue is data and a flaw in it stops the
/// compiler:
///
/// ```
/// use bowline_telemetry::{Label, Metric, Words};
///
/// const OUTCOMES: Words = Words::new(&["delivered", "dropped"]);
/// const MESSAGES: Metric = Metric::counter(
///     "bowline_example_messages_total",
///     &[Label::one_of("outcome", OUTCOMES)],
///     "Messages, by what became of them.",
/// );
/// assert_eq!(MESSAGES.name(), "bowline_example_messages_total");
/// ```
///
/// ```compile_fail
/// # use bowline_telemetry::Metric;
/// const UNTOTALLED: Metric = Metric::counter("bowline_example_messages", &[], "Messages.");
/// # UNTOTALLED.name();
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [Label],
    help: &'static str,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only up.
    Counter,
    /// Up and down.
    Gauge,
    /// Observations, counted by these upper bounds.
    Histogram(&'static [f64]),
}

/// What a metric's number is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Things; the name says which.
    Count,
    /// Seconds; the name says so too.
    Seconds,
}

/// One label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What it may say.
    pub values: Values,
}

/// What a label may say: never anything a peer can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// One of these words.
    OneOf(Words),
    /// A name out of somebody's settings, the same for the life of a handle.
    Configured,
}

/// A closed set of label values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(&'static [&'static str]);

/// A member of one [`Words`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub(crate) index: usize,
}

// === impl Metric ===

impl Metric {
    /// Defines a counter of things.
    ///
    /// # Panics
    ///
    /// If the definition breaks a rule; in a `const`, the compiler says so.
    pub const fn counter(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self::checked(name, Kind::Counter, Unit::Count, labels, help)
    }

    /// Defines a gauge of things.
    ///
    /// # Panics
    ///
    /// If the definition breaks a rule; in a `const`, the compiler says so.
    pub const fn gauge(name: &'static str, labels: &'static [Label], help: &'static str) -> Self {
        Self::checked(name, Kind::Gauge, Unit::Count, labels, help)
    }

    /// Defines a histogram of durations with the given upper bounds, in seconds.
    ///
    /// # Panics
    ///
    /// If the definition breaks a rule; in a `const`, the compiler says so.
    pub const fn durations(
        name: &'static str,
        buckets: &'static [f64],
        labels: &'static [Label],
        help: &'static str,
    ) -> Self {
        Self::checked(name, Kind::Histogram(buckets), Unit::Seconds, labels, help)
    }

    /// Its full name, unit and `_total` included.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How it moves.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What its number is a number of.
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Its labels: configured names first, then at most one closed set.
    pub const fn labels(&self) -> &'static [Label] {
        self.labels
    }

    /// What it means: a sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    const fn checked(
        name: &'static str,
        kind: Kind,
        unit: Unit,
        labels: &'static [Label],
        help: &'static str,
    ) -> Self {
        let metric = Self {
            name,
            kind,
            unit,
            labels,
            help,
        };
        match metric.flaw() {
            None => metric,
            Some(flaw) => panic!("{}", flaw),
        }
    }

    /// Which rule the definition breaks, if any. No [`Metric`] that can be had has one.
    const fn flaw(&self) -> Option<&'static str> {
        if !starts_with(self.name, "bowline_") || !is_plain(self.name) {
            return Some("a name is bowline_ and then lower-case letters, digits and _");
        }
        if ends_with(self.name, "_total") != matches!(self.kind, Kind::Counter) {
            return Some("_total ends the names of counters and of nothing else");
        }
        if ends_with(self.name, "_seconds") != matches!(self.unit, Unit::Seconds) {
            return Some("_seconds ends the names of durations and of nothing else");
        }
        if let Kind::Histogram(buckets) = self.kind
            && !is_rising(buckets)
        {
            return Some("buckets are finite and rise");
        }
        if !ends_with(self.help, ".") || contains(self.help, b'\n') {
            return Some("the help is a sentence on one line");
        }
        let mut i = 0;
        while i < self.labels.len() {
            let label = self.labels[i];
            if !is_plain(label.name) || is_taken(label.name) {
                return Some(
                    "a label is lower-case letters, digits and _, and not one of Prometheus's",
                );
            }
            if matches!(label.values, Values::OneOf(_)) && i + 1 < self.labels.len() {
                return Some("the closed set is the last label, and the only one");
            }
            i += 1;
        }
        None
    }
}

// === impl Label ===

impl Label {
    /// A label that says one of a few words.
    pub const fn one_of(name: &'static str, words: Words) -> Self {
        Self {
            name,
            values: Values::OneOf(words),
        }
    }

    /// A label that says a configured name, such as a pool's.
    pub const fn configured(name: &'static str) -> Self {
        Self {
            name,
            values: Values::Configured,
        }
    }
}

// === impl Words ===

impl Words {
    /// Makes a set.
    ///
    /// # Panics
    ///
    /// If it is empty, repeats a word, or has one that is not made of lower-case
    /// letters, digits and `_`; in a `const`, the compiler says so.
    pub const fn new(words: &'static [&'static str]) -> Self {
        assert!(!words.is_empty(), "a closed set has a word");
        let mut i = 0;
        while i < words.len() {
            assert!(
                is_plain(words[i]),
                "a word is lower-case letters, digits and _"
            );
            let mut j = 0;
            while j < i {
                assert!(!is_same(words[j], words[i]), "a word is there twice");
                j += 1;
            }
            i += 1;
        }
        Self(words)
    }

    /// The member that reads `word`.
    ///
    /// # Panics
    ///
    /// If there is none. Call it in a `const` block, and a typo does not compile:
    ///
    /// ```compile_fail
    /// # use bowline_telemetry::Words;
    /// const OUTCOMES: Words = Words::new(&["delivered", "dropped"]);
    /// let dropped = const { OUTCOMES.word("droped") };
    /// ```
    pub const fn word(self, word: &str) -> Word {
        let mut index = 0;
        while index < self.0.len() {
            if is_same(self.0[index], word) {
                return Word { index };
            }
            index += 1;
        }
        panic!("no such word in the set")
    }

    /// One of the words, where it is only known at run time.
    pub fn find(self, word: &str) -> Option<Word> {
        let index = self.0.iter().position(|one| *one == word)?;
        Some(Word { index })
    }

    /// The words, in order.
    pub const fn all(self) -> &'static [&'static str] {
        self.0
    }
}

// What `str` can do, but not yet in a `const`.

const fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && starts_with(a, b)
}

const fn starts_with(text: &str, start: &str) -> bool {
    has_at(text, start, 0)
}

const fn ends_with(text: &str, end: &str) -> bool {
    text.len() >= end.len() && has_at(text, end, text.len() - end.len())
}

const fn has_at(text: &str, part: &str, at: usize) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    if text.len() < at + part.len() {
        return false;
    }
    let mut i = 0;
    while i < part.len() {
        if text[at + i] != part[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn contains(text: &str, byte: u8) -> bool {
    let text = text.as_bytes();
    let mut i = 0;
    while i < text.len() {
        if text[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const fn is_plain(text: &str) -> bool {
    let text = text.as_bytes();
    let mut i = 0;
    while i < text.len() {
        if !matches!(text[i], b'a'..=b'z' | b'0'..=b'9' | b'_') {
            return false;
        }
        i += 1;
    }
    !text.is_empty() && text[0].is_ascii_lowercase()
}

/// Labels that Prometheus or its text format sets by itself.
const fn is_taken(label: &str) -> bool {
    is_same(label, "le")
        || is_same(label, "quantile")
        || is_same(label, "job")
        || is_same(label, "instance")
}

const fn is_rising(buckets: &[f64]) -> bool {
    let mut i = 0;
    while i < buckets.len() {
        if !buckets[i].is_finite() || i > 0 && buckets[i] <= buckets[i - 1] {
            return false;
        }
        i += 1;
    }
    !buckets.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: Metric = Metric::counter("bowline_boats_total", &[], "Boats seen.");

    #[test]
    fn a_definition_that_breaks_a_rule_is_told_which() {
        const POOL: Label = Label::configured("pool");
        const FEW: Label = Label::one_of("kind", Words::new(&["sail", "oar"]));
        let told = |metric: Metric| metric.flaw().unwrap_or("nothing");
        let counter = |name| told(Metric { name, ..SOUND });
        let gauge = |name| {
            told(Metric {
                name,
                kind: Kind::Gauge,
                ..SOUND
            })
        };
        let label = |labels| told(Metric { labels, ..SOUND });
        let help = |help| told(Metric { help, ..SOUND });
        let buckets = |buckets| {
            told(Metric {
                name: "bowline_trip_seconds",
                kind: Kind::Histogram(buckets),
                unit: Unit::Seconds,
                ..SOUND
            })
        };
        for (said, expected) in [
            (told(SOUND), "nothing"),
            (counter("boats_total"), "bowline_"),
            (counter("bowline_Boats_total"), "lower-case"),
            (counter("bowline_boats"), "_total"),
            (counter("bowline_boats_seconds"), "_total"),
            (gauge("bowline_boats_total"), "_total"),
            (gauge("bowline_boats"), "nothing"),
            (gauge("bowline_trip_seconds"), "_seconds"),
            (buckets(NET), "nothing"),
            (buckets(&[]), "buckets"),
            (buckets(&[1.0, 1.0]), "buckets"),
            (buckets(&[1.0, f64::INFINITY]), "buckets"),
            (help("Boats seen"), "sentence"),
            (help("Boats\nseen."), "sentence"),
            (label(&[POOL, FEW]), "nothing"),
            (label(&[FEW, POOL]), "last"),
            (label(const { &[Label::configured("le")] }), "Prometheus"),
            (label(const { &[Label::configured("9")] }), "lower-case"),
        ] {
            assert!(
                said.contains(expected),
                "{said:?} is not about {expected:?}"
            );
        }
    }

    #[test]
    fn every_family_of_buckets_rises() {
        for buckets in [NET, WAIT, LIFE] {
            assert!(is_rising(buckets), "{buckets:?}");
        }
    }
}
