//! The file under failing disks, power losses and people's mistakes.

use std::error::Error as _;
use std::fs;
use std::io::ErrorKind;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use redb::TableDefinition;

use super::super::conformance::{Model, contents, draft, retention, secrets};
use super::*;
use disk::Disk;

mod disk;

fn on(disk: &Disk) -> Result<Redb, OpenError> {
    let disk = disk.clone();
    Redb::with_backend(move || Ok(disk.attach()), retention(5, 9), secrets(1))
}

fn at(path: &Path) -> Result<Redb, OpenError> {
    Redb::open(path, retention(5, 9), secrets(1))
}

fn drafts(numbers: impl IntoIterator<Item = u64>) -> Vec<Draft> {
    numbers.into_iter().map(|n| draft("a", n)).collect()
}

/// A store through what disks and people do to it, and what it must still hold.
struct Ordeal {
    disk: Disk,
    store: Redb,
    model: Model,
    luck: ChaCha8Rng,
    epochs: Vec<Head>,
}

impl Ordeal {
    /// Creates the store on a disk that may fail while that is going on.
    fn new(seed: u64) -> Self {
        let mut luck = ChaCha8Rng::seed_from_u64(seed);
        let disk = Disk::new(seed);
        disk.fail_after(luck.next_u32() % 40, ErrorKind::Other);
        // It fails once, so that the next opening finds what that left.
        let mut openings = (0..3).map(|_| {
            if luck.next_u32().is_multiple_of(2) {
                disk.lose_power();
            }
            on(&disk)
        });
        let mut store = openings
            .find_map(Result::ok)
            .expect("creation can be cut short, not prevented");
        disk.heal();
        let mut model = Model::new(retention(5, 9));
        let mut epochs = Vec::new();
        for room in ["a", "b"] {
            assert!(model.open_room(room));
            epochs.push(store.open_room(room).unwrap().unwrap());
        }
        Self {
            disk,
            store,
            model,
            luck,
            epochs,
        }
    }

    fn chance(&mut self, of: u32) -> bool {
        self.luck.next_u32().is_multiple_of(of)
    }

    fn round(&mut self) {
        let batch: Vec<_> = (0..1 + self.luck.next_u32() % 4)
            .map(|_| {
                let room = if self.chance(3) { "b" } else { "a" };
                draft(room, u64::from(self.luck.next_u32() % 40))
            })
            .collect();
        let mut after = self.model.clone();
        let expected: Vec<_> = batch.iter().map(|draft| after.append(draft)).collect();
        if self.chance(2) {
            let more = self.luck.next_u32() % 30;
            self.disk.fail_after(more, ErrorKind::Other);
        }
        match self.store.append(&batch) {
            Ok(outcomes) => {
                let outcomes: Vec<_> = outcomes
                    .into_iter()
                    .map(|it| it.ok().map(|it| (it.offset.0, it.duplicate)))
                    .collect();
                assert_eq!(outcomes, expected);
                self.model = after;
                if self.chance(4) {
                    self.lose_power();
                }
            }
            Err(_) => {
                assert!(matches!(self.store.append(&batch), Err(Error::Closed)));
                self.recover();
                if after.is_held_by(&self.store) {
                    self.model = after;
                }
            }
        }
        assert!(self.model.is_held_by(&self.store));
        for (room, head) in ["a", "b"].iter().zip(&self.epochs) {
            assert_eq!(contents(&self.store, room).0.epoch, head.epoch);
        }
    }

    fn recover(&mut self) {
        if self.chance(2) {
            return self.lose_power();
        }
        // The disk may fail again meanwhile, which changes nothing.
        if self.store.reopen().is_err() {
            self.disk.heal();
            self.store.reopen().unwrap();
        }
    }

    fn lose_power(&mut self) {
        self.disk.lose_power();
        self.disk.heal();
        self.store = on(&self.disk).unwrap();
    }
}

// contract: chat-1, chat-3, chat-4
#[test]
fn what_was_acknowledged_survives_failing_syncs_and_power_losses_and_nothing_is_half() {
    for seed in 0..60 {
        let mut ordeal = Ordeal::new(seed);
        for _ in 0..30 {
            ordeal.round();
        }
    }
}

// contract: chat-1
#[test]
fn what_a_reopened_store_shows_is_on_the_disk_whatever_a_failed_sync_left() {
    let mut landed = 0;
    for seed in 0..60 {
        let disk = Disk::new(seed);
        let mut store = on(&disk).unwrap();
        store.append(&drafts(1..=2)).unwrap();
        // Some number of writes comes before the sync: try them all.
        disk.fail_after(u32::try_from(seed).unwrap() % 20, ErrorKind::Other);
        let failed = store.append(&drafts(3..=4)).is_err();
        disk.heal();
        store.reopen().unwrap();
        let shown = contents(&store, "a");
        landed += u32::from(failed && shown.0.last == Offset(4));
        disk.lose_power();
        assert_eq!(contents(&on(&disk).unwrap(), "a"), shown, "seed {seed}");
    }
    assert!(landed > 0, "no failed sync left a transaction to be seen");
}

// contract: chat-1
#[test]
fn a_disk_that_lost_what_it_called_durable_costs_every_room_its_epoch() {
    let disk = Disk::new(1);
    let mut store = on(&disk).unwrap();
    store.append(&drafts([1])).unwrap();
    let old = contents(&store, "a");
    let image = disk.image();
    store.append(&drafts([2])).unwrap();
    disk.fail_after(0, ErrorKind::Other);
    store.append(&drafts([3])).unwrap_err();
    disk.restore(image);
    for more in 0.. {
        disk.fail_after(more, ErrorKind::Other);
        if store.reopen().is_ok() {
            break;
        }
    }
    disk.heal();
    let (head, messages) = contents(&store, "a");
    assert_eq!(messages, old.1);
    assert_ne!(head.epoch, old.0.epoch);
    store.reopen().unwrap();
    assert_eq!(contents(&store, "a").0.epoch, head.epoch, "once is enough");
}

#[test]
fn after_an_error_nothing_works_until_reopened_and_an_older_replay_never_ends_well() {
    let disk = Disk::new(1);
    let mut store = on(&disk).unwrap();
    store.append(&drafts(1..=3)).unwrap();
    let mut replay = store.replay("a", Offset(0)).unwrap();
    disk.fail_after(0, ErrorKind::StorageFull);
    let error = store.append(&drafts([4])).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert!(error.source().is_some());
    assert!(matches!(store.append(&[]), Err(Error::Closed)));
    assert!(matches!(store.open_room("a"), Err(Error::Closed)));
    assert!(matches!(store.replay("a", Offset(0)), Err(Error::Closed)));
    store.reopen().unwrap();
    let read = replay.next_page(usize::MAX);
    assert!(read.is_err() || read.unwrap().len() == 3);
    assert_eq!(contents(&store, "a").0.last, Offset(3));
}

#[test]
fn a_repeated_publish_costs_no_sync() {
    let disk = Disk::new(1);
    let mut store = on(&disk).unwrap();
    store.append(&drafts(1..=3)).unwrap();
    disk.fail_after(0, ErrorKind::Other);
    store.append(&drafts(1..=3)).unwrap();
    store.open_room("a").unwrap().unwrap();
}

#[test]
fn a_lowered_retention_holds_from_the_next_message_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    at(&path).unwrap().append(&drafts(1..=5)).unwrap();
    let mut store = Redb::open(&path, retention(2, 1), secrets(1)).unwrap();
    store.append(&drafts([6])).unwrap();
    let (head, messages) = contents(&store, "a");
    assert_eq!((head.first, messages.len()), (Offset(5), 2));
}

#[test]
fn a_store_in_use_is_refused_and_free_again_once_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let store = at(&path).unwrap();
    let error = at(&path).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    drop(store);
    drop(at(&path).unwrap());
}

#[test]
fn a_file_that_is_something_else_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letter");
    for letter in [
        "Dear Ann",
        &"Dear Ann, ".repeat(1000),
        "\0\0\0\0\0\0\0\0\0\0 Ann",
    ] {
        let mut letter = letter.as_bytes().to_vec();
        letter.resize(letter.len() + 400, b'.');
        fs::write(&path, &letter).unwrap();
        let error = at(&path).unwrap_err();
        assert!(matches!(error, OpenError::NotAStore { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), letter);
    }
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other");
    let other = Database::create(&path).unwrap();
    let write = other.begin_write().unwrap();
    write
        .open_table(TableDefinition::<u64, u64>::new("theirs"))
        .unwrap();
    write.commit().unwrap();
    drop(other);
    let error = at(&path).unwrap_err();
    assert!(matches!(error, OpenError::OtherProgram { .. }), "{error:?}");
}

#[test]
fn a_store_of_another_version_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    drop(at(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    write
        .open_table(tables::META)
        .unwrap()
        .insert(tables::SCHEMA, 9)
        .unwrap();
    write.commit().unwrap();
    drop(database);
    let error = at(&path).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::Version {
                found: 9,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn what_the_disk_answers_at_the_opening_is_told_apart() {
    let open = |kind: ErrorKind| {
        let factory = move || -> io::Result<disk::Handle> { Err(kind.into()) };
        Redb::with_backend(factory, retention(5, 9), secrets(1)).unwrap_err()
    };
    assert!(matches!(
        open(ErrorKind::PermissionDenied),
        OpenError::Permission { .. }
    ));
    assert!(matches!(open(ErrorKind::TimedOut), OpenError::Io { .. }));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        at(&folder.path().join("no such folder").join("chat")).unwrap_err(),
        OpenError::NoFolder { .. }
    ));
    let disk = Disk::new(1);
    disk.fail_after(0, ErrorKind::StorageFull);
    assert!(matches!(on(&disk).unwrap_err(), OpenError::DiskFull { .. }));
}

#[test]
fn a_damaged_file_is_said_to_be_damaged() {
    let disk = Disk::new(1);
    on(&disk).unwrap().append(&drafts(1..=5)).unwrap();
    let mut image = disk.image();
    image[64..320].fill(0xee);
    disk.restore(image);
    let error = on(&disk).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_new_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    drop(at(&path).unwrap());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
