//! What happened, as numbers a Prometheus server can read. It decides nothing
//! and holds nothing process-global: whoever wants metrics brings a recorder.
//!
//! A [`Metric`] says all there is to say of one: name, type, unit, labels, help
//! and buckets. Handles come from it, all its series standing at zero from the
//! start, and so does whatever is generated. [`PoolMetrics`] and
//! [`ReconnectMetrics`] observe the events of their crates; an application
//! declares its own metrics in the same types beside its own events.
//!
//! ```
//! use bowline_link::Endpoint;
//! use bowline_policy::Observe;
//! use bowline_pool::{Cause, Event};
//! use bowline_telemetry::{PoolMetrics, Registry, catalogue};
//! use std::time::Duration;
//!
//! let registry = Registry::new(&catalogue());
//! // In earnest the observer goes to `Pool::observed`, in an `Arc`.
//! let metrics = PoolMetrics::new(registry.recorder(), "history");
//! let endpoint: Endpoint = "history.example:7400".parse()?;
//! let (cause, took) = (Cause::Demand, Duration::from_millis(3));
//! metrics.observe(&Event::Opened { id: 1, endpoint, cause, took });
//!
//! let opened = r#"bowline_pool_connections_opened_total{pool="history",cause="demand"} 1"#;
//! assert!(registry.render().contains(opened));
//! # Ok::<(), bowline_link::InvalidEndpoint>(())
//! ```
//!
//! With the feature `server`, `serve` answers `GET /metrics` on a listener of its own.

mod family;
mod metric;
mod pool;
mod reconnect;
mod registry;
#[cfg(feature = "server")]
mod server;

pub use metrics::{Counter, Gauge, Histogram, Recorder};

pub use family::{Family, Handle};
pub use metric::{Kind, LIFE, Label, Metric, NET, Unit, Values, WAIT, Word, Words};
pub use pool::PoolMetrics;
pub use reconnect::ReconnectMetrics;
pub use registry::Registry;
#[cfg(feature = "server")]
pub use server::{
    CONNECTION_TIMEOUT, CONNECTIONS_MAX, CONTENT_TYPE, HEAD_BYTES_MAX, HEADER_TIMEOUT,
    UPKEEP_INTERVAL, serve,
};

/// All metrics of this crate: those of pools, of reconnecting links and, with the
/// feature `server`, of the endpoint itself.
pub fn catalogue() -> Vec<Metric> {
    [
        pool::CATALOGUE,
        reconnect::CATALOGUE,
        #[cfg(feature = "server")]
        server::CATALOGUE,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_metrics_share_a_name() {
        let all = catalogue();
        let names: BTreeSet<_> = all.iter().map(Metric::name).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn all_of_the_catalogue_is_registered_and_nothing_else() {
        let registry = Registry::new(&catalogue());
        let _pool = PoolMetrics::new(registry.recorder(), "history");
        let _link = ReconnectMetrics::new(registry.recorder(), "chat");
        let text = registry.render();
        let found: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let listed = [pool::CATALOGUE, reconnect::CATALOGUE].concat();
        let listed: BTreeSet<_> = listed.iter().map(Metric::name).collect();
        assert_eq!(found, listed);
    }
}
