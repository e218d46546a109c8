//! A network of one peer that does as it is told: what it answers to a dial, when
//! it hangs up, and how its service behaves.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::backoff::{Jitter, Maker, Schedule};
use bowline_policy::{Observe, from_fn};
use bowline_reconnect::{Builder, Established, Event, Hint, NotSent, Reconnect};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tower::{Service, service_fn};

/// What the peer does with a dial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Dial {
    Accept,
    AcceptAndHangUp,
    Refuse,
    Hang,
}

/// What a connection's service does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// Answers at once with the number of the connection.
    Answer,
    /// Answers after a second.
    Slow,
    /// Takes the request and says nothing.
    Silence,
    /// Fails the call, having sent it.
    Fail,
    /// Fails the call and says that nothing was sent.
    FailUnsent,
    /// Is never ready.
    Busy,
    /// Fails in `poll_ready`.
    Unwilling,
}

#[derive(Clone)]
pub(crate) struct Peer(Arc<Inside>);

struct Inside {
    script: Mutex<VecDeque<Dial>>,
    otherwise: Mutex<Dial>,
    manner: Mutex<Manner>,
    latency: Mutex<Duration>,
    heard: Mutex<Option<bool>>,
    refusal: Mutex<fn() -> BoxError>,
    death: Mutex<fn() -> BoxError>,
    goings: Mutex<Vec<oneshot::Sender<Hint>>>,
    healthy: Mutex<Option<bool>>,
    dials: Mutex<Vec<Instant>>,
    dialing: AtomicUsize,
    dialing_max: AtomicUsize,
    open: Mutex<Vec<CancellationToken>>,
    services: AtomicUsize,
    received: Mutex<Vec<String>>,
}

/// A connection to the peer.
pub(crate) struct Wire {
    pub(crate) number: usize,
    peer: Peer,
}

struct Dialing(Peer);

impl Peer {
    pub(crate) fn new(otherwise: Dial) -> Self {
        Self(Arc::new(Inside {
            script: Mutex::default(),
            otherwise: Mutex::new(otherwise),
            manner: Mutex::new(Manner::Answer),
            latency: Mutex::new(ms(100)),
            heard: Mutex::default(),
            refusal: Mutex::new(|| "refused".into()),
            death: Mutex::new(|| "the peer hung up".into()),
            goings: Mutex::default(),
            healthy: Mutex::default(),
            dials: Mutex::default(),
            dialing: AtomicUsize::default(),
            dialing_max: AtomicUsize::default(),
            open: Mutex::default(),
            services: AtomicUsize::default(),
            received: Mutex::default(),
        }))
    }

    /// Answers the next dials so, and all later ones as before.
    pub(crate) fn script(self, dials: &[Dial]) -> Self {
        self.0.script.lock().unwrap().extend(dials);
        self
    }

    pub(crate) fn manner(self, manner: Manner) -> Self {
        self.set_manner(manner);
        self
    }

    /// How long a dial takes.
    pub(crate) fn latency(self, latency: Duration) -> Self {
        *self.0.latency.lock().unwrap() = latency;
        self
    }

    /// Connections have a heartbeat, which has heard something or not.
    pub(crate) fn heard(self, heard: bool) -> Self {
        *self.0.heard.lock().unwrap() = Some(heard);
        self
    }

    /// What a refused dial says.
    pub(crate) fn refusal(self, refusal: fn() -> BoxError) -> Self {
        *self.0.refusal.lock().unwrap() = refusal;
        self
    }

    /// What a connection says that was hung up.
    pub(crate) fn death(self, death: fn() -> BoxError) -> Self {
        *self.0.death.lock().unwrap() = death;
        self
    }

    /// Later connections can be checked, and are alive or not.
    pub(crate) fn set_healthy(&self, healthy: bool) {
        *self.0.healthy.lock().unwrap() = Some(healthy);
    }

    /// Tells all connections that the peer will go.
    pub(crate) fn go(&self, hint: &Hint) {
        for going in self.0.goings.lock().unwrap().drain(..) {
            going.send(hint.clone()).ok();
        }
    }

    pub(crate) fn set_manner(&self, manner: Manner) {
        *self.0.manner.lock().unwrap() = manner;
    }

    pub(crate) fn set_otherwise(&self, dial: Dial) {
        *self.0.otherwise.lock().unwrap() = dial;
    }

    /// Ends all connections.
    pub(crate) fn hang_up(&self) {
        for open in self.0.open.lock().unwrap().drain(..) {
            open.cancel();
        }
    }

    pub(crate) fn dials(&self) -> usize {
        self.0.dials.lock().unwrap().len()
    }

    /// When each dial began.
    pub(crate) fn dialed_at(&self) -> Vec<Instant> {
        self.0.dials.lock().unwrap().clone()
    }

    /// The pauses between one dial and the next.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        let dials = self.0.dials.lock().unwrap();
        dials.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    pub(crate) fn dialing(&self) -> usize {
        self.0.dialing.load(Ordering::SeqCst)
    }

    pub(crate) fn dialing_max(&self) -> usize {
        self.0.dialing_max.load(Ordering::SeqCst)
    }

    /// How many services of connections exist, clones included.
    pub(crate) fn services(&self) -> usize {
        self.0.services.load(Ordering::SeqCst)
    }

    /// What was sent, each with the number of its connection.
    pub(crate) fn received(&self) -> Vec<String> {
        self.0.received.lock().unwrap().clone()
    }

    pub(crate) fn connector(&self) -> impl Connect<Connection = Established<Wire>> + use<> {
        let peer = self.clone();
        service_fn(move |_: Endpoint| peer.clone().dial())
    }

    /// A link to this peer: retries after 1, 2, 4 .. 60 s to the letter, calls
    /// fail after 5 s, no attempt lasts longer than 10 s.
    pub(crate) fn link(&self) -> Builder<Wire> {
        self.link_with(schedule())
    }

    pub(crate) fn link_with(&self, schedule: Schedule) -> Builder<Wire> {
        let maker = Maker::new(schedule, 7);
        Reconnect::builder(self.connector(), endpoint(), &maker)
    }

    pub(crate) async fn dial(self) -> Result<Established<Wire>, BoxError> {
        self.0.dials.lock().unwrap().push(Instant::now());
        let dialing = self.0.dialing.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.dialing_max.fetch_max(dialing, Ordering::SeqCst);
        let _dialing = Dialing(self.clone());
        let number = self.dials();
        let otherwise = *self.0.otherwise.lock().unwrap();
        let answer = self.0.script.lock().unwrap().pop_front();
        let latency = *self.0.latency.lock().unwrap();
        sleep(latency).await;
        let end = CancellationToken::new();
        match answer.unwrap_or(otherwise) {
            Dial::Accept => self.0.open.lock().unwrap().push(end.clone()),
            Dial::AcceptAndHangUp => end.cancel(),
            Dial::Refuse => return Err((*self.0.refusal.lock().unwrap())()),
            Dial::Hang => std::future::pending().await,
        }
        let death = *self.0.death.lock().unwrap();
        let (going, notice) = oneshot::channel();
        self.0.goings.lock().unwrap().push(going);
        let mut established = Established::new(Wire::new(number, self.clone()))
            .closed(async move {
                end.cancelled().await;
                death()
            })
            .going(async move {
                match notice.await {
                    Ok(hint) => hint,
                    Err(_) => std::future::pending().await,
                }
            });
        if self.0.healthy.lock().unwrap().is_some() {
            let peer = self.clone();
            established = established.check(move || {
                let healthy = *peer.0.healthy.lock().unwrap();
                async move {
                    sleep(ms(50)).await;
                    match healthy {
                        Some(true) => Ok(()),
                        _ => Err("no answer to the check"),
                    }
                }
            });
        }
        Ok(match *self.0.heard.lock().unwrap() {
            Some(heard) => established.heard(move || heard),
            None => established,
        })
    }
}

impl Drop for Dialing {
    fn drop(&mut self) {
        self.0.0.dialing.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Wire {
    fn new(number: usize, peer: Peer) -> Self {
        peer.0.services.fetch_add(1, Ordering::SeqCst);
        Self { number, peer }
    }
}

impl Clone for Wire {
    fn clone(&self) -> Self {
        Self::new(self.number, self.peer.clone())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.peer.0.services.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service<&'static str> for Wire {
    type Response = usize;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<usize, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match *self.peer.0.manner.lock().unwrap() {
            Manner::Busy => Poll::Pending,
            Manner::Unwilling => Poll::Ready(Err("unwilling".into())),
            Manner::Answer | Manner::Slow | Manner::Silence | Manner::Fail | Manner::FailUnsent => {
                Poll::Ready(Ok(()))
            }
        }
    }

    fn call(&mut self, request: &'static str) -> Self::Future {
        let number = self.number;
        let mut received = self.peer.0.received.lock().unwrap();
        received.push(format!("{number}: {request}"));
        match *self.peer.0.manner.lock().unwrap() {
            Manner::Answer | Manner::Busy | Manner::Unwilling => Box::pin(ready(Ok(number))),
            Manner::Slow => Box::pin(async move {
                sleep(secs(1)).await;
                Ok(number)
            }),
            Manner::Silence => Box::pin(std::future::pending()),
            Manner::Fail => Box::pin(ready(Err("no such room".into()))),
            Manner::FailUnsent => Box::pin(ready(Err(NotSent("queue full".into()).into()))),
        }
    }
}

/// 1, 2, 4 .. 60 s, without jitter.
pub(crate) fn schedule() -> Schedule {
    Schedule::exponential(secs(1), secs(60))
        .unwrap()
        .jitter(Jitter::None)
        .unwrap()
}

/// What an observer wrote down.
pub(crate) type Record = Arc<Mutex<Vec<String>>>;

/// An observer that writes down what happened, as the name and what matters of it.
pub(crate) fn recorder() -> (Arc<dyn Observe<Event>>, Record) {
    let record = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&record);
    let observer = from_fn(move |event: &Event| into.lock().unwrap().push(line(event)));
    (Arc::new(observer), record)
}

fn line(event: &Event) -> String {
    match event {
        Event::Connecting {
            attempt, reason, ..
        } if reason.is_beside() => format!("connecting {attempt} beside: {reason:?}"),
        Event::Connecting { attempt, .. } => format!("connecting {attempt}"),
        Event::Connected {
            epoch,
            attempt,
            took,
            resumption,
            ..
        } => {
            format!("connected {epoch} at {attempt} in {took:?} {resumption:?}")
        }
        Event::Failed { attempt, error, .. } => format!("failed {attempt}: {error}"),
        Event::Lost {
            epoch,
            reason,
            error,
            lived,
            ..
        } => {
            format!("lost {epoch} after {lived:?} {reason:?}: {error}")
        }
        Event::BackingOff { attempt, delay, .. } => format!("backing off {delay:?} for {attempt}"),
        Event::Parked {
            attempts, error, ..
        } => format!("parked after {attempts}: {error}"),
        Event::Revived { .. } => "revived".to_owned(),
        Event::Closed { reason, .. } => format!("closed {reason:?}"),
        Event::Retiring { epoch, reason, .. } => format!("retiring {epoch}: {reason:?}"),
        Event::Hinted { .. } => "hinted".to_owned(),
        Event::Unauthorized { error, .. } => format!("unauthorized: {error}"),
        Event::Unproven { error, .. } => format!("unproven: {error}"),
        Event::Probed {
            endpoint, error, ..
        } => match error {
            Some(error) => format!("probed {endpoint}: {error}"),
            None => format!("probed {endpoint}"),
        },
        Event::Listed { endpoints, origin } => format!("listed {endpoints} {origin:?}"),
        Event::ListProblem { error } => format!("list problem: {error}"),
        Event::Leapt { by } => format!("leapt {by:?}"),
        _ => "unknown".to_owned(),
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::new("chat.example", 7400)
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
