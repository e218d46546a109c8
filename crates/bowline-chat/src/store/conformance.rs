//! What every store must do, run on each of them; and a model too simple to be wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{CryptoRng, SeedableRng};

use super::*;
use crate::log::Message;

pub(super) fn secrets(seed: u64) -> Box<dyn CryptoRng + Send> {
    Box::new(ChaCha8Rng::seed_from_u64(seed))
}

pub(super) fn retention(messages_per_room: u64, rooms_max: u32) -> Retention {
    Retention::new(messages_per_room, rooms_max).unwrap()
}

/// A draft of message number `n`, which says so in its id and its body.
pub(super) fn draft(room: &str, n: u64) -> Draft {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    Draft {
        room: room.into(),
        msg_id: MsgId(id),
        from: "ann".into(),
        guest: n.is_multiple_of(2),
        ts: 1_000 + n,
        body: format!("message {n}").into(),
    }
}

/// All that `store` has of `room`.
pub(super) fn contents(store: &dyn Store, room: &str) -> (Head, Vec<Message>) {
    let mut replay = store.replay(room, Offset(0)).unwrap();
    let messages = replay.next_page(usize::MAX).unwrap();
    assert_eq!(messages.len() as u64, replay.count());
    assert!(replay.next_page(1).unwrap().is_empty());
    (replay.head(), messages)
}

fn append_one(store: &mut dyn Store, draft: Draft) -> Result<Appended, Refused> {
    let outcomes = store.append(&[draft]).unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.into_iter().next().unwrap()
}

fn place(appended: Result<Appended, Refused>) -> (u64, u64, bool) {
    let Appended {
        offset,
        prev,
        duplicate,
        ..
    } = appended.unwrap();
    (offset.0, prev.0, duplicate)
}

fn offsets(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.offset.0).collect()
}

/// Holds `law` against an empty store of each kind.
fn on_each(retention: Retention, law: impl Fn(&mut dyn Store)) {
    law(&mut Memory::new(retention, secrets(1)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    law(&mut Redb::open(&path, retention, secrets(1)).unwrap());
}

// contract: chat-2
#[test]
fn offsets_are_dense_from_one_in_each_room_in_the_order_of_the_batch() {
    on_each(retention(9, 9), |store| {
        let batch = [
            draft("a", 1),
            draft("b", 2),
            draft("a", 3),
            draft("a", 4),
            draft("b", 5),
        ];
        let outcomes = store.append(&batch).unwrap();
        let places: Vec<_> = outcomes.into_iter().map(place).collect();
        assert_eq!(
            places,
            [
                (1, 0, false),
                (1, 0, false),
                (2, 1, false),
                (3, 2, false),
                (2, 1, false)
            ]
        );
        let (head, messages) = contents(store, "a");
        assert_eq!((head.first, head.last), (Offset(1), Offset(3)));
        let written = [&batch[0], &batch[2], &batch[3]];
        for (offset, (message, draft)) in (1..).zip(messages.iter().zip(written)) {
            assert_eq!(*message, draft.to_message(Offset(offset)));
            assert_eq!(message.prev, Offset(offset - 1));
        }
    });
}

// contract: chat-4
#[test]
fn a_repeated_id_gets_the_original_place_even_within_its_batch() {
    on_each(retention(9, 9), |store| {
        let batch = [draft("a", 1), draft("a", 2), draft("a", 1)];
        let outcomes = store.append(&batch).unwrap();
        assert_eq!(place(outcomes[2]), (1, 0, true));
        let repeated = append_one(store, draft("a", 2));
        assert_eq!(place(repeated), (2, 1, true));
        assert_eq!(repeated.unwrap().epoch, outcomes[0].unwrap().epoch);
        assert_eq!(
            place(append_one(store, draft("b", 2))),
            (1, 0, false),
            "an id names a message within its room only"
        );
        assert_eq!(offsets(&contents(store, "a").1), [1, 2]);
    });
}

// contract: chat-4
#[test]
fn trimming_takes_the_oldest_with_their_ids_and_no_others() {
    on_each(retention(3, 9), |store| {
        let batch: Vec<_> = (1..=4).map(|n| draft("a", n)).collect();
        store.append(&batch).unwrap();
        let (head, messages) = contents(store, "a");
        assert_eq!((head.first, head.last), (Offset(2), Offset(4)));
        assert_eq!(offsets(&messages), [2, 3, 4]);
        assert_eq!(
            messages[0].prev,
            Offset(1),
            "the true one, though it is gone"
        );
        assert_eq!(place(append_one(store, draft("a", 2))), (2, 1, true));
        assert_eq!(place(append_one(store, draft("a", 1))), (5, 4, false));
        assert_eq!(place(append_one(store, draft("a", 2))), (6, 5, false));
        assert_eq!(offsets(&contents(store, "a").1), [4, 5, 6]);
    });
}

// contract: chat-3
#[test]
fn a_replay_does_not_change_with_what_is_appended_and_trimmed_after_it() {
    on_each(retention(3, 9), |store| {
        store
            .append(&[draft("a", 1), draft("a", 2), draft("a", 3)])
            .unwrap();
        let mut replay = store.replay("a", Offset(1)).unwrap();
        let mut seen = replay.next_page(1).unwrap();
        for n in 4..=9 {
            store.append(&[draft("a", n)]).unwrap();
        }
        seen.extend(replay.next_page(usize::MAX).unwrap());
        assert_eq!(offsets(&seen), [2, 3]);
        assert_eq!((replay.count(), replay.head().last), (2, Offset(3)));
        assert!(replay.next_page(usize::MAX).unwrap().is_empty());
        assert_eq!(offsets(&contents(store, "a").1), [7, 8, 9]);
    });
}

#[test]
fn a_page_holds_what_fits_and_one_message_at_least() {
    on_each(retention(9, 9), |store| {
        let batch: Vec<_> = (1..=5).map(|n| draft("a", n)).collect();
        store.append(&batch).unwrap();
        let mut replay = store.replay("a", Offset(0)).unwrap();
        assert_eq!(offsets(&replay.next_page(0).unwrap()), [1]);
        // Each is 64 bytes, "ann" and "message n".
        assert_eq!(offsets(&replay.next_page(2 * 76).unwrap()), [2, 3]);
        assert_eq!(offsets(&replay.next_page(2 * 76 - 1).unwrap()), [4]);
        assert_eq!(offsets(&replay.next_page(1 << 20).unwrap()), [5]);
        assert!(replay.next_page(1 << 20).unwrap().is_empty());
    });
}

#[test]
fn a_replay_from_the_end_or_beyond_is_empty_and_from_a_trimmed_place_says_so() {
    on_each(retention(2, 9), |store| {
        let batch: Vec<_> = (1..=4).map(|n| draft("a", n)).collect();
        store.append(&batch).unwrap();
        for (after, count) in [(0, 2), (2, 2), (3, 1), (4, 0), (5, 0), (u64::MAX, 0)] {
            let mut replay = store.replay("a", Offset(after)).unwrap();
            assert_eq!(replay.count(), count, "after {after}");
            assert_eq!(replay.head().first, Offset(3));
            assert_eq!(replay.next_page(usize::MAX).unwrap().len() as u64, count);
        }
        assert!(matches!(
            store.replay("b", Offset(0)),
            Err(Error::NoSuchRoom { .. })
        ));
        store.open_room("b").unwrap().unwrap();
        assert_eq!(store.replay("b", Offset(0)).unwrap().count(), 0);
    });
}

#[test]
fn a_room_too_many_costs_its_own_draft_only() {
    on_each(retention(9, 2), |store| {
        let outcomes = store
            .append(&[draft("a", 1), draft("b", 2), draft("c", 3), draft("a", 4)])
            .unwrap();
        assert_eq!(outcomes[2], Err(Refused::RoomsFull { max: 2 }));
        assert_eq!(place(outcomes[3]), (2, 1, false));
        assert_eq!(
            store.open_room("c").unwrap(),
            Err(Refused::RoomsFull { max: 2 })
        );
        assert!(store.open_room("b").unwrap().is_ok());
    });
}

#[test]
fn an_absurdly_large_draft_costs_itself_only() {
    on_each(retention(9, 9), |store| {
        let mut large = draft("a", 1);
        large.body = Bytes::from(vec![0; DRAFT_BYTES_MAX]);
        let outcomes = store.append(&[large, draft("a", 2)]).unwrap();
        assert!(matches!(outcomes[0], Err(Refused::TooLarge { .. })));
        assert_eq!(place(outcomes[1]), (1, 0, false));
    });
}

#[test]
fn opening_a_room_again_changes_nothing() {
    on_each(retention(9, 9), |store| {
        let head = store.open_room("a").unwrap().unwrap();
        assert_eq!((head.first, head.last), (Offset(1), Offset(0)));
        assert_eq!(store.open_room("a").unwrap(), Ok(head));
        let appended = append_one(store, draft("a", 1)).unwrap();
        assert_eq!(appended.epoch, head.epoch);
        let opened = store.open_room("a").unwrap().unwrap();
        assert_eq!((opened.epoch, opened.last), (head.epoch, Offset(1)));
        let other = store.open_room("b").unwrap().unwrap();
        assert_ne!(other.epoch, head.epoch);
    });
}

// contract: chat-1, chat-4
#[test]
fn reopening_loses_no_message_no_id_and_no_epoch() {
    on_each(retention(9, 9), |store| {
        store.append(&[draft("a", 1), draft("a", 2)]).unwrap();
        let before = contents(store, "a");
        store.reopen().unwrap();
        assert_eq!(contents(store, "a"), before);
        assert_eq!(place(append_one(store, draft("a", 1))), (1, 0, true));
    });
}

// contract: chat-1, chat-4
#[test]
fn a_file_keeps_its_epochs_and_ids_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let open = |seed| {
        let path = folder.path().join("chat");
        Redb::open(&path, retention(9, 9), secrets(seed)).unwrap()
    };
    let mut store = open(1);
    assert!(store.durable());
    store.append(&[draft("a", 1), draft("a", 2)]).unwrap();
    let before = contents(&store, "a");
    drop(store);
    let mut store = open(2);
    assert_eq!(contents(&store, "a"), before);
    assert_eq!(place(append_one(&mut store, draft("a", 2))), (2, 1, true));
    assert_eq!(place(append_one(&mut store, draft("a", 3))), (3, 2, false));
}

// contract: chat-1
#[test]
fn memory_begins_a_new_epoch_for_it_has_lost_the_old_log() {
    let mut secrets = ChaCha8Rng::seed_from_u64(1);
    let mut epochs = BTreeMap::new();
    for _ in 0..2 {
        let fork = ChaCha8Rng::from_rng(&mut secrets);
        let mut store = Memory::new(retention(9, 9), Box::new(fork));
        assert!(!store.durable());
        epochs.insert(store.open_room("a").unwrap().unwrap().epoch, ());
    }
    assert_eq!(epochs.len(), 2);
}

/// What a store must hold, worked out in the dullest way.
#[derive(Debug, Clone)]
pub(super) struct Model {
    retention: Retention,
    rooms: BTreeMap<Arc<str>, (u64, Vec<Message>)>,
}

impl Model {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            rooms: BTreeMap::new(),
        }
    }

    pub(super) fn open_room(&mut self, name: &str) -> bool {
        let full = self.rooms.len() >= self.retention.rooms_max() as usize;
        if full && !self.rooms.contains_key(name) {
            return false;
        }
        self.rooms.entry(name.into()).or_default();
        true
    }

    /// The place of the draft and whether it was there before, unless it is refused.
    pub(super) fn append(&mut self, draft: &Draft) -> Option<(u64, bool)> {
        if !self.open_room(&draft.room) {
            return None;
        }
        let (last, log) = self.rooms.get_mut(&draft.room).unwrap();
        if let Some(original) = log.iter().find(|message| message.msg_id == draft.msg_id) {
            return Some((original.offset.0, true));
        }
        *last += 1;
        log.push(draft.to_message(Offset(*last)));
        let keep = usize::try_from(self.retention.messages_per_room()).unwrap();
        log.drain(..log.len().saturating_sub(keep));
        Some((*last, false))
    }

    /// Whether `store` holds exactly this.
    pub(super) fn is_held_by(&self, store: &dyn Store) -> bool {
        self.rooms.iter().all(|(name, (last, log))| {
            let Ok(mut replay) = store.replay(name, Offset(0)) else {
                return false;
            };
            replay.head().last.0 == *last && replay.next_page(usize::MAX).unwrap() == *log
        })
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<(u8, u8)>),
    OpenRoom(u8),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = prop::collection::vec((0..4_u8, 0..12_u8), 0..6);
    let step = prop_oneof![
        8 => batch.prop_map(Step::Append),
        1 => (0..4_u8).prop_map(Step::OpenRoom),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..20)
}

fn room(n: u8) -> String {
    format!("room {n}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // contract: chat-4
    #[test]
    fn every_store_does_what_the_model_does(steps in steps()) {
        on_each(retention(4, 3), |store| {
            let mut model = Model::new(retention(4, 3));
            for step in &steps {
                match step {
                    Step::Append(batch) => {
                        let batch: Vec<_> = batch
                            .iter()
                            .map(|&(to, n)| draft(&room(to), u64::from(n)))
                            .collect();
                        let expected: Vec<_> =
                            batch.iter().map(|draft| model.append(draft)).collect();
                        let outcomes: Vec<_> = store
                            .append(&batch)
                            .unwrap()
                            .into_iter()
                            .map(|outcome| outcome.ok().map(|it| (it.offset.0, it.duplicate)))
                            .collect();
                        assert_eq!(outcomes, expected);
                    }
                    Step::OpenRoom(n) => {
                        let opened = store.open_room(&room(*n)).unwrap().is_ok();
                        assert_eq!(opened, model.open_room(&room(*n)));
                    }
                    Step::Reopen => store.reopen().unwrap(),
                }
                assert!(model.is_held_by(store));
            }
        });
    }
}
