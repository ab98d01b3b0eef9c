//! What was missed, on a server that tells it.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
};
use khaya_wire::{
    ChatKind, Code, Page,
    discovery::{Discovery, Feature},
    rest::{Missed, Synced},
};
use serde_json::{Value, json};

use crate::desk::{Desk, chat, chat_id, discovery, is_list, is_page, message, page, refused};

fn with_sync() -> Discovery {
    let mut discovery = discovery();
    discovery.features.insert(Feature::Sync);
    discovery
}

fn is_sync(request: &Request) -> bool {
    matches!(request, Request::Sync { .. })
}

fn is_join(request: &Request) -> bool {
    matches!(request, Request::Join { .. })
}

fn open(chat: &str) -> Intent {
    Intent::OpenChat {
        chat_id: chat_id(chat),
    }
}

/// Since when, and how many events, are asked for.
fn asked(desk: &Desk) -> (Option<String>, usize) {
    desk.calls
        .iter()
        .find_map(|(_, call)| match &call.request {
            Request::Sync { since, limit } => Some((since.clone(), *limit)),
            _ => None,
        })
        .unwrap()
}

fn synced(events: Vec<Value>, next: &str, has_more: bool) -> Result<Response, ApiError> {
    let told = |data| Missed {
        event: "new_message".to_owned(),
        data,
    };
    Ok(Response::Synced(Synced {
        events: events.into_iter().map(told).collect(),
        next: next.to_owned(),
        has_more,
    }))
}

/// Connected, with a chat, and nothing missed up to place 1.
fn desk() -> Desk {
    let mut desk = Desk::new();
    desk.sign_in_to(Some(with_sync()));
    desk.come_up();
    desk.answer_where(is_sync, synced(Vec::new(), "1", false));
    desk.answer_list(vec![chat("g", ChatKind::Group)]);
    desk
}

#[test]
fn what_is_stored_in_pieces_is_all_there_in_order() {
    let mut desk = desk();
    desk.answer_where(is_sync, synced(Vec::new(), "2", false));
    desk.open("g", vec![message("g", 1, "ana")]);
    // The chat was there when this was asked for: what is told from there on follows.
    desk.wait(Duration::from_secs(30));
    desk.answer_where(is_sync, synced(Vec::new(), "3", false));
    desk.wait(Duration::from_secs(30));
    let events = (2..=5).map(|number| json!({"chatId": "g", "message": message("g", number, "ana")}));
    desk.answer_where(is_sync, synced(events.collect(), "4", true));
    assert_eq!(
        asked(&desk).0.as_deref(),
        Some("4"),
        "the place goes with the last of them"
    );
    let view = desk.view();
    let texts: Vec<_> = view.timeline.iter().map(|item| item.text.to_string()).collect();
    assert_eq!(texts, ["text 1", "text 2", "text 3", "text 4", "text 5"]);
    let row = view.chats.iter().find(|row| row.id == chat_id("g")).unwrap();
    assert_eq!(row.unread, 5);
}

#[test]
fn a_part_that_does_not_get_through_is_asked_for_in_smaller_ones() {
    let mut desk = desk();
    assert_eq!(asked(&desk), (Some("1".to_owned()), 2000));
    for (error, limit) in [
        (ApiError::Timeout, 500),
        // An answer that is too long is no answer.
        (ApiError::NotKhaya, 125),
        // That says nothing about its size.
        (ApiError::Unreachable, 125),
        (ApiError::Interrupted, 31),
        (ApiError::Timeout, 31),
    ] {
        desk.answer_where(is_sync, Err(error));
        desk.wait(Duration::from_secs(5));
        assert_eq!(asked(&desk), (Some("1".to_owned()), limit));
    }
    desk.answer_where(is_sync, synced(Vec::new(), "2", true));
    assert_eq!(asked(&desk), (Some("2".to_owned()), 62));
}

#[test]
fn a_list_of_chats_that_does_not_get_through_is_asked_for_in_smaller_pages() {
    let mut desk = Desk::connected(true);
    let asked = |desk: &Desk| {
        desk.calls.iter().find_map(|(_, call)| match &call.request {
            Request::Chats { limit, .. } => Some(*limit),
            _ => None,
        })
    };
    for limit in [100, 25, 6, 1, 1] {
        desk.wait(Duration::from_secs(120));
        assert_eq!(asked(&desk), Some(limit));
        desk.answer_where(is_list, Err(ApiError::NotKhaya));
    }
    desk.wait(Duration::from_secs(120));
    desk.answer_where(
        is_list,
        Ok(Response::Chats(Page {
            items: vec![chat("g", ChatKind::Group)],
            next_cursor: Some("next".to_owned()),
        })),
    );
    assert_eq!(asked(&desk), Some(2));
}

#[test]
fn a_chat_that_was_left_does_not_come_back_by_an_answer_from_before() {
    let removed = json!({"chatId": "g", "scope": "private", "seq": 1});
    let mut desk = desk();
    assert_eq!(asked(&desk).0.as_deref(), Some("1"));
    desk.event("chat_removed", removed.clone());
    let told = |event: &str, data| {
        Ok(Response::Synced(Synced {
            events: vec![Missed {
                event: event.to_owned(),
                data,
            }],
            next: "2".to_owned(),
            has_more: false,
        }))
    };
    let before = json!({"chat": chat("g", ChatKind::Group), "scope": "chat", "seq": 1});
    desk.answer_where(is_sync, told("chat_updated", before));
    desk.wait(Duration::from_millis(1));
    assert_eq!(asked(&desk).0.as_deref(), Some("2"), "it is asked again at once");
    desk.answer_where(is_sync, told("chat_removed", removed.clone()));
    assert!(desk.view().chats.is_empty());

    let mut desk = self::desk();
    desk.answer_where(is_sync, synced(Vec::new(), "2", false));
    desk.wait(Duration::from_secs(120));
    desk.event("chat_removed", removed.clone());
    desk.answer_list(vec![chat("g", ChatKind::Group)]);
    assert!(desk.view().chats.is_empty());

    let mut desk = self::desk();
    desk.want(open("g")).unwrap();
    desk.event("chat_removed", removed);
    desk.answer_where(is_join, Ok(Response::Chat(Box::new(chat("g", ChatKind::Group)))));
    desk.answer_where(is_page, page(vec![message("g", 1, "ana")]));
    assert!(desk.view().chats.is_empty());
}

#[test]
fn a_chat_that_somebody_is_let_into_does_not_go_by_an_answer_from_before() {
    let mut desk = desk();
    desk.wait(Duration::from_secs(120));
    desk.answer_list(Vec::new());
    let is_there = |request: &Request| matches!(request, Request::Chat { .. });
    assert_eq!(desk.count(is_there), 1);
    let again = json!({"chat": chat("g", ChatKind::Group), "scope": "private", "seq": 1});
    desk.event("chat_updated", again);
    desk.answer_where(is_there, Err(refused(Code::NotFound)));
    assert_eq!(desk.view().chats.len(), 1);
}

#[test]
fn what_is_deleted_and_not_stored_has_the_counts_fetched() {
    let mut desk = Desk::connected(true);
    let mut of_many = chat("g", ChatKind::Group);
    of_many.unread_count = 3;
    of_many.last_message = Some(message("g", 10, "ana"));
    desk.wait(Duration::from_secs(120));
    desk.answer_list(vec![of_many]);
    let is_asked = |desk: &Desk| desk.calls.iter().any(|(_, call)| is_list(&call.request));
    desk.wait(Duration::from_secs(1));
    assert!(!is_asked(&desk));
    desk.event("message_deleted", json!({"chatId": "g", "messageId": "m9"}));
    desk.wait(Duration::from_secs(1));
    assert!(is_asked(&desk));
}

#[test]
fn what_was_told_is_not_told_again_when_the_store_has_forgotten_it() {
    let mut desk = desk();
    desk.comes_in(&message("g", 1, "ana"));
    desk.comes_in(&message("g", 2, "ana"));
    assert_eq!(desk.notices.len(), 2);
    // The server does not go back so far any more: all begins anew.
    let gone = Err(ApiError::Refused {
        code: Code::NotFound,
        detail: String::new(),
        retry_after: None,
    });
    desk.answer_where(is_sync, gone);
    desk.wait(Duration::from_millis(1));
    assert_eq!(asked(&desk).0, None);
    desk.answer_where(is_sync, synced(Vec::new(), "9", false));
    desk.comes_in(&message("g", 1, "ana"));
    assert_eq!(desk.notices.len(), 2, "it was late");
    desk.comes_in(&message("g", 3, "ana"));
    assert_eq!(desk.notices.len(), 3);
}

#[test]
fn a_deletion_that_the_list_may_know_of_has_the_counts_fetched() {
    let mut desk = desk();
    desk.comes_in(&message("g", 1, "ana"));
    desk.comes_in(&message("g", 2, "ana"));
    // By now the first is deleted, and the list counts the second alone.
    let list = || {
        let mut of_one = chat("g", ChatKind::Group);
        of_one.unread_count = 1;
        of_one.last_message = Some(message("g", 2, "ana"));
        vec![of_one]
    };
    desk.wait(Duration::from_secs(120));
    desk.answer_list(list());
    assert_eq!(desk.view().unread, 1);
    let deleted = json!({"chatId": "g", "messageId": message("g", 1, "ana").id});
    desk.answer_where(
        is_sync,
        Ok(Response::Synced(Synced {
            events: vec![Missed {
                event: "message_deleted".to_owned(),
                data: deleted,
            }],
            next: "2".to_owned(),
            has_more: false,
        })),
    );
    desk.wait(Duration::from_secs(1));
    desk.answer_list(list());
    assert_eq!(desk.view().unread, 1);
}
