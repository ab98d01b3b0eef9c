//! A disk that is full, at whatever point of the work: what was said to be kept is kept, nothing is called damaged, and
//! all goes on when there is room.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use khaya_chat::{
    files::Outgoing,
    store::{self, Missed, Op, Store, StoreError, StoreKey, Told},
};
use khaya_wire::{Timestamp, event::MessageEvent};

use crate::profile::*;

/// Where the small disk is, in the process that has it.
const DISK: &str = "KHAYA_TEST_DISK";

const NAME: &str = "full::nothing_is_lost_on_a_full_disk";

#[test]
#[ignore = "long: mounts a file system of its own, for which a process needs a name space of its own"]
fn nothing_is_lost_on_a_full_disk() {
    if let Some(disk) = env::var_os(DISK) {
        return fill_the_disk(Path::new(&disk));
    }
    let folder = scratch();
    let test = env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=4m none \"$1\" && exec \"$2\" --exact \"$3\" --ignored --nocapture")
        .arg("sh")
        .args([folder.path(), &test, Path::new(NAME)])
        .env(DISK, folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}

fn fill_the_disk(disk: &Path) {
    let mut refused = 0;
    for kib in (0..400).step_by(7) {
        let folder = disk.join("profile");
        refused += fill_it_but(kib, disk, &folder);
        fs::remove_dir_all(&folder).unwrap();
    }
    assert!(refused > 50, "there was room for almost all: {refused} refused");
}

/// Works on a disk with so much room, until there is room again. Answers how often there was too little.
fn fill_it_but(kib: usize, disk: &Path, folder: &Path) -> usize {
    let key = StoreKey::generate().unwrap();
    let outgoing = Outgoing::of_profile(folder);
    outgoing.unlock(key.for_files());
    let source = disk.join("source");
    fs::write(&source, [7; 30_000]).unwrap();
    let mut store = open(folder, &key).unwrap();
    fill(&mut store, 20);
    run(&mut store, sync(Vec::new()));
    let filler = fill_up(disk, kib);
    let (mut kept, mut staged, mut messages, mut refused) = (vec![1, 2], Vec::new(), 20, 0);
    for round in 3..=20 {
        match store.run(Op::Enqueue(entry(round))) {
            Ok(_) => kept.push(round),
            Err(error) => refused += is_full(error),
        }
        match store.run(missed(messages + 1)) {
            Ok(_) => messages += 10,
            Err(error) => refused += is_full(error),
        }
        let copy = outgoing.stage(&source, "a".to_owned(), "text/plain".to_owned());
        match block_on(copy) {
            Ok(file) => staged.push(file),
            Err(error) => refused += is_full(StoreError::from(&error)),
        }
        assert_eq!(
            count(&mut store),
            Ok(usize::try_from(messages).unwrap()),
            "it can be read"
        );
        if round % 6 == 0 {
            drop(store);
            store = loop {
                match open(folder, &key) {
                    Ok(store) => break store,
                    // Not even the index of the log has room.
                    Err(error) => {
                        refused += is_full(error);
                        fs::remove_file(&filler).ok();
                    }
                }
            };
            sign_in(&mut store);
        }
    }
    assert_eq!(
        names(&folder.join("outgoing")).len(),
        staged.len(),
        "no half of a copy stays"
    );
    fs::remove_file(&filler).ok();
    for file in &staged {
        assert_eq!(block_on(outgoing.read(&file.id, 100_000)).unwrap().len(), 30_000);
    }
    run(&mut store, Op::Enqueue(entry(21)));
    run(&mut store, missed(messages + 1));
    kept.push(21);
    drop(store);
    let mut store = open(folder, &key).unwrap();
    let outbox = sign_in(&mut store).outbox;
    let there: Vec<_> = outbox.iter().map(|entry| entry.client_id.clone()).collect();
    let expected: Vec<_> = kept.iter().map(|number| entry(*number).client_id).collect();
    assert_eq!(there, expected, "with {kib} KiB");
    assert_eq!(count(&mut store), Ok(usize::try_from(messages).unwrap() + 10));
    refused
}

fn open(folder: &Path, key: &StoreKey) -> Result<Store, StoreError> {
    let opened = store::open(folder, key)?;
    assert_eq!(opened.set_aside, [], "a full disk damages nothing");
    Ok(opened.store)
}

fn is_full(error: StoreError) -> usize {
    assert_eq!(error, StoreError::DiskFull);
    assert_eq!(error.failure().code, "disk_full");
    1
}

fn missed(from: i64) -> Op {
    let events = (from..from + 10).map(|number| {
        Told::New(MessageEvent {
            chat_id: chat_id(),
            message: message(number),
            number: None,
        })
    });
    sync(events.collect())
}

fn sync(events: Vec<Told>) -> Op {
    Op::PutSync(Missed {
        events,
        cursor: "cursor".to_owned(),
        linked: vec![chat_id()],
        at: Timestamp::from_millis(0),
    })
}

/// Leaves so much room.
fn fill_up(disk: &Path, kib: usize) -> PathBuf {
    let path = disk.join("filler");
    let mut file = File::create(&path).unwrap();
    let mut size = 0;
    while file.write_all(&[0; 1024]).is_ok() {
        size += 1024;
    }
    file.set_len(size - (kib as u64 * 1024).min(size)).unwrap();
    path
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}
