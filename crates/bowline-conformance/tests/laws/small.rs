//! A small reconnecting service that keeps the laws, and can be given a fault that breaks one.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bowline_conformance::{
    Answer, BoxError, Lacks, Pace, Peer, Request, Standing, Subject, Wire, WireError,
};
use bowline_policy::backoff::{Maker, Proof, Schedule, Session};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, Sleep, sleep};
use tower_service::Service;

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Nothing,
    /// Takes a grant back when its connection breaks.
    ForgetsGrants,
    /// Fails in `poll_ready`, then goes on.
    TakesErrorsBack,
    /// Wakes one of those who wait.
    WakesOne,
    /// Wakes one of those who wait, and each looks for itself every five seconds.
    WakesOneAndPolls,
    /// Leaves calls in flight on a broken connection alone.
    ForgetsCalls,
    /// Wakes itself until there is a connection.
    Spins,
    /// Fails in `poll_ready` when an attempt has failed.
    FailsReadiness,
    /// Starts over with the first delay when a connection is made.
    NeverSlowsDown,
    /// Draws the delays of each session from the same seed.
    InStep,
    /// Waits the cap to the letter, once there.
    FixedAtTheCap,
    /// Waits on the machine's clock, and keeps the thread.
    SleepsTheThread,
    /// Measures how long a connection lasted on a clock that stands still.
    MissesTheHour,
    /// Sends what was lost again.
    Replays,
    /// Says nothing of what became of a request.
    Mute,
    /// Says that a lost request was not sent.
    Lies,
    /// Stops trying, and tells nobody.
    DiesSilently,
    /// Stops trying, says so, and cannot be revived.
    StaysDead,
}

pub(crate) struct Small {
    maker: Mutex<Option<Maker>>,
    fault: Fault,
}

pub(crate) struct Handle {
    link: Arc<Link>,
    driver: Arc<Mutex<JoinSet<()>>>,
    changed: Option<Pin<Box<OwnedNotified>>>,
    look: Option<Pin<Box<Sleep>>>,
    grant: Option<Grant>,
}

enum Grant {
    Call(Wire),
    Refused,
}

struct Link {
    peer: Peer,
    pace: Pace,
    fault: Fault,
    slot: Mutex<Slot>,
    changed: Arc<Notify>,
    revive: Notify,
}

#[derive(Clone)]
enum Slot {
    Down,
    Failed,
    Up(Wire),
    Parked,
    Closed,
}

impl Small {
    pub(crate) fn with(fault: Fault) -> Self {
        Self {
            maker: Mutex::default(),
            fault,
        }
    }

    fn start(&self, peer: &Peer, pace: Pace, attempts: Option<u32>) -> Handle {
        let schedule = Schedule::exponential(pace.base, pace.cap).unwrap();
        let session = match attempts {
            Some(attempts) => Maker::new(schedule.take(attempts), 7).session(),
            None if self.fault == Fault::InStep => Maker::new(schedule, 7).session(),
            None => {
                let mut maker = self.maker.lock().unwrap();
                match &mut *maker {
                    Some(maker) if *maker.schedule() == schedule => maker.session(),
                    other => other.insert(Maker::new(schedule, 7)).session(),
                }
            }
        };
        let link = Arc::new(Link {
            peer: peer.clone(),
            pace,
            fault: self.fault,
            slot: Mutex::new(Slot::Down),
            changed: Arc::default(),
            revive: Notify::new(),
        });
        let driver = JoinSet::from_iter([Arc::clone(&link).drive(session)]);
        Handle {
            link,
            driver: Arc::new(Mutex::new(driver)),
            changed: None,
            look: None,
            grant: None,
        }
    }
}

impl Subject for Small {
    type Service = Handle;

    fn service(&self, peer: &Peer, pace: Pace) -> Handle {
        self.start(peer, pace, None)
    }

    fn limited(&self, peer: &Peer, pace: Pace, attempts: u32) -> Result<Handle, Lacks> {
        Ok(self.start(peer, pace, Some(attempts)))
    }

    fn handle(&self, handle: &Handle) -> Result<Handle, Lacks> {
        Ok(Handle {
            link: Arc::clone(&handle.link),
            driver: Arc::clone(&handle.driver),
            changed: None,
            look: None,
            grant: None,
        })
    }

    fn standing(&self, handle: &Handle) -> Option<Standing> {
        Some(match &*handle.link.slot.lock().unwrap() {
            Slot::Down | Slot::Failed => Standing::Trying,
            Slot::Up(_) => Standing::Up,
            Slot::Parked => Standing::Parked,
            Slot::Closed => Standing::Closed,
        })
    }

    fn revive(&self, handle: &Handle) -> bool {
        if self.fault != Fault::StaysDead {
            handle.link.revive.notify_one();
        }
        true
    }

    fn close(&self, handle: &Handle) -> bool {
        handle.driver.lock().unwrap().abort_all();
        handle.link.set(Slot::Closed);
        true
    }
}

impl Link {
    async fn drive(self: Arc<Self>, mut session: Session) {
        loop {
            match self.peer.dial().await {
                Ok(wire) => self.serve(wire, &mut session).await,
                Err(_) => self.set(Slot::Failed),
            }
            let now = Instant::now().into_std();
            match session.next_delay(now) {
                Some(delay) if self.fault == Fault::SleepsTheThread => {
                    #[expect(clippy::disallowed_methods, reason = "the fault on trial")]
                    std::thread::sleep(delay);
                }
                Some(_) if self.fault == Fault::FixedAtTheCap && session.attempts() > 20 => {
                    sleep(self.pace.cap).await;
                }
                Some(delay) => sleep(delay).await,
                None if self.fault == Fault::DiesSilently => return,
                None => {
                    self.set(Slot::Parked);
                    self.revive.notified().await;
                    session.reset();
                    self.set(Slot::Down);
                }
            }
        }
    }

    async fn serve(&self, wire: Wire, session: &mut Session) {
        let up_at = Instant::now().into_std();
        session.connected(up_at, Proof::Time);
        if self.fault == Fault::NeverSlowsDown {
            session.reset();
        }
        self.set(Slot::Up(wire.clone()));
        wire.closed().await;
        self.set(Slot::Down);
        session.lost(match self.fault {
            Fault::MissesTheHour => up_at,
            _ => Instant::now().into_std(),
        });
    }

    fn set(&self, slot: Slot) {
        *self.slot.lock().unwrap() = slot;
        match self.fault {
            Fault::WakesOne | Fault::WakesOneAndPolls => self.changed.notify_one(),
            _ => self.changed.notify_waiters(),
        }
    }
}

impl Handle {
    fn grants(&self) -> bool {
        match &self.grant {
            Some(Grant::Call(wire)) => self.link.fault != Fault::ForgetsGrants || !wire.is_over(),
            Some(Grant::Refused) => true,
            None => false,
        }
    }
}

impl Service<Request> for Handle {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            if self.grants() {
                self.changed = None;
                return Poll::Ready(Ok(()));
            }
            let link = Arc::clone(&self.link);
            let wait = || Box::pin(Arc::clone(&link.changed).notified_owned());
            let mut changed = self.changed.take().unwrap_or_else(wait);
            // From before the look, or a change between the two would be missed.
            changed.as_mut().enable();
            let slot = link.slot.lock().unwrap().clone();
            match slot {
                Slot::Up(wire) if !wire.is_over() => {
                    self.grant = Some(Grant::Call(wire));
                    continue;
                }
                Slot::Parked if link.fault == Fault::TakesErrorsBack => {
                    link.revive.notify_one();
                    return Poll::Ready(Err("gave up".into()));
                }
                Slot::Parked => {
                    self.grant = Some(Grant::Refused);
                    continue;
                }
                Slot::Failed if link.fault == Fault::FailsReadiness => {
                    return Poll::Ready(Err("refused".into()));
                }
                Slot::Closed => return Poll::Ready(Err("closed".into())),
                Slot::Down | Slot::Failed | Slot::Up(_) => {}
            }
            if link.fault == Fault::Spins {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let look = self
                .look
                .get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(5))));
            if link.fault == Fault::WakesOneAndPolls && look.as_mut().poll(cx).is_ready() {
                self.look = None;
                continue;
            }
            if changed.as_mut().poll(cx).is_pending() {
                self.changed = Some(changed);
                return Poll::Pending;
            }
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let grant = self.grant.take().expect("poll_ready must be called first");
        let Grant::Call(mut wire) = grant else {
            return Box::pin(async { Err(WireError::NotSent.into()) });
        };
        let (link, call) = (Arc::clone(&self.link), wire.call(request));
        Box::pin(async move {
            match (call.await, link.fault) {
                (Ok(answer), _) => Ok(answer),
                (Err(WireError::Lost), Fault::ForgetsCalls) => pending().await,
                (Err(WireError::Lost), Fault::Lies) => Err(WireError::NotSent.into()),
                (Err(WireError::Lost), Fault::Replays) => Ok(link.again(request).await?),
                (Err(_), Fault::Mute) => Err("it went wrong".into()),
                (Err(error), _) => Err(error.into()),
            }
        })
    }
}

impl Link {
    async fn again(&self, request: Request) -> Result<Answer, WireError> {
        sleep(self.pace.base * 2).await;
        let slot = self.slot.lock().unwrap().clone();
        match slot {
            Slot::Up(mut wire) => wire.call(request).await,
            _ => Err(WireError::Lost),
        }
    }
}
