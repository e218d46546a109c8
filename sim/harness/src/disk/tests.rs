//! What a disk keeps and what it forgets.

use std::collections::BTreeSet;

use super::*;
use crate::Streams;

fn content(disk: &Disk) -> Vec<u8> {
    let file = disk.open();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_power_loss_forgets_exactly_what_was_not_synced() {
    let disk = Disk::new();
    let file = disk.open();
    file.write_at(0, b"kept kept").unwrap();
    file.sync().unwrap();
    file.write_at(5, b"lost and longer").unwrap();
    file.set_len(3).unwrap();
    assert_eq!(content(&disk), b"kep", "software sees what it wrote");
    disk.power_loss(Unsynced::Lost, &mut Streams::new(1).disk());
    assert_eq!(content(&disk), b"kept kept");
    // What is left is durable: a second loss takes nothing more.
    disk.power_loss(Unsynced::Lost, &mut Streams::new(1).disk());
    assert_eq!(content(&disk), b"kept kept");
}

#[test]
fn an_empty_sync_still_makes_a_shorter_file_durable() {
    let disk = Disk::new();
    let file = disk.open();
    file.write_at(0, b"abcdef").unwrap();
    file.set_len(2).unwrap();
    file.sync().unwrap();
    disk.power_loss(Unsynced::Lost, &mut Streams::new(1).disk());
    assert_eq!(content(&disk), b"ab");
}

#[test]
fn reordered_writes_survive_each_by_itself_and_as_the_seed_says() {
    let survivors = |seed| {
        let disk = Disk::new();
        let file = disk.open();
        file.write_at(0, &[b'.'; 3]).unwrap();
        file.sync().unwrap();
        for n in 0..3 {
            file.write_at(n, b"x").unwrap();
        }
        disk.power_loss(Unsynced::Reordered, &mut Streams::new(seed).disk());
        content(&disk)
    };
    let seen: BTreeSet<_> = (0..100).map(survivors).collect();
    assert_eq!(seen.len(), 8, "every subset of three writes");
    assert!(
        seen.contains(b"..x".as_slice()),
        "a later one without the earlier"
    );
    assert!((0..100).all(|seed| survivors(seed) == survivors(seed)));
}

#[test]
fn a_fenced_handle_can_do_nothing_and_a_new_one_everything() {
    let disk = Disk::new();
    let old = disk.open();
    old.write_at(0, b"cached").unwrap();
    disk.fence();
    let new = disk.open();
    assert!(old.write_at(0, b"ghost!").is_err());
    assert!(old.set_len(0).is_err());
    assert!(old.sync().is_err());
    assert!(old.len().is_err());
    assert!(old.is_empty().is_err());
    assert!(old.read_at(0, &mut [0]).is_err());
    assert_eq!(
        content(&disk),
        b"cached",
        "the page cache outlives the process"
    );
    // The ghost's sync did nothing either.
    disk.power_loss(Unsynced::Lost, &mut Streams::new(1).disk());
    assert!(new.is_empty().unwrap());
    new.write_at(0, b"fresh").unwrap();
    assert_eq!(content(&disk), b"fresh");
}

#[test]
fn reading_past_the_end_is_an_error_and_a_gap_reads_as_zeros() {
    let file = Disk::new().open();
    file.write_at(2, b"c").unwrap();
    let mut bytes = [9; 3];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, b'c']);
    for (offset, len) in [(1, 3), (4, 0), (u64::MAX, 1)] {
        let error = file.read_at(offset, &mut vec![0; len]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
    let error = file.write_at(u64::MAX, b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
}

#[test]
fn a_full_disk_takes_nothing_that_makes_the_file_longer_and_everything_else() {
    let disk = Disk::new();
    let file = disk.open();
    file.write_at(0, b"abcd").unwrap();
    disk.fill();
    for refused in [
        file.write_at(4, b"e"),
        file.write_at(3, b"de"),
        file.set_len(5),
    ] {
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!(content(&disk), b"abcd", "not even in part");
    file.write_at(2, b"CD").unwrap();
    file.set_len(4).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&disk), b"abCD");
    file.set_len(3).unwrap();
    assert!(file.write_at(3, b"D").is_err(), "what was freed is gone");
    disk.make_room();
    file.write_at(3, b"de").unwrap();
    assert_eq!(content(&disk), b"abCde");
}

#[test]
fn a_full_disk_is_full_for_whoever_opens_it_next() {
    let disk = Disk::new();
    disk.open().write_at(0, b"a").unwrap();
    disk.fill();
    disk.fence();
    disk.power_loss(Unsynced::Lost, &mut Streams::new(1).disk());
    assert!(disk.open().write_at(0, b"a").is_err());
    disk.make_room();
    assert!(disk.open().write_at(0, b"a").is_ok());
}
