//! Where series live and how they become text. It belongs to whoever made it.

use std::sync::Arc;

use metrics::Recorder;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use crate::{Kind, Metric, NET};

/// Holds series and renders them in Prometheus's text format.
///
/// A clone is the same registry. Nothing is installed for the whole process: two
/// registries in one never meet.
///
/// What histograms observed is kept one by one until somebody calls
/// [`render`](Self::render) or [`upkeep`](Self::upkeep), so one of them must be
/// called now and then; `serve` does.
#[derive(Debug, Clone)]
pub struct Registry {
    recorder: Arc<PrometheusRecorder>,
}

impl Registry {
    /// Makes an empty registry that knows the buckets of `catalogue`'s histograms;
    /// one that is not listed gets [`NET`].
    pub fn new(catalogue: &[Metric]) -> Self {
        // Without default buckets a histogram would be rendered as a summary,
        // which nobody can add up over processes.
        let mut builder = PrometheusBuilder::new()
            .set_buckets(NET)
            .expect("there are default buckets");
        for metric in catalogue {
            if let Kind::Histogram(buckets) = metric.kind() {
                let name = Matcher::Full(metric.name().to_owned());
                builder = builder
                    .set_buckets_for_metric(name, buckets)
                    .expect("a histogram is defined with buckets");
            }
        }
        Self {
            recorder: Arc::new(builder.build_recorder()),
        }
    }

    /// What handles are registered with.
    pub fn recorder(&self) -> &(dyn Recorder + Send + Sync) {
        &*self.recorder
    }

    /// Writes down every series, in an order that depends on their names alone.
    pub fn render(&self) -> String {
        sorted(&self.recorder.handle().render())
    }

    /// Sums up what histograms observed, which keeps their memory small.
    pub fn upkeep(&self) {
        self.recorder.handle().run_upkeep();
    }
}

/// Sorts families by name and series by labels: the recorder's order is random.
fn sorted(text: &str) -> String {
    let mut families: Vec<_> = text
        .split("\n\n")
        .filter(|family| !family.is_empty())
        .map(|family| {
            let mut lines: Vec<_> = family.lines().collect();
            // Stable, so that the head and the buckets of a histogram stay in place.
            lines.sort_by_key(|line| own_labels(line));
            lines
        })
        .collect();
    families.sort_unstable();
    families
        .into_iter()
        .map(|lines| lines.join("\n") + "\n")
        .collect()
}

/// A series' labels but for a bucket's bound; nothing for a comment.
fn own_labels(line: &str) -> &str {
    if line.starts_with('#') {
        return "";
    }
    let labels = line.split_once('{').map_or("", |(_, labels)| labels);
    let end = match labels.find(",le=\"") {
        Some(bound) => bound,
        None if labels.starts_with("le=\"") => 0,
        None => labels.rfind('}').unwrap_or(0),
    };
    &labels[..end]
}

#[cfg(test)]
pub(crate) mod tests {
    use metrics::{Counter, Histogram};

    use super::*;

    /// The lines of `after` that are not in `before`.
    pub(crate) fn changed<'a>(before: &str, after: &'a str) -> Vec<&'a str> {
        let known: std::collections::BTreeSet<_> = before.lines().collect();
        after.lines().filter(|line| !known.contains(line)).collect()
    }
    use crate::{Label, Words};

    #[test]
    fn the_text_is_ordered_by_names_and_buckets_keep_theirs() {
        const KINDS: Words = Words::new(&["sail", "oar"]);
        const BOATS: Metric = Metric::counter(
            "bowline_boats_total",
            &[Label::one_of("kind", KINDS)],
            "Boats seen.",
        );
        const TRIPS: Metric = Metric::durations(
            "bowline_a_trip_seconds",
            &[1.0, 10.0],
            &[Label::configured("role")],
            "Trips.",
        );
        let registry = Registry::new(&[TRIPS]);
        let boats = BOATS.each::<Counter>(registry.recorder(), &[]);
        let south = TRIPS.one::<Histogram>(registry.recorder(), &["south"]);
        let _north = TRIPS.one::<Histogram>(registry.recorder(), &["north"]);
        boats.of(const { KINDS.word("oar") }).increment(2);
        south.record(0.5);
        south.record(60.0);

        let expected = r##"# HELP bowline_a_trip_seconds Trips.
# TYPE bowline_a_trip_seconds histogram
bowline_a_trip_seconds_bucket{role="north",le="1"} 0
bowline_a_trip_seconds_bucket{role="north",le="10"} 0
bowline_a_trip_seconds_bucket{role="north",le="+Inf"} 0
bowline_a_trip_seconds_sum{role="north"} 0
bowline_a_trip_seconds_count{role="north"} 0
bowline_a_trip_seconds_bucket{role="south",le="1"} 1
bowline_a_trip_seconds_bucket{role="south",le="10"} 1
bowline_a_trip_seconds_bucket{role="south",le="+Inf"} 2
bowline_a_trip_seconds_sum{role="south"} 60.5
bowline_a_trip_seconds_count{role="south"} 2
# HELP bowline_boats_total Boats seen.
# TYPE bowline_boats_total counter
bowline_boats_total{kind="oar"} 2
bowline_boats_total{kind="sail"} 0
"##;
        assert_eq!(registry.render(), expected);
    }

    #[test]
    fn two_registries_in_one_process_never_meet() {
        const BOATS: Metric = Metric::counter("bowline_boats_total", &[], "Boats seen.");
        let (one, other) = (Registry::new(&[]), Registry::new(&[]));
        BOATS.one::<Counter>(one.recorder(), &[]).increment(1);
        assert!(one.render().contains("bowline_boats_total 1"));
        assert_eq!(other.render(), "");
    }

    #[test]
    fn a_histogram_nobody_listed_is_not_a_summary() {
        const TRIPS: Metric = Metric::durations("bowline_trip_seconds", &[1.0], &[], "Trips.");
        let registry = Registry::new(&[]);
        TRIPS.one::<Histogram>(registry.recorder(), &[]).record(0.5);
        let text = registry.render();
        assert!(
            text.contains(r#"bowline_trip_seconds_bucket{le="0.5"} 1"#),
            "{text}"
        );
        assert!(!text.contains("quantile"), "{text}");
    }
}
