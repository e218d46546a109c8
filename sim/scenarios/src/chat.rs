//! The chat world: one server whose store survives, five people, two rooms, every misery.
//!
//! People come late, join a second room on the way, say much at once, stop waiting for
//! answers, come back as somebody who remembers nothing, or read so slowly that the server
//! cuts them; the log may be so short that gaps outgrow it. In some seeds the network on
//! which they hear leaves out messages or repeats them, as a bad server would: clients
//! must notice and mend.
//!
//! When all faults are over, everybody of the core says a last word in each of their rooms
//! and is shown what everybody said. Bytes are never corrupted here: the plain protocol
//! has no integrity of its own, and a flipped bit in a body is a message like another. (What
//! must hold against such bytes, that nobody panics or grows, is promise chat-8 and tested
//! where the protocol is.)

mod backend;
mod board;
mod checks;
mod ears;
mod hardship;
mod mutant;
mod people;
mod robot;
mod script;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use bowline_chat::log::MsgId;
use bowline_sim::check::{self, Check, EveryCallEnds, Store, WithinLimits};
use bowline_sim::history::{Id, Name, Position};
use bowline_sim::{Plan, Scenario, Streams};

pub use board::Board;
pub use mutant::Mutation;
use script::{Hearing, Script, hearing, is_careful};

/// How long things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(24);

/// Who talks.
const PEOPLE: [&str; 5] = ["ann", "bob", "cem", "dan", "eve"];

/// Who talks too, and is no person.
const ROBOT: &str = "rob";

/// Where they talk.
const ROOMS: [&str; 2] = ["lobby", "attic"];

/// The world, with one thing broken on purpose if asked for.
pub fn scenario(mutation: Option<Mutation>) -> Scenario<Board> {
    let scenario = Scenario::sharing("chat", Board::new)
        .hosts(["server"], move |node| server::run(node, mutation))
        .disk("server")
        .clients_on("people", PEOPLE, people::live)
        .clients_on("people", [ROBOT], robot::live)
        .trouble(TROUBLE)
        .live_within(live_within())
        .plan(hardship::plan)
        .unsynced_by(hardship::unsynced)
        .afterwards(server::last_word);
    checked(scenario)
}

/// How long after the last fault everybody of the core is done.
///
/// The sum of what may have to happen one after the other, each as long as its settings
/// let it be:
///
/// * a connection died in silence just before: the heartbeat's limit and its tick;
/// * the backoff waits its longest, and dials: an attempt that hangs to its deadline,
///   since the server's machine or store is just coming back;
/// * a second wait, and an attempt that succeeds within its deadline;
/// * the server opens its store, which it tries once a second, or reopens it, likewise;
/// * the longest replay, page by page, each a round trip, in each of two rooms;
/// * the same once more: who was cut for reading slowly starts over;
/// * the quiet in which nobody says anything new.
pub fn live_within() -> Duration {
    let heartbeat = server::heartbeat();
    let noticed = heartbeat.silence_max() + heartbeat.tick();
    let tries = 2 * (people::BACKOFF_MAX + people::CONNECT_TIMEOUT);
    let opened = 2 * server::REOPEN_PAUSE;
    let replays = ROOMS.len() as u32 * server::replay_max();
    2 * (noticed + tries + opened + replays) + 2 * board::QUIET
}

/// Adds every check that can be asked of a chat.
fn checked(mut scenario: Scenario<Board>) -> Scenario<Board> {
    for index in 0..check::every(Store::Durable, []).len() {
        scenario = scenario.check_by(move |plan| {
            let check = check::every(Store::Durable, joined(plan)).swap_remove(index);
            match is_careful(Streams::new(plan.seed)) {
                true => check,
                false => Box::new(checks::NotAcrossRooms(check)),
            }
        });
    }
    scenario
        .check_by(|plan| Box::new(EveryCallEnds::new(sessions(plan), live_within())))
        .check(WithinLimits)
        .check(checks::SaidOnce)
        .check_by(|plan| -> Box<dyn Check> {
            Box::new(checks::NoHoles {
                owed: hearing(Streams::new(plan.seed)) != Hearing::Badly,
            })
        })
}

/// The sessions of the core that are there in the end.
fn joined(plan: &Plan) -> Vec<Name> {
    scripts(plan)
        .map(|script| script.last_session().into())
        .collect()
}

/// All sessions of the core.
fn sessions(plan: &Plan) -> Vec<Name> {
    let sessions = scripts(plan).flat_map(|script| script.sessions().collect::<Vec<_>>());
    let robot = plan.core().filter(|name| *name == ROBOT).map(str::to_owned);
    sessions.chain(robot).map(Name::from).collect()
}

fn scripts(plan: &Plan) -> impl Iterator<Item = Script> {
    let streams = Streams::new(plan.seed);
    let core = plan.core().filter(|name| PEOPLE.contains(name));
    core.map(move |name| Script::of(streams, name))
}

fn position(epoch: u64, offset: u64) -> Position {
    Position { epoch, offset }
}

fn place(at: bowline_chat::log::Position) -> Position {
    position(at.epoch.0, at.offset.0)
}

fn id(msg_id: MsgId) -> Id {
    Id(u128::from_be_bytes(msg_id.0))
}
