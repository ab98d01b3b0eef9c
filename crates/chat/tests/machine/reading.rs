//! What is unread, where reading and fetching cross each other.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
};
use khaya_wire::{
    Chat as WireChat, ChatKind, Code, Message, MessageId, UserId,
    discovery::Feature,
    model::ReadMarker,
    rest::{Missed, Synced},
};
use serde_json::{Value, json};

use crate::desk::{Desk, chat, chat_id, discovery, is_list, is_page, message, page, refused};

/// The group as the server tells it once its first message has been read, and as it was before. There is a second one.
fn group(is_read: bool) -> WireChat {
    let marker = ReadMarker {
        user_id: UserId::new("me").unwrap(),
        message_id: MessageId::new("m0001").unwrap(),
    };
    WireChat {
        last_message: Some(message("g", 2, "ana")),
        unread_count: 2 - u64::from(is_read),
        reads: Some(Vec::from_iter(is_read.then_some(marker))),
        ..chat("g", ChatKind::Group)
    }
}

fn unread(desk: &Desk) -> u64 {
    desk.view().unread
}

/// The first message was read, and the list is being fetched before the server has answered to having been told.
fn read_and_fetching(desk: &mut Desk) {
    desk.comes_in(&message("g", 1, "ana"));
    assert_eq!(unread(desk), 1);
    let chat_id = chat_id("g");
    desk.want(Intent::MarkRead { chat_id }).unwrap();
    desk.wait(Duration::from_secs(120));
    assert_eq!((unread(desk), desk.count(is_list)), (0, 1));
}

/// The list that was asked for before does not bring back what was read; it is fetched once more.
fn is_fetched_again(desk: &mut Desk) {
    desk.answer_list(vec![group(false)]);
    assert_eq!(unread(desk), 1, "the list is from before it was read");
    desk.wait(Duration::from_secs(10));
    desk.answer_list(vec![group(true)]);
    assert_eq!(unread(desk), 1);
}

#[test]
fn a_list_from_before_it_was_read_does_not_count_when_joining_told_so_first() {
    let mut desk = Desk::connected(true);
    read_and_fetching(&mut desk);
    let chat_id = chat_id("g");
    desk.want(Intent::OpenChat { chat_id }).unwrap();
    let is_join = |request: &Request| matches!(request, Request::Join { .. });
    desk.answer_where(is_join, Ok(Response::Chat(Box::new(group(true)))));
    is_fetched_again(&mut desk);
}

fn is_sync(request: &Request) -> bool {
    matches!(request, Request::Sync { .. })
}

fn synced(events: Vec<Missed<Value>>, next: &str) -> Result<Response, ApiError> {
    Ok(Response::Synced(Synced {
        events,
        next: next.to_owned(),
        has_more: false,
    }))
}

/// On a server that tells what was missed, with the group, and all caught up with.
fn with_sync() -> Desk {
    let mut with_sync = discovery();
    with_sync.features.insert(Feature::Sync);
    let mut desk = Desk::new();
    desk.sign_in_to(Some(with_sync));
    desk.come_up();
    desk.answer_where(is_sync, synced(Vec::new(), "1"));
    desk.answer_list(vec![chat("g", ChatKind::Group)]);
    desk.answer_where(is_sync, synced(Vec::new(), "2"));
    desk
}

#[test]
fn a_list_from_before_it_was_read_does_not_count_when_what_was_missed_told_so_first() {
    let mut desk = with_sync();
    read_and_fetching(&mut desk);
    let renamed = Missed {
        event: "chat_updated".to_owned(),
        data: json!({ "chat": group(true), "scope": "chat", "seq": 1 }),
    };
    desk.answer_where(is_sync, synced(vec![renamed], "3"));
    is_fetched_again(&mut desk);
}

/// The server knows the place no more, and this is the newest page of the open chat.
fn begin_afresh(desk: &mut Desk, messages: Vec<Message>) {
    desk.wait(Duration::from_secs(30));
    desk.answer_where(is_sync, Err(refused(Code::NotFound)));
    desk.answer_where(is_sync, synced(Vec::new(), "9"));
    desk.answer_where(is_page, page(messages));
}

#[test]
fn what_comes_again_when_the_server_has_forgotten_the_place_is_not_counted_again() {
    let mut desk = with_sync();
    let messages = || {
        vec![
            message("g", 1, "ana"),
            message("g", 2, "ana"),
            message("g", 3, "ana"),
        ]
    };
    desk.open("g", Vec::new());
    for message in messages() {
        desk.comes_in(&message);
    }
    begin_afresh(&mut desk, messages());
    assert_eq!(desk.view().timeline.len(), 3);
    assert_eq!(unread(&desk), 3);
}

#[test]
fn who_is_not_named_any_more_when_it_comes_again_is_not_told_so() {
    let mut desk = with_sync();
    desk.open("g", Vec::new());
    let with_text = |text: &str| Message {
        content: text.into(),
        ..message("g", 1, "ana")
    };
    desk.comes_in(&with_text("@me, look"));
    desk.comes_in(&message("g", 2, "ana"));
    let is_named = |desk: &Desk| desk.view().chats.iter().any(|row| row.mentioned);
    assert!(is_named(&desk));
    begin_afresh(&mut desk, vec![with_text("look"), message("g", 2, "ana")]);
    assert!(!is_named(&desk));
}
