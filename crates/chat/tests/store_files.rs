//! The store's files: that they tell nothing without the key, and what becomes of them when the key is another, a
//! disk damages them, or a version of before wrote them.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use khaya_chat::{
    intent::Secret,
    store::{
        self, Answer, ChatFacts, KeyFile, Op, OutboxEntry, Outgoing, Place, Profile, SignedIn, Store,
        StoreError, StoreKey, There, Work,
    },
    view::Failure,
};
use khaya_wire::{Chat, ChatId, ChatKind, ClientId, Message, MessageId, Timestamp, User, UserId};
use rusqlite::Connection;

/// Words that stand in everything that is written.
const WORDS: [&str; 4] = ["Regenschirm", "Straßenbahn", "会議資料", "halfathought"];

/// A folder on a disk that does not wait, where there is one: hundreds of stores are made here, and how safely they
/// are written is not what is looked at.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn user() -> User {
    User {
        id: UserId::new("me").unwrap(),
        username: "me-name".into(),
        name: "Me".into(),
        role: "member".into(),
        avatar_file_id: None,
        presence: None,
    }
}

fn chat_id() -> ChatId {
    ChatId::new("chat").unwrap()
}

fn message(number: i64) -> Message {
    Message {
        id: MessageId::new(format!("m{number:05}")).unwrap(),
        chat_id: chat_id(),
        sender_id: UserId::new("you").unwrap(),
        content: format!("{number} {} {} {}", WORDS[0], WORDS[1], WORDS[2]).into(),
        created_at: Timestamp::from_millis(number * 1000),
        client_id: None,
        edited_at: None,
        deleted_at: None,
        reply_to: None,
        visible_to: None,
        visible_to_roles: None,
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    }
}

fn entry(number: u8) -> OutboxEntry {
    OutboxEntry {
        client_id: ClientId::new(format!("client-{number}")).unwrap(),
        chat: chat_id(),
        work: Work::Message(Outgoing::of_text(format!("unsent {number} {}", WORDS[0]))),
        at: Timestamp::from_millis(7),
        after: None,
        parked: None,
    }
}

fn run(store: &mut Store, op: Op) -> Answer {
    store.run(op).unwrap()
}

fn sign_in(store: &mut Store) -> Profile {
    let session = SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: user(),
    };
    match run(store, Op::SignIn(Box::new(session))) {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    }
}

fn put_chat(store: &mut Store) {
    let facts = ChatFacts {
        chat: Chat {
            id: chat_id(),
            kind: ChatKind::Group,
            name: WORDS[1].into(),
            topic: None,
            members: vec![user()],
            last_message: None,
            unread_count: 0,
            updated_at: Timestamp::from_millis(0),
            my_role: None,
            muted: None,
            pinned: None,
            reads: None,
            seq: None,
        },
        counts: true,
        is_overtaken: false,
    };
    run(
        store,
        Op::PutChats {
            chats: vec![facts],
            all: Some([chat_id()].into()),
        },
    );
}

/// Fills a store: messages, two unsent ones and a draft.
fn fill(store: &mut Store, count: i64) {
    sign_in(store);
    put_chat(store);
    run(
        store,
        Op::PutMessages {
            chat: chat_id(),
            messages: (1..=count).map(message).collect(),
            place: Place::NewestPage { has_more: false },
            seq: None,
            overtaken: HashSet::new(),
        },
    );
    for number in [1, 2] {
        run(store, Op::Enqueue(entry(number)));
    }
    let failure = Failure::new("conflict", "No.");
    run(
        store,
        Op::Park {
            client_id: entry(1).client_id,
            failure,
        },
    );
    run(
        store,
        Op::SaveDraft {
            chat: chat_id(),
            text: WORDS[3].into(),
        },
    );
}

fn count(store: &mut Store) -> Result<usize, StoreError> {
    let op = Op::Newest {
        chat: chat_id(),
        limit: 100_000,
    };
    Ok(match store.run(op)? {
        Answer::Window(window) => window.messages.len(),
        other => panic!("{other:?}"),
    })
}

/// What was typed is there: in the outbox, and as a draft once its chat has been fetched.
fn assert_typed_is_there(store: &mut Store) {
    let profile = sign_in(store);
    let clients: Vec<_> = profile
        .outbox
        .iter()
        .map(|entry| entry.client_id.clone())
        .collect();
    assert_eq!(clients, [entry(1).client_id, entry(2).client_id]);
    assert_eq!(profile.outbox[0].parked, Some(Failure::new("conflict", "No.")));
    assert_eq!(profile.outbox[1], entry(2));
    put_chat(store);
    assert_eq!(sign_in(store).chats[0].draft, WORDS[3]);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    files(folder)
        .iter()
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// Where one of the words stands in a file of the folder, in UTF-8 or UTF-16.
fn readable(folder: &Path) -> Option<(PathBuf, &'static str)> {
    let wide =
        |word: &str, order: fn(u16) -> [u8; 2]| word.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    files(folder).into_iter().find_map(|file| {
        let content = fs::read(&file).unwrap();
        WORDS.into_iter().find_map(|word| {
            [
                word.as_bytes().to_vec(),
                wide(word, u16::to_le_bytes),
                wide(word, u16::to_be_bytes),
            ]
            .iter()
            .any(|bytes| content.windows(bytes.len()).any(|window| window == bytes))
            .then(|| (file.clone(), word))
        })
    })
}

/// A store as the versions before encryption wrote it.
fn write_plain(folder: &Path) {
    let plain = Connection::open(folder.join("chat.db")).unwrap();
    plain.pragma_update(None, "journal_mode", "wal").unwrap();
    for migration in [
        include_str!("../src/store/schema/1.sql"),
        include_str!("../src/store/schema/2.sql"),
    ] {
        plain.execute_batch(migration).unwrap();
    }
    plain.pragma_update(None, "user_version", 2).unwrap();
    let json = |value: &dyn erased::Json| value.json();
    plain
        .execute_batch(&format!(
            "INSERT INTO accounts VALUES (1, 'https://chat.example.org', 'me', '{}', NULL, 1);
             INSERT INTO last_session VALUES (1, 1, 1);
             INSERT INTO outbox VALUES (1, 1, 'client-1', 'chat', 'unsent 1 {}', 7, NULL, 'conflict', 'No.');
             INSERT INTO outbox VALUES (2, 1, 'client-2', 'chat', 'unsent 2 {}', 7, NULL, NULL, NULL);
             INSERT INTO drafts VALUES (1, 'chat', '{}');",
            json(&user()),
            WORDS[0],
            WORDS[0],
            WORDS[3],
        ))
        .unwrap();
    let facts = Chat {
        id: chat_id(),
        kind: ChatKind::Group,
        name: WORDS[1].into(),
        topic: None,
        members: vec![user()],
        last_message: None,
        unread_count: 0,
        updated_at: Timestamp::from_millis(0),
        my_role: None,
        muted: None,
        pinned: None,
        reads: None,
        seq: None,
    };
    plain
        .execute(
            "INSERT INTO chats (number, account, id, facts, unread) VALUES (5, 1, 'chat', ?1, 3)",
            [json(&facts)],
        )
        .unwrap();
    for number in 1..=300 {
        let message = message(number);
        plain
            .execute(
                "INSERT INTO messages (chat, at, id, gap, sender, body) VALUES (5, ?1, ?2, 0, 'you', ?3)",
                (
                    message.created_at.as_millis(),
                    message.id.as_str(),
                    json(&message),
                ),
            )
            .unwrap();
    }
    // As it is left by a crash: much of it is in the log only.
    std::mem::forget(plain);
}

mod erased {
    //! Anything that can be written as JSON.

    pub(crate) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}

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
    assert_eq!(opened.set_aside, [folder.path().join("chat.newer-1.db")]);
    assert_typed_is_there(&mut opened.store);
}

#[test]
fn a_file_that_is_none_is_set_aside_and_kept() {
    let folder = scratch();
    let key = StoreKey::generate().unwrap();
    let noise = b"this is no database, and it is long enough to be none".repeat(200);
    for number in 1..=2 {
        fs::write(folder.path().join("chat.db"), &noise).unwrap();
        let opened = store::open(folder.path(), &key).unwrap();
        let aside = folder.path().join(format!("chat.damaged-{number}.db"));
        assert_eq!(opened.set_aside, [aside.as_path()]);
        assert!(fs::read(aside).unwrap() == noise);
    }
}

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
            assert!(fs::read(aside).unwrap() == bytes, "it is kept as it was");
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
        assert_eq!(
            opened.set_aside,
            [folder.path().join("unsent.damaged-1.db")],
            "page {page}"
        );
        assert!(
            fs::read(&opened.set_aside[0]).unwrap() == bytes,
            "it is kept as it was"
        );
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
