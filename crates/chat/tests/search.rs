//! Search over what is stored: what is found by which words, in which order, and that what is gone is not found.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

mod samples;

use std::collections::HashSet;

use khaya_chat::store::{self, Answer, ChatFacts, Found, Has, Op, Place, Query, SignedIn, Store};
use khaya_wire::{ChatId, File, FileId, Message, Timestamp, UserId};

use samples::{group, message, user};

fn chat_id(name: &str) -> ChatId {
    ChatId::new(name).unwrap()
}

fn put(store: &mut Store, message: Message) {
    store
        .run(Op::PutMessages {
            chat: message.chat_id.clone(),
            messages: vec![message],
            place: Place::Alone,
            seq: None,
            overtaken: HashSet::new(),
        })
        .unwrap();
}

fn with_file(number: i64, mime_type: &str) -> Message {
    Message {
        attachments: Some(vec![File {
            id: FileId::new("f").unwrap(),
            name: "a".into(),
            mime_type: mime_type.into(),
            size: 1,
            width: None,
            height: None,
            blurhash: None,
        }]),
        ..message(number, "one", "bob", "tea")
    }
}

/// Somebody signed in, with two chats.
fn store() -> Store {
    let mut store = store::open_in_memory().unwrap();
    sign_in(&mut store, "me");
    store
}

fn sign_in(store: &mut Store, id: &str) {
    store
        .run(Op::SignIn(Box::new(SignedIn {
            server: "https://chat.example.org".into(),
            discovery: None,
            user: user(id),
        })))
        .unwrap();
    let chats = ["one", "two"].map(|name| ChatFacts {
        chat: group(name, name, &[]),
        counts: true,
        is_overtaken: false,
    });
    store
        .run(Op::PutChats {
            chats: chats.into(),
            all: None,
        })
        .unwrap();
}

fn search(store: &mut Store, query: Query, from: Option<i64>, limit: usize) -> Found {
    match store.run(Op::Search { query, from, limit }).unwrap() {
        Answer::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

fn numbers(found: &Found) -> Vec<i64> {
    found
        .messages
        .iter()
        .map(|message| message.created_at.as_millis() / 1000)
        .collect()
}

fn of(text: &str) -> Query {
    Query {
        text: text.to_owned(),
        ..Query::default()
    }
}

fn finds(store: &mut Store, text: &str) -> Vec<i64> {
    numbers(&search(store, of(text), None, 50))
}

#[test]
fn words_are_found_in_any_writing_newest_first() {
    let mut store = store();
    for (number, text) in [
        (3, "Der Regenschirm steht in der Küche"),
        (1, "kuche, ohne Punkte"),
        (2, "今天的会议室在三楼"),
        (4, "明日の会議は中止です"),
        (5, "오늘 회의는 세 시"),
        (6, "KÜCHE?"),
    ] {
        put(&mut store, message(number, "one", "you", text));
    }
    assert_eq!(finds(&mut store, "küche"), [6, 3, 1]);
    assert_eq!(finds(&mut store, "REGENSCH"), [3], "unfinished");
    assert_eq!(finds(&mut store, "küche regenschirm"), [3]);
    assert_eq!(finds(&mut store, "会议"), [2]);
    assert_eq!(finds(&mut store, "会議"), [4]);
    assert_eq!(finds(&mut store, "회의"), [5]);
    assert_eq!(finds(&mut store, "三"), [2]);
    assert_eq!(finds(&mut store, "天的会"), [2]);
    for nothing in [
        "",
        "?!",
        "\"",
        "küche AND",
        "NOT",
        "*",
        "x\u{e000}file",
        "\u{e000}file",
    ] {
        assert!(finds(&mut store, nothing).is_empty(), "{nothing:?}");
    }
}

#[test]
fn pairs_that_are_there_but_apart_are_not_the_word() {
    let mut store = store();
    put(&mut store, message(1, "one", "you", "会议 议室"));
    put(&mut store, message(2, "one", "you", "大会议室"));
    assert_eq!(finds(&mut store, "会议室"), [2]);
}

#[test]
fn a_search_can_be_narrowed_down() {
    let mut store = store();
    put(&mut store, message(1, "one", "ada", "tea"));
    put(&mut store, message(2, "two", "ada", "tea at https://example.org"));
    put(&mut store, message(3, "two", "bob", "tea"));
    put(&mut store, with_file(4, "text/plain"));
    put(&mut store, with_file(5, "image/png"));
    let all: Vec<_> = search(&mut store, of("tea"), None, 50).messages;
    let mut narrowed = |change: &dyn Fn(&mut Query)| {
        let mut query = of("tea");
        change(&mut query);
        let found = search(&mut store, query.clone(), None, 50);
        // What is told of one message is what the index says of all.
        let met: Vec<_> = all.iter().filter(|message| query.is_met_by(message)).collect();
        assert_eq!(found.messages.iter().collect::<Vec<_>>(), met, "{query:?}");
        numbers(&found)
    };
    let ada = UserId::new("ada").unwrap();
    assert_eq!(narrowed(&|_| {}), [5, 4, 3, 2, 1]);
    assert_eq!(narrowed(&|query| query.senders = vec![ada.clone()]), [2, 1]);
    assert_eq!(narrowed(&|query| query.chats = vec![chat_id("two")]), [3, 2]);
    assert_eq!(
        narrowed(&|query| query.chats = vec![chat_id("two"), chat_id("one")]),
        [5, 4, 3, 2, 1]
    );
    assert!(narrowed(&|query| query.chats = vec![chat_id("none")]).is_empty());
    assert_eq!(
        narrowed(&|query| query.before = Some(Timestamp::from_millis(3000))),
        [2, 1]
    );
    assert_eq!(
        narrowed(&|query| query.after = Some(Timestamp::from_millis(4000))),
        [5, 4]
    );
    assert_eq!(narrowed(&|query| query.has = vec![Has::File]), [5, 4]);
    assert_eq!(narrowed(&|query| query.has = vec![Has::Image]), [5]);
    assert_eq!(narrowed(&|query| query.has = vec![Has::Link]), [2]);
    assert_eq!(
        narrowed(&|query| {
            query.text.clear();
            query.has = vec![Has::Link];
            query.senders = vec![ada.clone()];
        }),
        [2]
    );
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let mut store = store();
    for number in 1..=25 {
        let mut message = message(number, "one", "you", "tea");
        // Some are of one time.
        message.created_at = Timestamp::from_millis(number / 4 * 1000);
        put(&mut store, message);
    }
    let (mut from, mut all) = (None, Vec::new());
    loop {
        let found = search(&mut store, of("tea"), from, 7);
        all.extend(found.messages.iter().map(|message| message.id.clone()));
        from = found.next;
        if from.is_none() {
            break;
        }
    }
    let different: HashSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (25, 25));
}

#[test]
fn what_is_changed_or_gone_is_found_as_it_is_now() {
    let mut store = store();
    put(&mut store, message(1, "one", "you", "apples"));
    put(&mut store, message(2, "two", "you", "apples"));
    put(&mut store, message(3, "one", "you", "apples"));
    let edited = Message {
        content: "pears".into(),
        edited_at: Some(Timestamp::from_millis(9_000)),
        ..message(1, "one", "you", "")
    };
    put(&mut store, edited);
    assert_eq!(finds(&mut store, "apples"), [3, 2]);
    assert_eq!(finds(&mut store, "pears"), [1]);
    let deleted = Message {
        content: "".into(),
        deleted_at: Some(Timestamp::from_millis(10_000)),
        ..message(3, "one", "you", "")
    };
    put(&mut store, deleted);
    assert_eq!(finds(&mut store, "apples"), [2]);
    store.run(Op::RemoveChat { chat: chat_id("two") }).unwrap();
    assert!(finds(&mut store, "apples").is_empty());
}

#[test]
fn nothing_of_another_account_is_found() {
    let mut store = store();
    put(&mut store, message(1, "one", "you", "apples"));
    sign_in(&mut store, "other");
    assert!(finds(&mut store, "apples").is_empty());
    sign_in(&mut store, "me");
    assert_eq!(finds(&mut store, "apples"), [1]);
}
