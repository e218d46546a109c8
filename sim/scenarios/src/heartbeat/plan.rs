//! What goes wrong: in even seeds bytes stop for too long, in odd ones never; in all of them
//! names are answered for wrongly.

use bowline_sim::{Answers, Clock, Direction, Fault, Plan, Step, Streams, Topology};
use rand_core::Rng;
use rand_pcg::Pcg64;

use super::user::Temper;
use super::{CLIENTS, SERVER, TROUBLE};

/// Longer than any of the heartbeats bears, in milliseconds.
const STALL_MS: (u64, u64) = (6_500, 9_000);

/// How far timers leap, in milliseconds: longer than a timeout and a tick. The network stands
/// still meanwhile, so that a shorter leap is as if an answer had taken so much longer.
const LEAP_MS: (u64, u64) = (800, 20_000);

/// Of a flooded link, so that its buffers are full and are emptied within a timeout, in bytes
/// per second.
const FLOODED: u64 = 700_000;

/// Of a slow one.
const SLOW: u64 = 3_000;

/// Draws the plan of a seed.
pub(super) fn draw(seed: u64, topology: &Topology) -> Plan {
    let mut plan = Plan::calm(seed, topology.clone());
    let mut chance = Streams::new(seed).plan();
    for client in &CLIENTS {
        if client.temper == Temper::Floods {
            plan.steps.push(throughout(
                client.name,
                Fault::Bandwidth {
                    direction: Direction::Outbound,
                    bytes_per_s: FLOODED,
                },
            ));
        }
    }
    if seed.is_multiple_of(2) {
        deadly(&mut plan, &mut chance);
    } else {
        harmless(&mut plan, &mut chance);
    }
    lies(&mut plan, &mut chance);
    plan
}

/// Questions for the server are answered in all the wrong ways, one after the other.
fn lies(plan: &mut Plan, chance: &mut Pcg64) {
    let mut at_ms = 0;
    loop {
        at_ms += between(chance, 100, 5_000);
        let for_ms = between(chance, 100, 4_000);
        if at_ms + for_ms >= trouble_ms() {
            return;
        }
        let answers = match chance.next_u64() % 7 {
            0 => Answers::Several {
                strangers: u8::try_from(between(chance, 1, 40)).expect("at most 40"),
            },
            1 => Answers::None,
            2 => Answers::Slow {
                ms: between(chance, 20, 3_000),
            },
            3 => Answers::Stale,
            4 => Answers::NoSuchName,
            5 => Answers::Failure,
            _ => Answers::Silence,
        };
        plan.steps.push(Step {
            at_ms,
            for_ms: Some(for_ms),
            target: SERVER.to_owned(),
            fault: Fault::DnsAnswers { answers },
        });
        at_ms += for_ms;
    }
}

/// Each client's bytes stop once or twice, over slow links and fast ones.
fn deadly(plan: &mut Plan, chance: &mut Pcg64) {
    for client in &CLIENTS {
        if client.temper == Temper::Asks && chance.next_u64().is_multiple_of(2) {
            let bandwidth = Fault::Bandwidth {
                direction: Direction::Both,
                bytes_per_s: SLOW,
            };
            plan.steps.push(throughout(client.name, bandwidth));
            let latency = Fault::Latency {
                direction: Direction::Both,
                ms: between(chance, 50, 150),
                jitter_ms: between(chance, 1, 50),
            };
            plan.steps.push(throughout(client.name, latency));
        }
        let direction = match chance.next_u64() % 3 {
            0 => Direction::Inbound,
            _ => Direction::Both,
        };
        let mut at_ms = between(chance, 500, 12_000);
        for _ in 0..2 {
            let for_ms = between(chance, STALL_MS.0, STALL_MS.1);
            plan.steps.push(Step {
                at_ms,
                for_ms: Some(for_ms),
                target: client.name.to_owned(),
                fault: Fault::Stall { direction },
            });
            at_ms += for_ms + between(chance, 100, 8_000);
            if at_ms + STALL_MS.1 > trouble_ms() {
                break;
            }
        }
    }
}

/// Answers are late but not too late; the clients freeze and go on, and their clocks leap.
fn harmless(plan: &mut Plan, chance: &mut Pcg64) {
    for client in &CLIENTS {
        // A flooded link's probe waits for the buffers before it as well.
        let most = match client.temper {
            Temper::Floods => 40,
            Temper::Asks | Temper::Pauses | Temper::Listens => 200,
        };
        let latency = Fault::Latency {
            direction: Direction::Both,
            ms: between(chance, 1, most),
            jitter_ms: between(chance, 1, most / 4),
        };
        plan.steps.push(throughout(client.name, latency));
    }
    let clients = plan.topology.host_of(CLIENTS[0].name);
    let clients = clients.expect("clients live on a host").to_owned();
    let mut at_ms = 500;
    loop {
        at_ms += between(chance, 500, 6_000);
        let (fault, for_ms) = match chance.next_u64() % 3 {
            0 => (Fault::Freeze, Some(between(chance, 100, 6_000))),
            1 => (
                jump(Clock::Timers, between(chance, LEAP_MS.0, LEAP_MS.1)),
                None,
            ),
            _ => (jump(Clock::Wall, between(chance, 50, 3_600_000)), None),
        };
        let ends_at = at_ms + for_ms.unwrap_or(0);
        if ends_at >= trouble_ms() {
            return;
        }
        plan.steps.push(Step {
            at_ms,
            for_ms,
            target: clients.clone(),
            fault,
        });
        at_ms = ends_at;
    }
}

fn jump(clock: Clock, by_ms: u64) -> Fault {
    Fault::ClockJump { clock, by_ms }
}

fn throughout(target: &str, fault: Fault) -> Step {
    debug_assert_ne!(
        target, SERVER,
        "the server is well: what is silent are links"
    );
    Step {
        at_ms: 0,
        for_ms: Some(trouble_ms()),
        target: target.to_owned(),
        fault,
    }
}

fn trouble_ms() -> u64 {
    u64::try_from(TROUBLE.as_millis()).unwrap_or(u64::MAX)
}

fn between(chance: &mut Pcg64, least: u64, most: u64) -> u64 {
    least + chance.next_u64() % (most - least + 1)
}
