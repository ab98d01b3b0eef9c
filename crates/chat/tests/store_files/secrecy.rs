//! What the files tell, to whom, and what becomes of those of another key or another version.

use std::fs;

use khaya_chat::{
    intent::Secret,
    store::{self, Answer, KeyFile, Op, StoreError, StoreKey, There},
};
use rusqlite::Connection;

use crate::profile::*;

#[test]
fn the_files_hold_no_readable_text() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    let mut store = store::open(folder.path(), &key).unwrap().store;
    fill(&mut store, 500);
    let during = names(folder.path());
    for file in ["chat.db", "chat.db-wal", "unsent.db", "unsent.db-wal"] {
        assert!(during.contains(file), "{during:?}");
    }
    assert_eq!(readable(folder.path()), None);
    drop(store);
    assert_eq!(readable(folder.path()), None);
    // The search itself finds what is to be found.
    fs::write(
        folder.path().join("control"),
        "x会議資料"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .unwrap();
    assert_eq!(
        readable(folder.path()),
        Some((folder.path().join("control"), WORDS[2]))
    );
}

#[cfg(unix)]
#[test]
fn only_their_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    KeyFile::new(&key, true).write(folder.path()).unwrap();
    let mut store = store::open(folder.path(), &key).unwrap().store;
    fill(&mut store, 10);
    for file in files(folder.path()) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn without_the_key_nothing_opens_and_nothing_is_lost() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    KeyFile::new(&key, true).write(folder.path()).unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 20);
    let before: Vec<_> = files(folder.path())
        .iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    assert_eq!(store::look(folder.path()), Ok(There::Encrypted));
    let other = StoreKey::generate().unwrap();
    let error = store::open(folder.path(), &other).unwrap_err();
    assert_eq!(error, StoreError::WrongKey);
    assert_eq!(error.failure().code, "store_locked");
    for name in ["chat.db", "unsent.db"] {
        let plain = Connection::open(folder.path().join(name)).unwrap();
        let read = plain.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        });
        assert_eq!(
            read.unwrap_err().sqlite_error_code(),
            Some(rusqlite::ErrorCode::NotADatabase)
        );
    }
    let after: Vec<_> = files(folder.path())
        .iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    assert!(before == after, "nothing was touched");
    let mut store = store::open(folder.path(), &key).unwrap().store;
    assert_typed_is_there(&mut store);
    assert_eq!(count(&mut store), Ok(20));
}

#[test]
fn a_store_of_before_encryption_is_encrypted_and_complete() {
    let folder = scratch();
    write_plain(folder.path());
    assert!(readable(folder.path()).is_some());
    assert_eq!(store::look(folder.path()), Ok(There::Plain));
    let key = StoreKey::generate().unwrap();
    let opened = store::open(folder.path(), &key).unwrap();
    assert!(opened.set_aside.is_empty());
    let mut store = opened.store;
    let profile = match run(&mut store, Op::Load) {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    };
    assert!(profile.has_synced);
    assert_eq!(profile.chats[0].unread, 3);
    assert_typed_is_there(&mut store);
    assert_eq!(count(&mut store), Ok(300));
    drop(store);
    assert_eq!(readable(folder.path()), None, "{:?}", names(folder.path()));
    // The copy of before the tables changed can be read with the key.
    let copy = Connection::open(folder.path().join("chat.before-2.db")).unwrap();
    copy.execute_batch(&format!("PRAGMA key = \"x'{}'\"", key.to_text().expose()))
        .unwrap();
    let count: i64 = copy
        .query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 2);
    let mut store = store::open(folder.path(), &key).unwrap().store;
    assert_typed_is_there(&mut store);
}

#[test]
fn counts_of_before_they_had_a_table_of_their_own_are_kept() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    write_version_5(folder.path(), &key);
    let mut store = store::open(folder.path(), &key).unwrap().store;
    let profile = match run(&mut store, Op::Load) {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    };
    let [chat] = &profile.chats[..] else {
        panic!("{:?}", profile.chats);
    };
    let place = |number: i64| {
        let message = message(number);
        (message.created_at, message.id)
    };
    assert_eq!(chat.unread, 3);
    assert_eq!(chat.marker, Some(place(6)));
    assert!(chat.marker_is_confirmed);
    assert_eq!(chat.mentioned, Some(place(8)));
    assert_eq!(chat.reads.len(), 1);
    assert_eq!(count(&mut store), Ok(9));
    // What others have read of messages that were not there is placed when they come.
    let put = match run(&mut store, put_message(10)) {
        Answer::Put(put) => put,
        other => panic!("{other:?}"),
    };
    assert_eq!(put.unread, 4);
    let reads = put.reads.unwrap().others;
    assert_eq!(reads[0].at, Some(message(10).created_at));
    assert!(names(folder.path()).contains("chat.before-5.db"));
    drop(store);
    assert_eq!(
        store::open(folder.path(), &key).unwrap().set_aside.len(),
        0,
        "it is what it is said to be"
    );
}

#[test]
fn an_encryption_that_was_cut_short_begins_again() {
    let folder = scratch();
    write_plain(folder.path());
    fs::write(folder.path().join("chat.encrypting"), b"half of it").unwrap();
    let key = StoreKey::generate().unwrap();
    let mut store = store::open(folder.path(), &key).unwrap().store;
    assert_typed_is_there(&mut store);
    assert_eq!(count(&mut store), Ok(300));
    assert!(!names(folder.path()).contains("chat.encrypting"));
}

#[test]
fn a_file_of_a_later_version_is_set_aside() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 20);
    let later = Connection::open(folder.path().join("chat.db")).unwrap();
    later
        .execute_batch(&format!(
            "PRAGMA key = \"x'{}'\"; PRAGMA user_version = 1000",
            key.to_text().expose()
        ))
        .unwrap();
    drop(later);
    let mut opened = store::open(folder.path(), &key).unwrap();
    let [aside] = &opened.set_aside[..] else {
        panic!("{:?}", opened.set_aside);
    };
    assert_eq!(aside.path, folder.path().join("chat.newer-1.db"));
    assert_eq!(aside.failure().code, "store_too_new", "it is not damaged");
    assert_typed_is_there(&mut opened.store);
}

#[test]
fn what_was_typed_by_a_later_version_is_set_aside_and_said_to_be() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 20);
    let later = Connection::open(folder.path().join("unsent.db")).unwrap();
    later
        .execute_batch(&format!(
            "PRAGMA key = \"x'{}'\"; PRAGMA user_version = 1000",
            key.to_text().expose()
        ))
        .unwrap();
    drop(later);
    let mut opened = store::open(folder.path(), &key).unwrap();
    let [aside] = &opened.set_aside[..] else {
        panic!("{:?}", opened.set_aside);
    };
    assert_eq!(aside.path, folder.path().join("unsent.newer-1.db"));
    assert_eq!(aside.failure().code, "unsent_too_new");
    assert_eq!(
        opened.store.staged_files(),
        Ok(None),
        "it may name copies of files"
    );
    sign_in(&mut opened.store);
    assert_eq!(count(&mut opened.store), Ok(20), "the chats are not concerned");
}

#[test]
fn another_key_is_told_apart_from_damage_though_nothing_says_which_key_it_was() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 20);
    let other = StoreKey::generate().unwrap();
    assert_eq!(store::fits(folder.path(), &other), Ok(false));
    assert_eq!(
        store::open(folder.path(), &other).unwrap_err(),
        StoreError::WrongKey,
        "neither is damaged"
    );
    // With one of the two damaged where it is read first, the other one tells.
    let path = folder.path().join("chat.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(store::fits(folder.path(), &key), Ok(true));
    let mut opened = store::open(folder.path(), &key).unwrap();
    assert_eq!(opened.set_aside[0].failure().code, "store_damaged");
    assert_typed_is_there(&mut opened.store);
}

#[test]
fn a_file_that_is_none_is_set_aside_and_kept() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    KeyFile::new(&key, true).write(folder.path()).unwrap();
    let noise = b"this is no database, and it is long enough to be none".repeat(200);
    for number in 1..=2 {
        fs::write(folder.path().join("chat.db"), &noise).unwrap();
        let opened = store::open(folder.path(), &key).unwrap();
        let aside = folder.path().join(format!("chat.damaged-{number}.db"));
        let paths: Vec<_> = opened.set_aside.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(paths, [aside.as_path()]);
        assert!(fs::read(aside).unwrap() == noise);
    }
}

#[test]
fn a_locked_store_goes_aside_with_its_sealed_key() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    let passphrase = Secret::new("correct horse");
    let mut file = KeyFile::new(&key, true);
    file.set_passphrase(&key, Some(&passphrase)).unwrap();
    file.write(folder.path()).unwrap();
    fill(&mut store::open(folder.path(), &key).unwrap().store, 5);
    let aside = store::set_aside_locked(folder.path()).unwrap();
    assert_eq!(aside.len(), 2);
    let kept = fs::read(folder.path().join("chat.locked-1.key.json")).unwrap();
    let kept: KeyFile = serde_json::from_slice(&kept).unwrap();
    assert_eq!(kept.recover(&passphrase), Ok(key));
}
