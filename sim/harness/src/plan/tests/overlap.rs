//! Which faults may hold one target at the same time.

use super::*;

#[test]
fn only_faults_of_a_kind_on_one_target_overlap() {
    let crash = step(0, 100, "server", Fault::Crash);
    for (other, fine) in [
        (step(100, 20, "server", Fault::Crash), true),
        (step(50, 20, "server", Fault::Crash), false),
        (step(50, 20, "server", STALL), true),
        (step(50, 20, "clients", Fault::Crash), true),
    ] {
        assert_eq!(check(&[crash.clone(), other.clone()]).is_ok(), fine);
        assert_eq!(check(&[other, crash.clone()]).is_ok(), fine);
    }
    let inbound = Fault::Stall {
        direction: Direction::Inbound,
    };
    assert!(check(&[step(0, 50, "ann", STALL), step(10, 20, "ann", inbound)]).is_err());
    assert!(
        check(&[
            step(5, 0, "ann", Fault::Reset),
            step(5, 0, "ann", Fault::Reset)
        ])
        .is_err()
    );
    assert!(
        check(&[
            step(5, 0, "ann", Fault::Reset),
            step(6, 0, "ann", Fault::Reset)
        ])
        .is_ok()
    );
}

const CUT: Fault = Fault::HalfClose {
    direction: Direction::Outbound,
};
const TOLD: Fault = Fault::DnsAnswers {
    answers: Answers::Stale,
};
const FLAP: Fault = Fault::Flap {
    down_ms: 50,
    up_ms: 50,
};
const LATE: Fault = Fault::ClockJump {
    clock: Clock::Timers,
    by_ms: 500,
};
const SET: Fault = Fault::ClockJump {
    clock: Clock::Wall,
    by_ms: 500,
};
const SLOW: Fault = Fault::Bandwidth {
    direction: Direction::Both,
    bytes_per_s: 1_000,
};

#[test]
fn two_faults_that_mean_no_more_than_one_or_nothing_collide() {
    for (one, other) in [
        // Nothing gets through either way.
        (STALL, FLAP),
        (STALL, Fault::Freeze),
        (FLAP, Fault::Freeze),
        // A dead or stopped process has no timers, and a stopped one accepts nothing.
        (LATE, Fault::Crash),
        (LATE, Fault::PowerLoss),
        (LATE, Fault::Freeze),
        (Fault::Freeze, Fault::Crash),
        (Fault::Freeze, Fault::PowerLoss),
        (Fault::Crash, Fault::PowerLoss),
        (Fault::AcceptStall, Fault::Freeze),
        // A dead process's kernel refuses dials and has ended its streams.
        (Fault::Refuse, Fault::Crash),
        (CUT, Fault::Crash),
        // A dial has one answer.
        (Fault::Refuse, Fault::BlackHole),
    ] {
        assert!(one.collides_with(other), "{one} and {other}");
        assert!(other.collides_with(one), "{other} and {one}");
    }
}

#[test]
fn faults_that_show_beside_each_other_do_not_collide() {
    for (one, other) in [
        (STALL, SLOW),
        (STALL, LATE),
        (STALL, Fault::Crash),
        (STALL, Fault::Reset),
        (Fault::Freeze, SLOW),
        (Fault::Freeze, Fault::Reset),
        // The machine's clock and disk are still so when its process is back.
        (SET, Fault::Crash),
        (SET, Fault::PowerLoss),
        (SET, Fault::Freeze),
        (SET, LATE),
        // Whom the kernel has connected and nobody has accepted, dies with the process.
        (Fault::AcceptStall, Fault::Crash),
        (Fault::AcceptStall, Fault::PowerLoss),
        (Fault::DiskFull, Fault::Crash),
        (Fault::DiskFull, Fault::PowerLoss),
        (Fault::DiskFull, Fault::Freeze),
        // A firewall answers otherwise than a machine without power, or than a kernel.
        (Fault::Refuse, Fault::PowerLoss),
        (Fault::BlackHole, Fault::Crash),
        (CUT, Fault::PowerLoss),
        (CUT, Fault::Reset),
        (Fault::AcceptStall, Fault::Refuse),
        // A name is answered for by others than those who bear it.
        (TOLD, Fault::Crash),
        (TOLD, Fault::PowerLoss),
        (TOLD, STALL),
    ] {
        assert!(!one.collides_with(other), "{one} and {other}");
        assert!(!other.collides_with(one), "{other} and {one}");
    }
}

#[test]
fn every_fault_collides_with_its_like() {
    let mut rng = crate::Streams::new(1).plan();
    for kind in Kind::ALL {
        let (one, other) = (kind.draw(&mut rng), kind.draw(&mut rng));
        let clocks_differ = kind == Kind::ClockJump
            && matches!(
                (one, other),
                (
                    Fault::ClockJump { clock: one, .. },
                    Fault::ClockJump { clock: other, .. }
                ) if one != other
            );
        assert_eq!(
            one.collides_with(other),
            !clocks_differ,
            "{one} and {other}"
        );
    }
}

#[test]
fn what_is_never_lifted_overlaps_with_all_that_begins_later_and_nothing_that_ended() {
    let ever = step(1_000, 0, "server", Fault::Crash);
    for (other, fine) in [
        (step(9_000, 100, "server", Fault::Freeze), false),
        (step(10_000, 0, "server", LATE), false),
        (step(10_000, 0, "server", Fault::Freeze), false),
        (step(990, 11, "server", Fault::Freeze), false),
        (step(990, 10, "server", Fault::Freeze), true),
        (step(999, 0, "server", LATE), true),
        (step(9_000, 100, "clients", Fault::Freeze), true),
        (step(9_000, 100, "server", Fault::DiskFull), true),
    ] {
        let plan = [ever.clone(), other.clone()];
        assert_eq!(
            check(&plan).is_ok(),
            fine,
            "{} at {}",
            other.fault,
            other.at_ms
        );
        let turned = [other.clone(), ever.clone()];
        assert_eq!(
            check(&turned).is_ok(),
            fine,
            "{} at {}",
            other.fault,
            other.at_ms
        );
    }
}

#[test]
fn an_instant_within_what_lasts_overlaps_and_one_at_its_end_does_not() {
    let frozen = step(100, 50, "server", Fault::Freeze);
    for (at_ms, fine) in [(99, true), (100, false), (149, false), (150, true)] {
        let late = step(at_ms, 0, "server", LATE);
        assert_eq!(check(&[frozen.clone(), late]).is_ok(), fine, "at {at_ms}");
    }
}

#[test]
fn what_a_host_suffers_its_nodes_suffer_and_limits_add_up() {
    let hole = step(0, 100, "clients", Fault::BlackHole);
    for (other, fine) in [
        (step(50, 20, "ann", Fault::Refuse), false),
        (step(50, 20, "server", Fault::Refuse), true),
        (step(100, 20, "ann", Fault::Refuse), true),
        (step(50, 20, "ann", STALL), true),
    ] {
        assert_eq!(check(&[hole.clone(), other.clone()]).is_ok(), fine);
        assert_eq!(check(&[other, hole.clone()]).is_ok(), fine);
    }
    let stalls = [step(0, 100, "clients", STALL), step(50, 20, "ann", STALL)];
    assert!(check(&stalls).is_ok());
}
