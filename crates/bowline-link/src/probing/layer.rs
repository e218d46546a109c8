//! Probing on every stream of a dialer, where both sides know the heartbeat beforehand. It agrees
//! on nothing: what a handshake says is for [`Probing::new`].

use std::fmt;
use std::sync::Arc;

use bowline_policy::heartbeat::Policy;
use tokio_util::codec::{Decoder, Encoder, Framed};
use tower_layer::Layer;

use super::{Probe, Probing};
use crate::{Io, Stamped, WallClock, Wrap, WrapDialer};

/// Makes frames of each stream that a dialer opens, and probes through them.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::codec::{Limits, LineCodec};
/// use bowline_link::probing::{Probe, ProbingLayer, Sorted};
/// use bowline_link::{Connect, tcp};
/// use bowline_policy::heartbeat::Adaptive;
/// use bytes::Bytes;
/// use tower_layer::Layer;
///
/// struct Lines;
///
/// impl Probe for Lines {
///     type Frame = Bytes;
///
///     fn ping(&mut self, next_interval: Duration) -> Bytes {
///         format!("PING {}", next_interval.as_millis()).into()
///     }
///
///     fn sort(&mut self, line: Bytes) -> Sorted<Bytes> {
///         if line == "PONG" { Sorted::Answer } else { Sorted::Item(line) }
///     }
/// }
///
/// let frames = || (LineCodec::new(Limits::default()), Lines);
/// let layer = ProbingLayer::new(Adaptive::default(), frames);
/// let _links: &dyn std::any::Any = &connector(layer.layer(tcp::Dialer::new()));
///
/// fn connector(connector: impl Connect) -> impl Connect {
///     connector
/// }
/// ```
#[derive(Clone)]
pub struct ProbingLayer<F> {
    policy: Policy,
    make: F,
    wall_clock: Option<Arc<dyn WallClock>>,
}

// === impl ProbingLayer ===

impl<F> ProbingLayer<F> {
    /// Probes each stream by the same heartbeat. `make` yields the codec and the probe of one
    /// connection.
    pub fn new<C, P>(policy: impl Into<Policy>, make: F) -> Self
    where
        F: Fn() -> (C, P),
    {
        Self {
            policy: policy.into(),
            make,
            wall_clock: None,
        }
    }

    /// Looks for jumps of the wall clock too; see [`Probing::with_wall_clock`].
    #[must_use]
    pub fn with_wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall_clock = Some(clock);
        self
    }
}

impl<F: Clone, D> Layer<D> for ProbingLayer<F> {
    type Service = WrapDialer<D, Self>;

    fn layer(&self, dialer: D) -> Self::Service {
        WrapDialer::new(dialer, self.clone())
    }
}

impl<F, I, C, P> Wrap<I> for ProbingLayer<F>
where
    F: Fn() -> (C, P) + Clone + Send + Sync + 'static,
    I: Io,
    C: Encoder<P::Frame> + Decoder + Send + 'static,
    P: Probe + Send + 'static,
    P::Frame: Send,
    <C as Encoder<P::Frame>>::Error: Send,
{
    type Wrapped = Probing<Framed<Stamped<I>, C>, P>;

    fn wrap(&self, io: I) -> Self::Wrapped {
        let stamped = Stamped::new(io);
        let stamp = stamped.stamp();
        let (codec, probe) = (self.make)();
        let probing = Probing::new(Framed::new(stamped, codec), stamp, self.policy, probe);
        match &self.wall_clock {
            Some(clock) => probing.with_wall_clock(Arc::clone(clock)),
            None => probing,
        }
    }
}

impl<F> fmt::Debug for ProbingLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbingLayer")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
