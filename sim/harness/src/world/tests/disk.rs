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
