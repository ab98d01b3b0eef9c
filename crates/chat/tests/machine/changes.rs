//! Edits, deletions, reactions, replies, pins, and changes of chats: shown at once, kept, sent in order, undone.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
    view::TimelineItem,
};
use khaya_wire::{ChatKind, Code, Message};

use crate::desk::{Desk, chat, chat_id, is_page, is_send, message, page, refused};

fn item(desk: &Desk, number: usize) -> TimelineItem {
    TimelineItem::clone(&desk.view().timeline[number])
}

fn open() -> Desk {
    let mut desk = Desk::connected(true);
    desk.open("g", vec![message("g", 1, "ana"), message("g", 2, "me")]);
    desk
}

fn react(key: &str, add: bool) -> Intent {
    Intent::React {
        key: key.into(),
        emoji: "👍".into(),
        add,
    }
}

fn edit(key: &str, text: &str) -> Intent {
    Intent::Edit {
        key: key.into(),
        text: text.into(),
    }
}

fn is_edit(request: &Request) -> bool {
    matches!(request, Request::Edit { .. })
}

fn is_reaction(request: &Request) -> bool {
    matches!(request, Request::React { .. })
}

#[test]
fn a_change_is_shown_at_once_and_survives_a_restart_without_a_network() {
    let mut desk = open();
    desk.go_down();
    let key = item(&desk, 1).key;
    desk.want(edit(&key, "better")).unwrap();
    desk.want(react(&item(&desk, 0).key, true)).unwrap();
    for _ in 0..2 {
        let (first, second) = (item(&desk, 0), item(&desk, 1));
        assert_eq!((&*second.text, second.changing), ("better", true));
        assert!(second.edited_at.is_some());
        assert_eq!((first.reactions[0].count, first.reactions[0].mine), (1, true));
        desk.restart();
    }
    // The first of the lane is on its way; the second follows when it has arrived.
    assert_eq!((desk.count(is_edit), desk.count(is_reaction)), (1, 0));
    let edited = Message {
        content: "better".into(),
        edited_at: Some(khaya_wire::Timestamp::from_millis(crate::desk::WALL + 9)),
        ..message("g", 2, "me")
    };
    desk.answer_where(is_edit, Ok(Response::Sent(Box::new(edited))));
    desk.answer_where(is_reaction, Ok(Response::Done));
    assert!(!item(&desk, 0).changing && !item(&desk, 1).changing);
    assert_eq!(item(&desk, 0).reactions[0].count, 1, "what was taken stays");
    assert_eq!(&*item(&desk, 1).text, "better");
}

#[test]
fn what_is_for_an_unsent_message_waits_for_it() {
    let mut desk = open();
    desk.go_down();
    desk.send("g", "one").unwrap();
    let key = item(&desk, 2).key;
    desk.want(react(&key, true)).unwrap();
    let reply = Intent::Send {
        chat_id: chat_id("g"),
        text: "two".into(),
        reply_to: Some(key.clone()),
        visible_to: Vec::new(),
        visible_to_roles: Vec::new(),
        attachments: Vec::new(),
    };
    desk.want(reply).unwrap();
    assert_eq!(item(&desk, 2).reactions.len(), 1);
    assert_eq!(item(&desk, 3).reply_to.unwrap().excerpt, "one");
    desk.come_up();
    desk.answer_where(is_page, page(vec![message("g", 1, "ana"), message("g", 2, "me")]));
    assert_eq!((desk.sends().len(), desk.count(is_reaction)), (1, 0));
    let sent = Message {
        content: "one".into(),
        client_id: desk.sends()[0].client_id.clone(),
        ..message("g", 3, "me")
    };
    desk.answer_where(is_send, Ok(Response::Sent(Box::new(sent))));
    desk.answer_where(
        |request| matches!(request, Request::React { message, .. } if message.as_str() == "m0003"),
        Ok(Response::Done),
    );
    let reply = desk.sends().remove(0);
    assert_eq!(reply.reply_to.unwrap().as_str(), "m0003");
    assert_eq!(item(&desk, 2).key, key, "the key stays");
}

#[test]
fn what_is_refused_is_undone_and_said() {
    let mut desk = open();
    desk.want(react(&item(&desk, 0).key, true)).unwrap();
    desk.answer_where(is_reaction, Err(refused(Code::Conflict)));
    assert!(item(&desk, 0).reactions.is_empty());
    let alert = desk.view().alerts.remove(0).failure;
    assert_eq!(alert.code, "change_refused");
    assert!(
        alert.message.starts_with("Your reaction was not added."),
        "{alert:?}"
    );
    // The text of an edit is not lost with it.
    desk.want(edit(&item(&desk, 1).key, "worse")).unwrap();
    desk.answer_where(is_edit, Err(refused(Code::InvalidRequest)));
    desk.restart();
    let refused_item = item(&desk, 1);
    let failed = refused_item.failed_edit.unwrap();
    assert_eq!((&*refused_item.text, &*failed.text), ("text 2", "worse"));
    desk.want(Intent::Retry {
        key: failed.key.clone(),
    })
    .unwrap();
    assert_eq!((desk.count(is_edit), &*item(&desk, 1).text), (1, "worse"));
}

#[test]
fn a_failed_message_is_sent_with_its_new_text() {
    let mut desk = open();
    desk.send("g", "bad").unwrap();
    desk.answer_where(is_send, Err(refused(Code::InvalidRequest)));
    let key = item(&desk, 2).key;
    assert!(
        desk.want(react(&key, true)).is_err(),
        "it is not there to be reacted to"
    );
    desk.want(edit(&key, "good")).unwrap();
    assert_eq!(*desk.sends()[0].content, *"good");
}

#[test]
fn what_the_server_does_not_have_is_neither_shown_nor_taken() {
    let mut desk = Desk::connected(false);
    desk.open("g", vec![message("g", 1, "me")]);
    let shown = item(&desk, 0);
    assert_eq!(shown.may, khaya_chat::view::MayWithMessage::default());
    for intent in [
        react(&shown.key, true),
        edit(&shown.key, "x"),
        Intent::MuteChat {
            chat_id: chat_id("g"),
            muted: true,
        },
    ] {
        assert_eq!(desk.want(intent).unwrap_err().code, "not_supported");
    }
}

#[test]
fn a_chat_that_is_left_is_gone_at_once_and_comes_back_if_it_must() {
    let mut desk = open();
    let leave = || Intent::LeaveChat {
        chat_id: chat_id("g"),
    };
    desk.want(leave()).unwrap();
    let shown = |desk: &Desk| desk.view().chats.iter().any(|row| row.id == chat_id("g"));
    assert!(!shown(&desk) && desk.view().open.is_none());
    let is_removal = |request: &Request| matches!(request, Request::RemoveMember { .. });
    desk.answer_where(is_removal, Err(refused(Code::Conflict)));
    assert!(shown(&desk));
    desk.want(leave()).unwrap();
    desk.answer_where(is_removal, Err(ApiError::Timeout));
    desk.wait(Duration::from_secs(2));
    desk.answer_where(is_removal, Err(refused(Code::NotFound)));
    assert!(!shown(&desk) && desk.view().alerts.len() == 1);
}

#[test]
fn a_chat_takes_its_new_name_topic_and_place_at_once() {
    let mut desk = open();
    desk.want(Intent::DescribeChat {
        chat_id: chat_id("g"),
        name: Some(" new ".into()),
        topic: Some("on".into()),
    })
    .unwrap();
    desk.want(Intent::PinChat {
        chat_id: chat_id("g"),
        pinned: true,
    })
    .unwrap();
    let first = desk.view().chats[0].clone();
    assert_eq!((first.name.as_str(), first.pinned), ("new", true));
    assert_eq!(desk.view().open.unwrap().topic.as_deref(), Some("on"));
    let is_description = |request: &Request| matches!(request, Request::ChangeChat { .. });
    let mut told = chat("g", ChatKind::Group);
    told.name = "new".into();
    desk.answer_where(is_description, Ok(Response::Chat(Box::new(told))));
    assert_eq!(desk.view().chats[0].name, "new");
    assert_eq!(desk.view().open.unwrap().topic, None, "the server's word counts");
}

#[test]
fn a_jump_shows_what_is_around_a_message_that_was_not_here() {
    let mut desk = open();
    desk.want(Intent::JumpTo {
        chat_id: chat_id("g"),
        message_id: message("g", -7, "ana").id,
    })
    .unwrap();
    desk.answer_where(
        is_page,
        page(vec![message("g", -6, "ana"), message("g", -5, "bo")]),
    );
    desk.answer_where(
        is_page,
        page(vec![message("g", -8, "ana"), message("g", -7, "bo")]),
    );
    let view = desk.view();
    let jump = view.open.unwrap().jumped_to.unwrap();
    assert!(view.timeline.iter().any(|item| item.key == jump.key));
    assert_eq!(jump.key, "m:m-007");
    assert_eq!(view.timeline.first().unwrap().text.to_string(), "text -8");
}
