//! A profile in which words were written that are searched for afterwards.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use khaya_chat::{
    store::{
        self, Answer, ChatFacts, Op, OutboxEntry, Outgoing, Place, Profile, SignedIn, Store, StoreError,
        StoreKey, Work,
    },
    view::Failure,
};
use khaya_wire::{Chat, ChatId, ClientId, Message, Timestamp};
use rusqlite::Connection;

use crate::samples;

/// Words that stand in everything that is written.
pub(crate) const WORDS: [&str; 4] = ["Regenschirm", "Straßenbahn", "会議資料", "halfathought"];

/// A folder on a disk that does not wait, where there is one: hundreds of stores are made here, and how safely they
/// are written is not what is looked at.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(crate) fn chat_id() -> ChatId {
    ChatId::new("chat").unwrap()
}

pub(crate) fn message(number: i64) -> Message {
    let text = format!("{number} {} {} {}", WORDS[0], WORDS[1], WORDS[2]);
    samples::message(number, "chat", "you", &text)
}

pub(crate) fn entry(number: u8) -> OutboxEntry {
    OutboxEntry {
        client_id: ClientId::new(format!("client-{number}")).unwrap(),
        chat: chat_id(),
        work: Work::Message(Outgoing::of_text(format!("unsent {number} {}", WORDS[0]))),
        at: Timestamp::from_millis(7),
        after: None,
        parked: None,
    }
}

pub(crate) fn run(store: &mut Store, op: Op) -> Answer {
    store.run(op).unwrap()
}

pub(crate) fn sign_in(store: &mut Store) -> Profile {
    let session = SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: samples::user("me"),
    };
    match run(store, Op::SignIn(Box::new(session))) {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn chat() -> Chat {
    samples::group("chat", WORDS[1], &["me"])
}

pub(crate) fn put_message(number: i64) -> Op {
    Op::PutMessages {
        chat: chat_id(),
        messages: vec![message(number)],
        place: Place::Live,
        seq: None,
        overtaken: HashSet::new(),
    }
}

pub(crate) fn put_chat(store: &mut Store) {
    let facts = ChatFacts {
        chat: chat(),
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
pub(crate) fn fill(store: &mut Store, count: i64) {
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

pub(crate) fn count(store: &mut Store) -> Result<usize, StoreError> {
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
pub(crate) fn assert_typed_is_there(store: &mut Store) {
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

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    files(folder)
        .iter()
        .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

/// Where one of the words stands in a file of the folder, in UTF-8 or UTF-16.
pub(crate) fn readable(folder: &Path) -> Option<(PathBuf, &'static str)> {
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
pub(crate) fn write_plain(folder: &Path) {
    let plain = Connection::open(folder.join("chat.db")).unwrap();
    plain.pragma_update(None, "journal_mode", "wal").unwrap();
    for migration in [
        include_str!("../../src/store/schema/1.sql"),
        include_str!("../../src/store/schema/2.sql"),
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
            json(&samples::user("me")),
            WORDS[0],
            WORDS[0],
            WORDS[3],
        ))
        .unwrap();
    plain
        .execute(
            "INSERT INTO chats (number, account, id, facts, unread) VALUES (5, 1, 'chat', ?1, 3)",
            [json(&chat())],
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

/// A store as the version wrote it that had the counts in the chats' own rows: with nine messages, of which six are read.
pub(crate) fn write_version_5(folder: &Path, key: &StoreKey) {
    let json = |value: &dyn erased::Json| value.json();
    let open = |name: &str| {
        let db = Connection::open(folder.join(name)).unwrap();
        db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", key.to_text().expose()))
            .unwrap();
        db
    };
    let number = {
        // The account's number is made by the store itself.
        let mut store = store::open(folder, key).unwrap().store;
        sign_in(&mut store);
        drop(store);
        fs::remove_file(folder.join("chat.db")).unwrap();
        let unsent = open("unsent.db");
        unsent
            .query_row("SELECT number FROM accounts", [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let chats = open("chat.db");
    for migration in [
        include_str!("../../src/store/schema/1.sql"),
        include_str!("../../src/store/schema/2.sql"),
        include_str!("../../src/store/schema/3.sql"),
        include_str!("../../src/store/schema/4.sql"),
        include_str!("../../src/store/schema/5.sql"),
    ] {
        chats.execute_batch(migration).unwrap();
    }
    chats.pragma_update(None, "user_version", 5).unwrap();
    let reads = r#"[{"user":"you","message":"m00010","at":null}]"#;
    chats
        .execute(
            "INSERT INTO chats (number, account, id, facts, unread, server_unread, marker_at, marker_id,
                 marker_is_confirmed, covered_at, covered_id, reads, mentioned_at, mentioned_id, is_linked)
             VALUES (5, ?1, 'chat', ?2, 3, 3, 6000, 'm00006', 1, 9000, 'm00009', ?3, 8000, 'm00008', 1)",
            (number, json(&chat()), reads),
        )
        .unwrap();
    for number in 1..=9_i64 {
        let message = message(number);
        chats
            .execute(
                "INSERT INTO messages (chat, at, id, gap, sender, body, number) VALUES (5, ?1, ?2, 0, 'you', ?3, ?4)",
                (
                    message.created_at.as_millis(),
                    message.id.as_str(),
                    json(&message),
                    message.created_at.as_millis() << 20,
                ),
            )
            .unwrap();
    }
}

pub(crate) mod erased {
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
