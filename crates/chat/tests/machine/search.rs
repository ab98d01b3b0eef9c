//! Looking for messages: disk and server in one list, and what has become of what was found.

use std::{sync::Arc, time::Duration};

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
    view::{Search, SearchHit},
};
use khaya_wire::{Code, Message, Page, discovery::Feature};
use serde_json::json;

use crate::desk::{Desk, chat_id, discovery, message, page, refused};

/// A desk with a chat of this many messages that is open.
fn desk(count: i64) -> Desk {
    let mut server = discovery();
    server.features.insert(Feature::Search);
    let mut desk = Desk::connected_to(Some(server));
    desk.open(
        "g",
        (1..=count).map(|number| message("g", number, "ana")).collect(),
    );
    desk
}

fn look_for(desk: &mut Desk, query: &str) {
    let query = query.to_owned();
    desk.want(Intent::Search { query, chat_id: None }).unwrap();
}

fn search(desk: &Desk) -> Search {
    desk.view().search.unwrap()
}

fn found(desk: &Desk) -> Vec<String> {
    desk.view().found.iter().map(|hit| hit.id.to_string()).collect()
}

fn hit(desk: &Desk, id: &str) -> Arc<SearchHit> {
    let hits = desk.view().found;
    hits.into_iter().find(|hit| hit.id.as_str() == id).unwrap()
}

fn is_search(request: &Request) -> bool {
    matches!(request, Request::Search { .. })
}

fn server_finds(desk: &mut Desk, messages: Vec<Message>, next: Option<&str>) {
    let page = Page {
        items: messages,
        next_cursor: next.map(str::to_owned),
    };
    desk.answer_where(is_search, Ok(Response::Messages(page)));
}

fn elsewhere(number: i64) -> Message {
    message("d", number, "bo")
}

#[test]
fn the_disk_tells_at_once_and_the_server_joins_it_without_doubles() {
    let mut desk = desk(3);
    look_for(&mut desk, "text");
    assert_eq!(found(&desk), ["m0003", "m0002", "m0001"]);
    assert!(search(&desk).is_loading && !search(&desk).is_everywhere);
    assert_eq!(desk.count(is_search), 0, "it may still be typed");
    desk.wait(Duration::from_millis(250));
    server_finds(
        &mut desk,
        vec![elsewhere(9), message("g", 2, "ana"), elsewhere(0)],
        None,
    );
    assert_eq!(found(&desk), ["m0009", "m0003", "m0002", "m0001", "m0000"]);
    let search = search(&desk);
    assert!(!search.is_loading && search.is_everywhere && !search.has_more);
    let hit = hit(&desk, "m0009");
    assert_eq!((hit.chat_name.as_str(), hit.sender.name.as_str()), ("ANA", "BO"));
    let pieces: Vec<_> = hit
        .excerpt
        .iter()
        .map(|piece| (piece.text.as_str(), piece.is_hit))
        .collect();
    assert_eq!(pieces, [("text", true), (" 9", false)]);
}

#[test]
fn a_newer_question_wins() {
    let mut desk = desk(3);
    look_for(&mut desk, "text");
    desk.wait(Duration::from_millis(250));
    let old = desk
        .calls
        .iter()
        .position(|(_, call)| is_search(&call.request))
        .unwrap();
    let old = desk.calls[old].0;
    look_for(&mut desk, "2");
    assert_eq!(desk.count(is_search), 0, "the call for the older one is stopped");
    desk.tell(khaya_chat::machine::Input::Call {
        token: old,
        result: page(vec![elsewhere(9)]),
    });
    assert_eq!(found(&desk), ["m0002"]);
    desk.want(Intent::CloseSearch).unwrap();
    assert!(desk.view().search.is_none() && desk.view().found.is_empty());
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.count(is_search), 0);
}

#[test]
fn pages_of_both_are_one_list_that_grows_at_its_end() {
    let mut desk = desk(60);
    look_for(&mut desk, "text");
    assert_eq!(found(&desk).len(), 25);
    desk.wait(Duration::from_millis(250));
    // The server tells of newer messages first: what the disk has beyond them waits.
    server_finds(
        &mut desk,
        (50..=99).rev().map(elsewhere).collect(),
        Some("further"),
    );
    let first = found(&desk);
    assert_eq!(first.len(), 50 + 11);
    assert!(search(&desk).has_more);
    desk.want(Intent::SearchMore).unwrap();
    desk.want(Intent::SearchMore).unwrap();
    assert_eq!(desk.count(is_search), 1, "one page at a time");
    server_finds(&mut desk, (40..=49).rev().map(elsewhere).collect(), None);
    assert!(found(&desk).starts_with(&first));
    while search(&desk).has_more {
        desk.want(Intent::SearchMore).unwrap();
    }
    assert_eq!(found(&desk).len(), 60 + 60);
}

#[test]
fn a_search_can_be_narrowed_down_further_than_the_server_knows() {
    let mut desk = desk(3);
    look_for(&mut desk, "text from:bo before:2027-01-16");
    desk.wait(Duration::from_millis(250));
    let (_, call) = desk.calls.last().unwrap().clone();
    let Request::Search {
        words, sender, chat, ..
    } = call.request
    else {
        panic!("{call:?}");
    };
    assert_eq!((words.as_str(), chat), ("text", None));
    assert_eq!(sender.unwrap().as_str(), "bo");
    // A page of messages that are too new leads to the next one.
    let too_new = Message {
        created_at: "2027-01-20T00:00:00Z".parse().unwrap(),
        ..elsewhere(1)
    };
    server_finds(&mut desk, vec![too_new, message("d", 2, "ana")], Some("further"));
    assert!(found(&desk).is_empty() && search(&desk).is_loading);
    server_finds(&mut desk, vec![elsewhere(3)], None);
    assert_eq!(found(&desk), ["m0003"]);

    look_for(&mut desk, "text from:nobody");
    let search = search(&desk);
    assert_eq!(search.failure.unwrap().code, "search_nobody");
    assert!(found(&desk).is_empty() && !search.is_loading);
}

#[test]
fn one_chat_is_looked_through_and_jumped_into() {
    let mut desk = desk(3);
    let query = "text".to_owned();
    let chat = Some(chat_id("d"));
    desk.want(Intent::Search {
        query,
        chat_id: chat.clone(),
    })
    .unwrap();
    assert!(found(&desk).is_empty());
    desk.wait(Duration::from_millis(250));
    server_finds(&mut desk, vec![elsewhere(9), message("g", 2, "ana")], None);
    assert_eq!(found(&desk), ["m0009"], "whatever the server tells");
    assert_eq!(search(&desk).chat_id, chat);
    let hit = hit(&desk, "m0009");
    desk.want(Intent::JumpTo {
        chat_id: hit.chat_id.clone(),
        message_id: hit.id.clone(),
    })
    .unwrap();
    assert_eq!(desk.view().open.unwrap().id, chat_id("d"));
    assert_eq!(found(&desk), ["m0009"], "what was found stays");
}

#[test]
fn what_was_found_follows_what_becomes_of_it() {
    let mut desk = desk(4);
    look_for(&mut desk, "text");
    desk.wait(Duration::from_millis(250));
    let asked = elsewhere(7);
    desk.event("message_deleted", json!({"chatId": "d", "messageId": asked.id}));
    server_finds(&mut desk, vec![asked], None);
    assert_eq!(found(&desk).len(), 4, "it was deleted while the server answered");

    desk.event("message_deleted", json!({"chatId": "g", "messageId": "m0001"}));
    let edited = |number, content: &str| Message {
        content: content.into(),
        edited_at: Some("2027-01-15T09:00:00Z".parse().unwrap()),
        ..message("g", number, "ana")
    };
    for (number, content) in [(2, "other"), (3, "new text")] {
        let message = edited(number, content);
        desk.event("message_updated", json!({"chatId": "g", "message": message}));
    }
    assert_eq!(found(&desk), ["m0004", "m0003"]);
    assert_eq!(hit(&desk, "m0003").excerpt[0].text, "new ");
    desk.event("chat_removed", json!({"chatId": "g"}));
    assert!(found(&desk).is_empty());
}

#[test]
fn without_the_server_the_disk_is_what_there_is() {
    let mut desk = desk(2);
    look_for(&mut desk, "text");
    desk.wait(Duration::from_millis(250));
    desk.answer_where(is_search, Err(ApiError::Unreachable));
    assert_eq!(search(&desk).failure.unwrap().code, "unreachable");
    assert_eq!(found(&desk).len(), 2);
    desk.go_down();
    desk.come_up();
    server_finds(&mut desk, vec![elsewhere(9)], None);
    assert_eq!(found(&desk).len(), 3);
    assert_eq!(search(&desk).failure, None);

    look_for(&mut desk, "has:link");
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.count(is_search), 0, "a server looks for words");
    assert!(!search(&desk).is_loading && !search(&desk).is_everywhere);

    let mut base = Desk::connected(false);
    base.open("g", vec![message("g", 1, "ana")]);
    look_for(&mut base, "text");
    base.wait(Duration::from_secs(1));
    assert_eq!((base.count(is_search), found(&base).len()), (0, 1));
    assert_eq!(search(&base).failure, None);
}

#[test]
fn a_page_that_fails_is_asked_for_again() {
    let mut desk = desk(0);
    look_for(&mut desk, "text");
    desk.wait(Duration::from_millis(250));
    server_finds(&mut desk, (1..=3).rev().map(elsewhere).collect(), Some("further"));
    desk.want(Intent::SearchMore).unwrap();
    desk.answer_where(is_search, Err(refused(Code::RateLimited)));
    assert!(search(&desk).has_more);
    assert_eq!(found(&desk).len(), 3);
    desk.want(Intent::SearchMore).unwrap();
    server_finds(&mut desk, vec![elsewhere(0)], None);
    assert_eq!(found(&desk).len(), 4);
    assert_eq!(search(&desk).failure, None);
}
