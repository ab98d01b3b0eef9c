//! What becomes of the files when a disk damages them: what was typed is there.

use std::fs;

use khaya_chat::store::{self, Op, OutboxEntry, Outgoing, StoreError, StoreKey, Work};

use crate::profile::*;

/// Damages `chat.db` so, in many ways by one seed, and sees that what was typed stays, and that the chats are
/// whole, or said to be damaged and begun anew.
fn damage_chats(seed: u64, mut damage: impl FnMut(&mut Vec<u8>, &mut dyn FnMut(usize) -> usize)) {
    let origin = scratch();
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(origin.path(), &key).unwrap().store, 400);
    let whole = fs::read(origin.path().join("chat.db")).unwrap();
    let typed = fs::read(origin.path().join("unsent.db")).unwrap();
    let mut state = seed;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    let mut set_aside = 0;
    for round in 0..25 {
        let folder = scratch();
        let mut bytes = whole.clone();
        damage(&mut bytes, &mut below);
        fs::write(folder.path().join("chat.db"), &bytes).unwrap();
        fs::write(folder.path().join("unsent.db"), &typed).unwrap();
        let mut opened = store::open(folder.path(), &key).unwrap();
        if opened.set_aside.is_empty() {
            let read = opened.store.run(Op::Load).and_then(|_| count(&mut opened.store));
            match read {
                Ok(count) => assert_eq!(
                    count, 400,
                    "seed {seed}, round {round}: some are missing, and nobody said so"
                ),
                Err(error) => {
                    assert_eq!(error, StoreError::Damaged, "seed {seed}, round {round}");
                    drop(opened);
                    opened = store::open(folder.path(), &key).unwrap();
                    assert!(!opened.set_aside.is_empty(), "seed {seed}, round {round}");
                }
            }
        }
        if let [aside] = &opened.set_aside[..] {
            set_aside += 1;
            assert!(fs::read(&aside.path).unwrap() == bytes, "it is kept as it was");
        }
        assert_typed_is_there(&mut opened.store);
    }
    assert!(set_aside > 0, "seed {seed}: nothing was ever noticed");
}

#[test]
fn bytes_that_flip_take_nothing_that_was_typed() {
    damage_chats(11, |bytes, below| {
        for _ in 0..=below(8) {
            let at = below(bytes.len());
            bytes[at] ^= u8::try_from(1 + below(255)).unwrap();
        }
        // Each time also where it is read first.
        if below(3) == 0 {
            let at = below(4096);
            bytes[at] ^= 1;
        }
    });
}

#[test]
fn a_file_that_is_cut_off_takes_nothing_that_was_typed() {
    damage_chats(12, |bytes, below| bytes.truncate(1 + below(bytes.len() - 1)));
}

#[test]
fn damage_that_shows_later_is_set_aside_at_the_next_start() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 2000);
    let path = folder.path().join("chat.db");
    let mut bytes = fs::read(&path).unwrap();
    // What the first pages tell of the tables stays whole; most of what is in them does not.
    let pages = bytes.len() / 4096;
    for page in pages / 2..pages {
        bytes[page * 4096 + 100] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let mut opened = store::open(folder.path(), &key).unwrap();
    assert!(opened.set_aside.is_empty());
    let read = opened.store.run(Op::Load).and_then(|_| count(&mut opened.store));
    assert_eq!(read, Err(StoreError::Damaged));
    drop(opened);
    let mut opened = store::open(folder.path(), &key).unwrap();
    assert_eq!(opened.set_aside.len(), 1);
    assert_typed_is_there(&mut opened.store);
    drop(opened);
    assert!(store::open(folder.path(), &key).unwrap().set_aside.is_empty());
}

#[test]
fn of_a_damaged_file_of_what_was_typed_the_rest_is_saved() {
    let origin = scratch();
    let key = StoreKey::generate().unwrap();
    {
        let mut store = store::open(origin.path(), &key).unwrap().store;
        fill(&mut store, 50);
        for number in 3..=40 {
            let work = Work::Message(Outgoing::of_text("long ".repeat(200)));
            run(
                &mut store,
                Op::Enqueue(OutboxEntry {
                    work,
                    ..entry(number)
                }),
            );
        }
    }
    let whole = fs::read(origin.path().join("unsent.db")).unwrap();
    let pages = whole.len() / 4096;
    let mut all_saved = Vec::new();
    for page in 0..pages {
        let folder = scratch();
        fs::copy(origin.path().join("chat.db"), folder.path().join("chat.db")).unwrap();
        let mut bytes = whole.clone();
        bytes[page * 4096 + 2000] ^= 1;
        fs::write(folder.path().join("unsent.db"), &bytes).unwrap();
        let mut opened = store::open(folder.path(), &key).unwrap();
        let [aside] = &opened.set_aside[..] else {
            panic!("page {page}: {:?}", opened.set_aside);
        };
        assert_eq!(
            aside.path,
            folder.path().join("unsent.damaged-1.db"),
            "page {page}"
        );
        assert_eq!(aside.failure().code, "unsent_damaged");
        assert!(fs::read(&aside.path).unwrap() == bytes, "it is kept as it was");
        let saved = sign_in(&mut opened.store).outbox.len();
        all_saved.push(saved);
        assert_eq!(count(&mut opened.store), Ok(50), "the chats are not concerned");
    }
    let with_most = all_saved.iter().filter(|saved| **saved > 20).count();
    assert!(3 * with_most > 2 * pages, "{all_saved:?}");
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = scratch();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = store::open(&file, &StoreKey::generate().unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    assert_eq!(error.failure().code, "store_failed");
}
