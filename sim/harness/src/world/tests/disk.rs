//! Disks in a world: what survives a kill and what a power loss.

use super::*;

/// Writes when it is dropped, as a store that closes itself does.
struct Store {
    file: crate::disk::File,
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.file.write_at(0, b"GOODBYE!"));
        drop(self.file.sync());
    }
}

/// What software finds on its disk when it is started again after `fault`.
fn found_after(fault: Fault) -> Vec<u8> {
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(2)).host("a"),
        steps: vec![Step {
            at_ms: 1_000,
            for_ms: Some(500),
            target: "a".to_owned(),
            fault,
        }],
    };
    let mut world = World::new(plan, Settings::default());
    let (disk, found) = (world.disk("a"), Arc::new(Mutex::new(None)));
    let finds = Arc::clone(&found);
    world.host("a", move || {
        let (file, finds) = (disk.open(), Arc::clone(&finds));
        async move {
            if file.is_empty()? {
                let store = Store { file };
                store.file.write_at(0, b"synced..")?;
                store.file.sync()?;
                store.file.write_at(4, b"cached")?;
                return std::future::pending().await;
            }
            let mut bytes = vec![0; usize::try_from(file.len()?)?];
            file.read_at(0, &mut bytes)?;
            finds.lock().unwrap().replace(bytes);
            Ok(())
        }
    });
    world.run(|| found.lock().unwrap().is_some()).unwrap();
    found.lock().unwrap().take().unwrap()
}

#[test]
fn a_crash_keeps_what_was_written_and_the_dead_write_no_more() {
    assert_eq!(found_after(Fault::Crash), b"synccached");
}

#[test]
fn a_power_loss_keeps_what_was_synced_and_the_dead_write_no_more() {
    assert_eq!(found_after(Fault::PowerLoss), b"synced..");
}

/// Under these steps a program appends a byte every 100 ms; what became of each, when.
fn appended(steps: Vec<Step>) -> Vec<(Duration, Result<(), std::io::ErrorKind>)> {
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(4)).host("a"),
        steps,
    };
    let mut world = World::new(plan, Settings::default());
    let (disk, clock) = (world.disk("a"), world.wall_clock());
    let log = Arc::new(Mutex::new(Vec::new()));
    let (logs, now) = (Arc::clone(&log), clock.clone());
    world.host("a", move || {
        let (file, log, now) = (disk.open(), Arc::clone(&logs), now.clone());
        async move {
            loop {
                sleep(Duration::from_millis(100)).await;
                let appended = file.write_at(file.len()?, b"x");
                let synced = file.sync();
                assert!(synced.is_ok(), "a full disk can be synced");
                let outcome = appended.map_err(|error| error.kind());
                log.lock().unwrap().push((now.elapsed(), outcome));
            }
        }
    });
    let end = Duration::from_secs(4);
    world.run(|| clock.elapsed() >= end).unwrap();
    let log = log.lock().unwrap();
    log.clone()
}

fn full(at_ms: u64, for_ms: Option<u64>) -> Step {
    Step {
        at_ms,
        for_ms,
        target: "a".to_owned(),
        fault: Fault::DiskFull,
    }
}

#[test]
fn a_full_disk_refuses_a_write_and_takes_it_when_there_is_room_again() {
    let log = appended(vec![full(1_050, Some(1_000))]);
    assert!(log.len() > 35, "{log:?}");
    for (at, outcome) in log {
        let expected = if (1_050..2_050).contains(&at.as_millis()) {
            Err(std::io::ErrorKind::StorageFull)
        } else {
            Ok(())
        };
        assert_eq!(outcome, expected, "at {at:?}");
    }
}

#[test]
fn a_disk_that_got_full_while_nobody_ran_is_full_when_the_software_is_back() {
    let crash = Step {
        at_ms: 1_000,
        for_ms: Some(500),
        target: "a".to_owned(),
        fault: Fault::Crash,
    };
    let log = appended(vec![crash, full(1_200, Some(1_000))]);
    let refused: Vec<_> = log.iter().filter(|(_, outcome)| outcome.is_err()).collect();
    let (first, last) = (refused[0].0, refused[refused.len() - 1].0);
    assert!(first < Duration::from_millis(1_650), "{first:?}");
    assert!(Duration::from_millis(2_050) < last && last < Duration::from_millis(2_200));
}

#[test]
fn a_disk_that_is_never_emptied_stays_full() {
    let log = appended(vec![full(1_050, None)]);
    let refused = log.iter().filter(|(_, outcome)| outcome.is_err()).count();
    assert!(refused >= 28, "{log:?}");
    assert!(log[log.len() - 1].1.is_err());
}

#[test]
fn a_host_without_a_disk_cannot_have_it_full() {
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(4)).host("a"),
        steps: vec![
            Step {
                at_ms: 1,
                for_ms: None,
                target: "a".to_owned(),
                fault: Fault::Reset,
            },
            full(1, None),
        ],
    };
    let mut world = World::new(plan, Settings::default());
    world.host("a", || async { Ok(()) });
    let refused = world.run(|| true).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "step 1: host \"a\" has no disk to be full"
    );
}
