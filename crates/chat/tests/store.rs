//! The store, with SQLite itself: what it keeps over a restart, which messages it shows as following each other,
//! how it counts, and what a bad disk does to it.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

mod samples;

use std::{collections::HashSet, fs};

use khaya_chat::store::{
    self, Answer, ChatFacts, Edge, Op, OutboxEntry, Outgoing, Place, Profile, Put, SignedIn, Store,
    StoreError, StoreKey, Window, Work,
};
use khaya_wire::{Chat, ChatId, ClientId, Message, Timestamp, model::ReadMarker};

use samples::{group, user};

fn chat_id() -> ChatId {
    ChatId::new("chat").unwrap()
}

fn message(number: i64, from: &str) -> Message {
    samples::message(number, "chat", from, &format!("text {number}"))
}

fn messages(numbers: std::ops::RangeInclusive<i64>) -> Vec<Message> {
    numbers.map(|number| message(number, "you")).collect()
}

fn facts(unread: u64, last: Option<Message>) -> ChatFacts {
    ChatFacts {
        chat: Chat {
            last_message: last,
            unread_count: unread,
            ..group("chat", "Chat", &["me", "you"])
        },
        is_overtaken: false,
        counts: true,
    }
}

fn sign_in(store: &mut Store, id: &str) -> Profile {
    let session = SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: user(id),
    };
    match store.run(Op::SignIn(Box::new(session))).unwrap() {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    }
}

fn load(store: &mut Store) -> Profile {
    match store.run(Op::Load).unwrap() {
        Answer::Profile(profile) => *profile,
        other => panic!("{other:?}"),
    }
}

/// A store with one person signed in and one chat.
fn store() -> Store {
    let mut store = store::open_in_memory().unwrap();
    sign_in(&mut store, "me");
    list(&mut store, facts(0, None));
    store
}

fn list(store: &mut Store, facts: ChatFacts) -> u64 {
    let op = Op::PutChats {
        chats: vec![facts],
        all: Some([chat_id()].into()),
    };
    match store.run(op).unwrap() {
        Answer::Chats { chats, .. } => chats[0].unread,
        other => panic!("{other:?}"),
    }
}

fn put(store: &mut Store, messages: Vec<Message>, place: Place) -> Put {
    let op = Op::PutMessages {
        chat: chat_id(),
        messages,
        place,
        seq: None,
        overtaken: HashSet::new(),
    };
    match store.run(op).unwrap() {
        Answer::Put(put) => put,
        other => panic!("{other:?}"),
    }
}

fn window(store: &mut Store, op: Op) -> (Vec<i64>, Edge) {
    match store.run(op).unwrap() {
        Answer::Window(Window { messages, edge, .. }) => (
            messages
                .iter()
                .map(|message| message.created_at.as_millis() / 1000)
                .collect(),
            edge,
        ),
        other => panic!("{other:?}"),
    }
}

fn newest(store: &mut Store, limit: usize) -> (Vec<i64>, Edge) {
    let chat = chat_id();
    window(store, Op::Newest { chat, limit })
}

fn before(store: &mut Store, number: i64, limit: usize) -> (Vec<i64>, Edge) {
    let place = message(number, "you");
    let op = Op::Before {
        chat: chat_id(),
        place: (place.created_at, place.id),
        limit,
    };
    window(store, op)
}

fn mark_read(store: &mut Store, number: i64) -> u64 {
    let place = message(number, "you");
    let op = Op::MarkRead {
        chat: chat_id(),
        position: (place.created_at, place.id),
    };
    match store.run(op).unwrap() {
        Answer::Unread { unread, .. } => unread,
        other => panic!("{other:?}"),
    }
}

fn entry(number: u8) -> OutboxEntry {
    OutboxEntry {
        client_id: ClientId::new(format!("client-{number}")).unwrap(),
        chat: chat_id(),
        work: Work::Message(Outgoing::of_text(format!("unsent {number}"))),
        at: Timestamp::from_millis(7),
        after: None,
        parked: None,
    }
}

#[test]
fn a_run_ends_where_something_may_be_missing() {
    let mut store = store();
    put(
        &mut store,
        messages(1..=10),
        Place::NewestPage { has_more: false },
    );
    assert_eq!(newest(&mut store, 50), ((1..=10).collect(), Edge::End));
    // What came in after a time without events.
    put(
        &mut store,
        messages(20..=22),
        Place::NewestPage { has_more: true },
    );
    assert_eq!(newest(&mut store, 50), (vec![20, 21, 22], Edge::Gap));
    put(&mut store, messages(23..=23), Place::Live);
    assert_eq!(newest(&mut store, 50), (vec![20, 21, 22, 23], Edge::Gap));
    // Half of the gap, then the rest with an overlap.
    let page = |id: i64| Place::PageBefore {
        message: message(id, "you").id,
        has_more: true,
    };
    assert!(put(&mut store, messages(15..=19), page(20)).is_after_gap);
    assert_eq!(newest(&mut store, 50).0, (15..=23).collect::<Vec<_>>());
    assert!(!put(&mut store, messages(9..=14), page(15)).is_after_gap);
    assert_eq!(newest(&mut store, 50), ((1..=23).collect(), Edge::End));
    assert_eq!(newest(&mut store, 5), (vec![19, 20, 21, 22, 23], Edge::Stored));
    assert_eq!(
        before(&mut store, 19, 5),
        (vec![14, 15, 16, 17, 18], Edge::Stored)
    );
    assert_eq!(before(&mut store, 5, 5), (vec![1, 2, 3, 4], Edge::End));
}

#[test]
fn a_page_shows_what_is_gone() {
    let mut store = store();
    put(&mut store, messages(1..=5), Place::NewestPage { has_more: false });
    let put = put(
        &mut store,
        vec![message(1, "you"), message(2, "you"), message(5, "you")],
        Place::NewestPage { has_more: false },
    );
    let gone: Vec<_> = put.gone.iter().map(ToString::to_string).collect();
    assert_eq!(gone, ["m00003", "m00004"]);
    assert_eq!(newest(&mut store, 50).0, [1, 2, 5]);
}

#[test]
fn the_newer_telling_of_a_message_stays() {
    let mut store = store();
    let edited = Message {
        content: "edited".into(),
        edited_at: Some(Timestamp::from_millis(9_000)),
        ..message(1, "you")
    };
    put(&mut store, vec![message(1, "you")], Place::Live);
    let first = put(&mut store, vec![edited.clone()], Place::Alone);
    assert!(first.new.is_empty());
    // An answer from before the edit comes late.
    let late = put(
        &mut store,
        vec![message(1, "you")],
        Place::NewestPage { has_more: false },
    );
    assert_eq!(*late.messages[0].content, *"edited");
    let deleted = Message {
        content: "".into(),
        deleted_at: Some(Timestamp::from_millis(10_000)),
        ..edited.clone()
    };
    put(&mut store, vec![deleted], Place::Alone);
    let late = put(&mut store, vec![edited], Place::Alone);
    assert!(late.messages[0].deleted_at.is_some());
}

#[test]
fn counts_what_came_in_and_was_not_read() {
    let mut store = store();
    assert_eq!(put(&mut store, messages(1..=3), Place::Live).unread, 3);
    assert_eq!(
        put(&mut store, messages(3..=3), Place::Live).unread,
        3,
        "told twice"
    );
    assert_eq!(
        put(&mut store, vec![message(4, "me")], Place::Live).unread,
        3,
        "one's own"
    );
    assert_eq!(mark_read(&mut store, 2), 1);
    assert_eq!(mark_read(&mut store, 1), 1, "a marker never moves back");
    assert_eq!(mark_read(&mut store, 4), 0);
    assert_eq!(put(&mut store, messages(5..=5), Place::Live).unread, 1);
}

#[test]
fn what_was_read_here_is_not_unread_again() {
    let mut store = store();
    // The server counts, and does not hear of what is read here.
    assert_eq!(list(&mut store, facts(3, Some(message(3, "you")))), 3);
    mark_read(&mut store, 3);
    assert_eq!(list(&mut store, facts(3, Some(message(3, "you")))), 0);
    assert_eq!(list(&mut store, facts(5, Some(message(5, "you")))), 2);
    mark_read(&mut store, 5);
    put(&mut store, messages(6..=6), Place::Live);
    assert_eq!(list(&mut store, facts(6, Some(message(6, "you")))), 1);
    // It takes a join for reading.
    assert_eq!(list(&mut store, facts(2, Some(message(8, "you")))), 2);
}

#[test]
fn what_is_known_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let key = StoreKey::generate().unwrap();
    let mut store = store::open(folder.path(), &key).unwrap().store;
    sign_in(&mut store, "me");
    let log = folder.path().join("chat.db-wal");
    let mut lengths = Vec::new();
    for _ in 0..3 {
        list(&mut store, facts(2, Some(message(9, "you"))));
        put(&mut store, messages(1..=9), Place::NewestPage { has_more: true });
        lengths.push(fs::metadata(&log).unwrap().len());
    }
    assert!(lengths[0] > 0);
    assert_eq!(lengths[1], lengths[2], "{lengths:?}");
}

#[test]
fn a_message_takes_its_outbox_entry_with_it() {
    let mut store = store();
    store.run(Op::Enqueue(entry(1))).unwrap();
    store.run(Op::Enqueue(entry(2))).unwrap();
    let own = |number, client: u8| Message {
        client_id: Some(entry(client).client_id),
        ..message(number, "me")
    };
    put(&mut store, vec![own(1, 1)], Place::Live);
    let left: Vec<_> = load(&mut store)
        .outbox
        .into_iter()
        .filter_map(|entry| Some(entry.message()?.text.clone()))
        .collect();
    assert_eq!(left, ["unsent 2".into()]);
    // Another message turns out to be the one: the first loses the name, for no two may have it.
    put(&mut store, vec![own(2, 1)], Place::Live);
    let first = put(&mut store, vec![message(1, "me")], Place::Alone);
    assert_eq!(first.messages[0].client_id, None);
    // A page of a server that does not echo client ids does not take it away.
    let second = put(&mut store, vec![message(2, "me")], Place::Alone);
    assert_eq!(second.messages[0].client_id, Some(entry(1).client_id));
}

#[test]
fn keeps_everything_over_a_restart_and_a_sign_out() {
    let folder = tempfile::tempdir().unwrap();
    let key = StoreKey::generate().unwrap();
    let open = || store::open(folder.path(), &key).unwrap().store;
    {
        let mut store = open();
        sign_in(&mut store, "me");
        list(&mut store, facts(1, Some(message(1, "you"))));
        store.run(Op::Enqueue(entry(1))).unwrap();
        store.run(Op::Enqueue(entry(2))).unwrap();
        let failure = khaya_chat::view::Failure::new("conflict", "No.");
        store
            .run(Op::Park {
                client_id: entry(1).client_id,
                failure: failure.clone(),
            })
            .unwrap();
        let text = "half a thought".to_owned();
        store
            .run(Op::SaveDraft {
                chat: chat_id(),
                text,
            })
            .unwrap();
    }
    let mut store = open();
    let profile = load(&mut store);
    assert!(profile.has_synced);
    assert_eq!(profile.last.unwrap().user, user("me"));
    assert_eq!(profile.chats[0].draft, "half a thought");
    assert_eq!(profile.chats[0].unread, 1);
    assert!(profile.outbox[0].parked.is_some());
    assert_eq!(profile.outbox[1], entry(2));
    store.run(Op::SignOut).unwrap();
    assert!(load(&mut store).chats.is_empty(), "nothing is shown to nobody");
    assert_eq!(
        store.run(Op::Enqueue(entry(3))).unwrap_err(),
        StoreError::NoAccount
    );
    assert!(
        sign_in(&mut store, "other").outbox.is_empty(),
        "nor to somebody else"
    );
    assert_eq!(sign_in(&mut store, "me").outbox.len(), 2);
}

#[test]
fn a_sent_text_is_no_draft_any_more() {
    let mut store = store();
    let text = "unsent 1".to_owned();
    store
        .run(Op::SaveDraft {
            chat: chat_id(),
            text,
        })
        .unwrap();
    store.run(Op::Enqueue(entry(1))).unwrap();
    assert_eq!(load(&mut store).chats[0].draft, "");
}

#[test]
fn a_retried_message_goes_behind_the_others() {
    let mut store = store();
    for number in 1..=3 {
        store.run(Op::Enqueue(entry(number))).unwrap();
    }
    store
        .run(Op::Unpark {
            client_id: entry(1).client_id,
            work: entry(1).work,
        })
        .unwrap();
    store.run(Op::Enqueue(entry(4))).unwrap();
    let order: Vec<_> = load(&mut store)
        .outbox
        .into_iter()
        .map(|entry| entry.client_id)
        .collect();
    assert_eq!(order, [2, 3, 1, 4].map(|number| entry(number).client_id));
}

#[test]
fn a_list_that_was_on_its_way_does_not_move_markers_back() {
    let mut store = store();
    let told = |store: &mut Store, number| {
        let mut facts = facts(0, None);
        facts.chat.reads = Some(vec![ReadMarker {
            user_id: user("you").id,
            message_id: message(number, "me").id,
        }]);
        match store.run(Op::PutChats {
            chats: vec![facts],
            all: None,
        }) {
            Ok(Answer::Chats { chats, .. }) => chats[0].reads[0].message.clone(),
            other => panic!("{other:?}"),
        }
    };
    list(&mut store, facts(0, None));
    put(&mut store, messages(1..=3), Place::NewestPage { has_more: false });
    assert_eq!(told(&mut store, 1), message(1, "me").id);
    store
        .run(Op::PutRead {
            chat: chat_id(),
            user: user("you").id,
            message: message(3, "me").id,
        })
        .unwrap();
    assert_eq!(told(&mut store, 2), message(3, "me").id);
    // One that is not stored is newer than all that is.
    assert_eq!(told(&mut store, 4), message(4, "me").id);
}
