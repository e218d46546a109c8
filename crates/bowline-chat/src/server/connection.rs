//! One connection's task: turns the pump, feeds the session, does what it says.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use bowline_link::Io;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::event::{EndReason, Event};
use super::outbox::Outbox;
use super::session::{Action, Answer, Identity, Now, Session};
use super::writer::Request as Ask;
use super::{Shared, lock};
use crate::log::MsgId;
use crate::protocol::{Close, CloseCode, Reply, Wire, WireCodec};
use crate::pump::{Pump, Step};

/// How long the last word may take to be written.
pub(super) const LAST_WORD_TIMEOUT: Duration = Duration::from_secs(1);

/// What the writer and the rooms know of a connection.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) conn_id: u64,
    pub(crate) wire: Wire,
    pub(crate) outbox: Outbox,
    /// Set when a commit failed under this connection's publishes.
    pub(crate) store_failed: AtomicBool,
    answers: mpsc::Sender<Answer>,
}

impl Seat {
    /// Hands the connection an answer; one that has gone needs none.
    pub(crate) fn answer(&self, answer: Answer) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.answers.try_send(answer) {
            // The session bounds what it asks, so this is a bug; better cut than lost.
            self.outbox.cut(Close::new(CloseCode::STORE_FAILED));
        }
    }
}

/// One accepted connection.
pub(crate) struct Connection<I> {
    pump: Pump<I>,
    identity: Identity,
    session: Session,
    shared: Arc<Shared>,
    writer: mpsc::Sender<Ask>,
}

/// A connection whose first byte said what it speaks.
struct Speaking<I> {
    connection: Connection<I>,
    codec: WireCodec,
    seat: Arc<Seat>,
    answers: mpsc::Receiver<Answer>,
}

/// The connection is over.
struct End(EndReason);

impl<I: Io> Connection<I> {
    pub(crate) fn new(
        io: I,
        identity: Identity,
        shared: Arc<Shared>,
        writer: mpsc::Sender<Ask>,
    ) -> Self {
        let now = Instant::now().into_std();
        Self {
            pump: Pump::new(io),
            identity,
            session: Session::new(shared.settings.clone(), identity, now),
            shared,
            writer,
        }
    }

    /// Serves the connection to its end.
    pub(crate) async fn run(mut self) -> EndReason {
        let wire = match self.first_byte().await {
            Ok(wire) => wire,
            Err(End(reason)) => return reason,
        };
        let settings = &self.shared.settings;
        let (answers, queue) = mpsc::channel(settings.answers_max());
        let seat = Arc::new(Seat {
            conn_id: self.identity.conn_id,
            wire,
            outbox: Outbox::new(settings.outbox_bytes_max),
            store_failed: AtomicBool::new(false),
            answers,
        });
        let speaking = Speaking {
            codec: WireCodec::new(wire, settings.limits),
            seat,
            answers: queue,
            connection: self,
        };
        speaking.run().await
    }

    /// Waits, under the HELLO's deadline, for the byte that tells the format.
    async fn first_byte(&mut self) -> Result<Wire, End> {
        let shared = self.shared.clone();
        let first = async {
            while self.pump.input.is_empty() {
                match poll_fn(|cx| self.pump.poll_step(cx, true, || None)).await {
                    Ok(Step::Ended) => return Err(End(EndReason::Left)),
                    Ok(Step::Read | Step::Wrote) => {}
                    Err(error) => return Err(failed(&error)),
                }
            }
            Ok(self.pump.input[0])
        };
        let first = tokio::select! {
            biased;
            () = shared.shutdown.cancelled() => return Err(End(EndReason::Dropped)),
            first = timeout(shared.settings.hello_timeout, first) => match first {
                Ok(first) => first?,
                Err(_) => return Err(End(EndReason::UnknownFormat)),
            }
        };
        Wire::sniff(first).ok_or_else(|| {
            let observer = &self.shared.environment.observer;
            observer.observe(&Event::UnknownFirstByte { first });
            End(EndReason::UnknownFormat)
        })
    }

    fn now(&self) -> Now {
        let wall = self.shared.environment.wall.now();
        Now {
            at: Instant::now().into_std(),
            wall: wall
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }
}

impl<I: Io> Speaking<I> {
    async fn run(mut self) -> EndReason {
        let mut timer = pin!(sleep_until(Instant::now()));
        // What came with the first byte may be all that ever comes.
        let mut actions = Vec::new();
        self.read(&mut actions);
        let mut done = self.perform(actions).await;
        loop {
            if let Err(End(reason)) = done {
                return reason;
            }
            done = self.turn(timer.as_mut()).await;
        }
    }

    /// Waits for one thing to happen and does what follows from it.
    async fn turn(&mut self, mut timer: Pin<&mut Sleep>) -> Result<(), End> {
        let mut actions = Vec::new();
        let connection = &mut self.connection;
        let outbox = &self.seat.outbox;
        tokio::select! {
            biased;
            () = connection.shared.shutdown.cancelled() => {
                connection.session.close(Close::new(CloseCode::SHUTDOWN), &mut actions);
            }
            () = outbox.changed() => {
                if let Some(reason) = outbox.cut_reason() {
                    connection.session.close(reason, &mut actions);
                }
            }
            Some(answer) = self.answers.recv() => connection.session.answer(answer, &mut actions),
            () = &mut timer => {
                let next = connection.session.tick(connection.now(), &mut actions);
                timer.reset(next.into());
            }
            step = poll_fn(|cx| connection.pump.poll_step(cx, true, || outbox.pop())) => match step {
                Ok(Step::Read) => {
                    self.read(&mut actions);
                    // The heartbeat may be due before the HELLO would have been.
                    if actions.contains(&Action::Welcomed) {
                        timer.reset(Instant::now());
                    }
                }
                Ok(Step::Wrote) => connection.session.sent(Instant::now().into_std()),
                Ok(Step::Ended) => connection.session.end(&mut actions),
                Err(error) => {
                    connection.session.end(&mut actions);
                    self.perform(actions).await.ok();
                    return Err(failed(&error));
                }
            }
        }
        self.perform(actions).await?;
        if let Some(rest) = self.seat.outbox.pop_catch_up() {
            let seat = self.seat.clone();
            ask(&self.connection.writer, Ask::Continue { rest, seat }).await;
        }
        Ok(())
    }

    /// Hands the session whatever arrived whole.
    fn read(&mut self, actions: &mut Vec<Action>) {
        let connection = &mut self.connection;
        let now = connection.now();
        connection.session.received(now.at);
        let secrets = &connection.shared.environment.secrets;
        let mut draw = || MsgId::draw(&mut *lock(secrets));
        loop {
            match self.codec.next_request(&mut connection.pump.input) {
                Ok(Some(request)) => {
                    let before = actions.len();
                    connection.session.request(now, request, &mut draw, actions);
                    // The limit grows with HELLO, for what follows it in the same bytes too.
                    if actions[before..].contains(&Action::Welcomed) {
                        self.codec.authenticated();
                    }
                }
                Ok(None) => break,
                Err(fault) => {
                    connection.session.close(Close::from(&fault), actions);
                    break;
                }
            }
        }
        connection.pump.rest();
    }

    async fn perform(&mut self, actions: Vec<Action>) -> Result<(), End> {
        for action in actions {
            let wire = self.seat.wire;
            let connection = &mut self.connection;
            match action {
                Action::Send(reply) => {
                    let observer = &connection.shared.environment.observer;
                    match &reply {
                        Reply::Welcome(_) => observer.observe(&Event::Welcomed { wire }),
                        Reply::Error(_) => observer.observe(&Event::RequestRefused),
                        _ => {}
                    }
                    let output = &mut connection.pump.output;
                    wire.put_reply(&reply, output);
                    // Who asks and asks and reads no answer is as slow as who reads no message.
                    if output.len() > connection.shared.settings.outbox_bytes_max {
                        self.seat.outbox.cut(Close::new(CloseCode::SLOW));
                    }
                }
                Action::Probe(reply) => wire.put_reply(&reply, &mut connection.pump.urgent),
                Action::Welcomed => {}
                Action::Publish { draft, seq, drawn } => {
                    let seat = self.seat.clone();
                    let publish = Ask::Publish {
                        draft,
                        seq,
                        drawn,
                        seat,
                    };
                    ask(&connection.writer, publish).await;
                }
                Action::Join { seq, room, from } => {
                    let seat = self.seat.clone();
                    let join = Ask::Join {
                        seq,
                        room,
                        from,
                        seat,
                    };
                    ask(&connection.writer, join).await;
                }
                Action::Leave(room) => {
                    let conn_id = self.seat.conn_id;
                    ask(&connection.writer, Ask::Leave { room, conn_id }).await;
                }
                Action::RoundTrip(took) => {
                    let observer = &connection.shared.environment.observer;
                    observer.observe(&Event::RoundTrip { took });
                }
                Action::StrayAnswer => {
                    let observer = &connection.shared.environment.observer;
                    observer.observe(&Event::StrayAnswer);
                }
                Action::Close(close) => {
                    self.last_word(&close).await;
                    return Err(End(EndReason::Closed(close)));
                }
                Action::End => return Err(End(EndReason::Left)),
            }
        }
        Ok(())
    }

    /// Says why, after what was answered and before what waits in the outbox, and ends.
    async fn last_word(&mut self, close: &Close) {
        let pump = &mut self.connection.pump;
        let said = Reply::Close(close.clone());
        self.seat.wire.put_reply(&said, &mut pump.output);
        let written = async {
            if poll_fn(|cx| pump.poll_flushed(cx)).await.is_err() {
                return;
            }
            // The end follows the last word; a client that still sends would turn it
            // into a reset, which could overtake the word, so it is read away first.
            if poll_fn(|cx| pump.poll_shutdown(cx)).await.is_err() {
                return;
            }
            while let Ok(Step::Read) = poll_fn(|cx| pump.poll_step(cx, true, || None)).await {
                pump.input.clear();
            }
        };
        // Either it was said in time or the client will not hear it.
        let _late = timeout(LAST_WORD_TIMEOUT, written).await;
    }
}

/// The queue holds all that the open connections may ask, so this waits only while
/// others that ended left theirs behind. A writer that has gone takes the server
/// with it.
async fn ask(writer: &mpsc::Sender<Ask>, ask: Ask) {
    let _gone = writer.send(ask).await;
}

fn failed(error: &io::Error) -> End {
    End(EndReason::Failed {
        error: error.to_string(),
    })
}
