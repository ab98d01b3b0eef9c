//! What was missed is stored chat by chat, many messages at once. That is the same as one event after the other.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

mod samples;

use khaya_chat::store::{self, Answer, ChatFacts, Missed, Op, SignedIn, Store, StoredChat, Told, Window};
use khaya_wire::{
    ChatId, Timestamp,
    event::{ChatRemoved, ChatUpdated, MessageDeleted, MessageEvent},
};
use proptest::{collection::vec, prelude::*};

use samples::{group, user};

const CHATS: [&str; 3] = ["chat", "other", "third"];
const MEMBERS: [&str; 2] = ["me", "you"];

proptest! {
    #[test]
    fn together_is_as_one_by_one(events in vec(event(), 1..150)) {
        let mut together = store();
        sync(&mut together, events.clone(), &[]);
        let mut one_by_one = store();
        for event in events {
            sync(&mut one_by_one, vec![event], &[]);
        }
        let (together, one_by_one) = (contents(&mut together), contents(&mut one_by_one));
        prop_assert!(together == one_by_one, "{together}\n{one_by_one}");
    }
}

/// Of few messages, so that they are told again, edited and deleted.
fn event() -> impl Strategy<Value = Told> {
    let chat = prop::sample::select(&CHATS[..]);
    (chat, 1..40_i64, 0..12_u8).prop_map(|(chat, number, kind)| {
        let chat_id = ChatId::new(chat).unwrap();
        let message = |text| MessageEvent {
            chat_id: chat_id.clone(),
            message: samples::message(number, chat, MEMBERS[usize::from(number % 4 != 0)], text),
            number: None,
        };
        match kind {
            0 => Told::Updated(message("edited")),
            1 => Told::Deleted(MessageDeleted {
                message_id: message("").message.id,
                chat_id: chat_id.clone(),
                number: None,
            }),
            2 => Told::Chat(ChatUpdated {
                chat: group(chat, "Again", &MEMBERS),
                number: None,
            }),
            3 if number == 1 => Told::Removed(ChatRemoved {
                chat_id: chat_id.clone(),
                number: None,
            }),
            _ => Told::New(message("new, @me-name")),
        }
    })
}

fn store() -> Store {
    let mut store = store::open_in_memory().unwrap();
    let session = SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: user("me"),
    };
    store.run(Op::SignIn(Box::new(session))).unwrap();
    let chats = CHATS.map(|id| ChatFacts {
        chat: group(id, "Chat", &MEMBERS),
        is_overtaken: false,
        counts: true,
    });
    let op = Op::PutChats {
        chats: chats.into(),
        all: None,
    };
    store.run(op).unwrap();
    // What is told from here on follows what is stored.
    sync(&mut store, Vec::new(), &CHATS);
    store
}

fn sync(store: &mut Store, events: Vec<Told>, linked: &[&str]) {
    let missed = Missed {
        events,
        cursor: "next".to_owned(),
        linked: linked.iter().map(|id| ChatId::new(*id).unwrap()).collect(),
        at: Timestamp::from_millis(0),
    };
    store.run(Op::PutSync(missed)).unwrap();
}

/// Every chat with its counts, and its messages as far as they follow each other.
fn contents(store: &mut Store) -> String {
    let Answer::Profile(profile) = store.run(Op::Load).unwrap() else {
        panic!("that is not a profile")
    };
    let mut chats = profile.chats;
    chats.sort_by(|a, b| a.chat.id.cmp(&b.chat.id));
    let contents: Vec<(StoredChat, Window)> = chats
        .into_iter()
        .map(|chat| {
            let newest = Op::Newest {
                chat: chat.chat.id.clone(),
                limit: 500,
            };
            match store.run(newest).unwrap() {
                Answer::Window(window) => (chat, window),
                other => panic!("{other:?}"),
            }
        })
        .collect();
    format!("{contents:#?}")
}
