//! Contradictions are refused with both values, and defaults fit small pools.

use std::time::Duration;

use super::*;

fn settings(max: usize) -> Result<Settings, InvalidSettings> {
    Settings::new(max, 1)
}

const S: fn(u64) -> Duration = Duration::from_secs;

#[test]
fn a_refused_limit_is_named_with_its_bounds() {
    let told = |refused: Result<Settings, InvalidSettings>| refused.unwrap_err().to_string();
    assert_eq!(told(settings(0)), "max 0 is not within 1 and 65536");
    assert_eq!(
        told(settings(65_537)),
        "max 65537 is not within 1 and 65536"
    );
    assert_eq!(
        told(settings(3).unwrap().max_connecting(4)),
        "max_connecting 4 is not within 1 and 3"
    );
    assert_eq!(
        told(settings(3).unwrap().wait(Duration::ZERO)),
        "wait 0ns is not above 0 and within 31536000s"
    );
    let three = || settings(3).unwrap();
    for refused in [
        three().connect_limit(Duration::ZERO),
        three().max_waiters(0),
        three().max_checking(0),
        three().warm_up(Duration::ZERO),
        three().sweep_every(TIME_MAX * 2),
        three().bypass_window(Duration::ZERO),
        three().leak_after(Duration::ZERO),
        three().leap_limit(Duration::ZERO),
        three().move_gap(Duration::ZERO),
        three().fail_fast_after(TIME_MAX * 2),
    ] {
        told(refused);
    }
}

#[test]
fn contradictions_are_refused_with_both_values() {
    let told = |refused: Result<Settings, InvalidSettings>| refused.unwrap_err().to_string();
    let three = || settings(3).unwrap();
    assert_eq!(told(three().min(4)), "min 4 is over max 3");
    assert_eq!(told(three().ceiling(2)), "max 3 is over ceiling 2");
    assert_eq!(
        told(three().ping_every(S(1))),
        "check_limit 2s is over ping_every 1s"
    );
    assert_eq!(
        told(three().check_limit(S(21))),
        "check_limit 21s is over ping_every 20s"
    );
    let shrunk = three().min(2).unwrap().resized(1);
    assert_eq!(told(shrunk), "min 2 is over max 1");
    let grown = three().ceiling(5).unwrap().resized(6);
    assert_eq!(told(grown), "max 6 is not within 1 and 5");
}

#[test]
fn dials_never_outnumber_the_connections() {
    assert_eq!(settings(1).unwrap().max_connecting, 1);
    assert_eq!(settings(65_536).unwrap().max_connecting, 4);
    let shrunk = settings(8).unwrap().resized(2).unwrap();
    assert_eq!(shrunk.resized(8).unwrap().max_connecting, 4);
}
