//! A folder, a file or a disk that refuses: the person is told which it is, nothing is called damaged, and all is there
//! when it does so no more.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use khaya_chat::store::{self, Op, Store, StoreError, StoreKey};
use rusqlite::Connection;

use crate::profile::*;

/// The profile, in the process that is refused it.
const PROFILE: &str = "KHAYA_TEST_PROFILE";

/// Runs a test of this file once more, by this command, and with a profile.
fn again(test: &str, command: &mut Command, profile: &Path) {
    let status = command
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .env(PROFILE, profile)
        .status()
        .unwrap();
    assert!(status.success());
}

fn filled(folder: &Path) -> StoreKey {
    let key = StoreKey::generate().unwrap();
    fill(&mut store::open(folder, &key).unwrap().store, 20);
    key
}

fn open(folder: &Path, key: &StoreKey) -> Result<Store, StoreError> {
    let opened = store::open(folder, key)?;
    assert_eq!(opened.set_aside, [], "nothing is damaged");
    Ok(opened.store)
}

fn code(folder: &Path, key: &StoreKey) -> String {
    let error = open(folder, key).unwrap_err();
    assert!(error.may_pass(), "{error}");
    error.failure().code
}

fn assert_all_is_there(folder: &Path, key: &StoreKey) {
    let mut store = open(folder, key).unwrap();
    assert_typed_is_there(&mut store);
    assert_eq!(count(&mut store), Ok(20));
}

#[test]
#[ignore = "long: nobody is refused a file who is root, so it needs a name space in which nobody is"]
fn who_may_not_is_told_so() {
    const NAME: &str = "refused::who_may_not_is_told_so";
    let Some(profile) = env::var_os(PROFILE) else {
        let folder = scratch();
        return again(NAME, Command::new("unshare").arg("--user"), folder.path());
    };
    let folder = PathBuf::from(profile).join("profile");
    let key = filled(&folder);
    let file = |name: &str| folder.join(name);
    for (path, mode, usual) in [
        (folder.clone(), 0o000, 0o700),
        // Nothing can be written beside the files.
        (folder.clone(), 0o500, 0o700),
    ] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let code = code(&folder, &key);
        fs::set_permissions(&path, fs::Permissions::from_mode(usual)).unwrap();
        assert_eq!(code, "store_no_permission", "{} with {mode:o}", path.display());
        assert_all_is_there(&folder, &key);
    }
    // Of one's own files the permissions are mended.
    for name in ["chat.db", "unsent.db"] {
        fs::set_permissions(file(name), fs::Permissions::from_mode(0o400)).unwrap();
        let code = code(&folder, &key);
        assert_eq!(code, "store_no_permission", "{name}");
        fs::set_permissions(file(name), fs::Permissions::from_mode(0o600)).unwrap();
        assert_all_is_there(&folder, &key);
    }
}

#[test]
fn what_cannot_be_opened_is_told_and_comes_back() {
    let folder = scratch();
    let key = filled(folder.path());
    for name in ["chat.db-wal", "unsent.db-wal"] {
        let in_the_way = folder.path().join(name);
        fs::create_dir(&in_the_way).unwrap();
        assert_eq!(code(folder.path(), &key), "store_failed", "{name}");
        fs::remove_dir(&in_the_way).unwrap();
        assert_all_is_there(folder.path(), &key);
    }
}

#[test]
fn a_disk_that_fails_loses_nothing_that_was_kept() {
    const NAME: &str = "refused::a_disk_that_fails_loses_nothing_that_was_kept";
    const KEPT: &str = "kept";
    let key_of = |folder: &Path| {
        let text = fs::read_to_string(folder.join("key")).unwrap();
        StoreKey::from_text(&khaya_chat::intent::Secret::new(text)).unwrap()
    };
    let Some(profile) = env::var_os(PROFILE) else {
        let folder = scratch();
        let key = filled(&folder.path().join("profile"));
        fs::write(folder.path().join("key"), key.to_text().expose()).unwrap();
        // No file may grow further than this; whoever writes beyond gets an error of the device.
        let limited = "trap '' XFSZ; ulimit -S -f 600; exec \"$@\"";
        again(
            NAME,
            Command::new("sh").args(["-c", limited, "sh"]),
            folder.path(),
        );
        let kept: u8 = fs::read_to_string(folder.path().join(KEPT))
            .unwrap()
            .parse()
            .unwrap();
        let mut store = open(&folder.path().join("profile"), &key).unwrap();
        let there = sign_in(&mut store).outbox.len();
        assert_eq!(there, usize::from(kept));
        run(&mut store, Op::Enqueue(entry(200)));
        return;
    };
    let folder = PathBuf::from(profile);
    let mut store = open(&folder.join("profile"), &key_of(&folder)).unwrap();
    sign_in(&mut store);
    let (mut kept, mut refused) = (2, 0);
    for number in 3..=100 {
        match store.run(Op::Enqueue(entry(number))) {
            Ok(_) => kept += 1,
            Err(error) => {
                assert_eq!(error.failure().code, "store_failed", "{error:?}");
                refused += 1;
            }
        }
        assert_eq!(count(&mut store), Ok(20), "it can be read");
    }
    assert!(refused > 10, "{kept} of them fit");
    fs::write(folder.join(KEPT), kept.to_string()).unwrap();
}

#[test]
fn a_value_that_cannot_be_read_is_an_error_of_its_own_and_takes_nothing_with_it() {
    let folder = scratch();
    let key = filled(folder.path());
    let change = |from: &str, to: &str| {
        let small = Connection::open(folder.path().join("unsent.db")).unwrap();
        small
            .execute_batch(&format!("PRAGMA key = \"x'{}'\"", key.to_text().expose()))
            .unwrap();
        let sql = "UPDATE outbox SET work = replace(work, ?1, ?2)";
        assert!(small.execute(sql, [from, to]).unwrap() > 0);
    };
    change("\"message\"", "\"future\"");
    let error = open(folder.path(), &key).unwrap().run(Op::Load).unwrap_err();
    assert_eq!(error.failure().code, "store_error");
    assert!(!error.to_string().contains(WORDS[0]), "it quotes nothing");
    change("\"future\"", "\"message\"");
    assert_all_is_there(folder.path(), &key);
}
