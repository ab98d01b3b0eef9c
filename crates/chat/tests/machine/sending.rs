//! From the text to the message.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::{ApiError, Part, Request, Response},
    machine::Input,
    view::SendState,
};
use khaya_wire::{Code, Message};

use crate::desk::{Desk, chat_id, is_page, is_send, message, page, refused};

fn states(desk: &Desk) -> Vec<(String, Option<SendState>)> {
    desk.view()
        .timeline
        .iter()
        .map(|item| (item.text.to_string(), item.state.clone()))
        .collect()
}

fn open(is_full: bool) -> Desk {
    let mut desk = Desk::connected(is_full);
    desk.open("g", vec![message("g", 1, "ana")]);
    desk
}

fn sent(desk: &Desk, number: i64) -> Message {
    let first = desk.sends().remove(0);
    Message {
        content: first.content,
        client_id: first.client_id,
        ..message("g", number, "me")
    }
}

#[test]
fn a_message_keeps_its_key_from_echo_to_read() {
    let mut desk = open(true);
    desk.send("g", "  hello \n").unwrap();
    let echo = desk.view().timeline[1].clone();
    assert_eq!((&*echo.text, &echo.state), ("hello", &Some(SendState::Sending)));
    let answer = sent(&desk, 2);
    desk.answer_where(is_send, Ok(Response::Sent(Box::new(answer.clone()))));
    desk.comes_in(&answer);
    let item = desk.view().timeline[1].clone();
    assert_eq!((&item.key, &item.state), (&echo.key, &Some(SendState::Sent)));
    desk.event(
        "read_updated",
        serde_json::json!({"chatId": "g", "userId": "ana", "messageId": "m0002"}),
    );
    assert_eq!(desk.view().timeline[1].state, Some(SendState::Read));
    assert_eq!(desk.view().timeline.len(), 2);
}

#[test]
fn what_waits_for_the_network_keeps_nothing_awake() {
    let mut desk = open(true);
    desk.want(Intent::Network { online: false }).unwrap();
    desk.send("g", "later").unwrap();
    assert_eq!(desk.count(is_send), 0);
    let (now, wake_at) = (desk.now, desk.wake_at);
    assert!(
        wake_at > Some(now),
        "at {now:?} it wants to be woken at {wake_at:?}"
    );
    desk.want(Intent::Network { online: true }).unwrap();
    assert_eq!(desk.count(is_send), 1);
}

#[test]
fn an_answer_with_another_message_is_none() {
    for is_full in [true, false] {
        let mut desk = open(is_full);
        desk.send("g", "hello").unwrap();
        for wrong in [message("d", 2, "me"), message("g", 2, "ana")] {
            let answer = Message {
                content: "hello".into(),
                client_id: desk.sends()[0].client_id.clone(),
                ..wrong
            };
            desk.answer_where(is_send, Ok(Response::Sent(Box::new(answer))));
            assert_eq!(desk.sends(), [], "not again at once");
            desk.wait(Duration::from_secs(70));
            // On level Base it is looked for.
            while desk.count(is_page) > 0 {
                desk.answer_where(is_page, page(vec![message("g", 1, "ana")]));
            }
        }
        let answer = sent(&desk, 3);
        desk.answer_where(is_send, Ok(Response::Sent(Box::new(answer))));
        let last = states(&desk).pop();
        assert_eq!(last, Some(("hello".to_owned(), Some(SendState::Sent))));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_with_a_sentence() {
    let mut desk = open(true);
    let code = |result: Result<(), khaya_chat::view::Failure>| result.unwrap_err().code;
    assert_eq!(code(desk.send("g", " \n ")), "message_empty");
    assert_eq!(code(desk.send("g", "twenty-one bytes, and")), "message_too_long");
    assert_eq!(code(desk.send("gone", "text")), "not_found");
    desk.disk_is_full = true;
    assert_eq!(code(desk.send("g", "text")), "disk_full");
    assert_eq!(states(&desk).len(), 1, "no echo of what is not on disk");
    desk.disk_is_full = false;
    desk.send("g", "twenty bytes, really").unwrap();
}

#[test]
fn messages_of_a_chat_go_one_after_the_other() {
    let mut desk = open(true);
    for text in ["one", "two", "three"] {
        desk.send("g", text).unwrap();
    }
    desk.send("d", "elsewhere").unwrap();
    let texts: Vec<_> = desk
        .sends()
        .into_iter()
        .map(|send| send.content.to_string())
        .collect();
    assert_eq!(texts, ["one", "elsewhere"]);
    // The first meets an error that passes: the second does not overtake it.
    desk.answer_where(is_send, Err(ApiError::Unreachable));
    assert_eq!(desk.sends().len(), 1);
    desk.wait(Duration::from_secs(2));
    assert_eq!(*desk.sends()[1].content, *"one");
}

#[test]
fn what_the_server_will_not_have_waits_for_the_person() {
    let mut desk = open(true);
    desk.send("g", "bad").unwrap();
    desk.send("g", "good").unwrap();
    desk.answer_where(is_send, Err(refused(Code::InvalidRequest)));
    let failed = desk.view().timeline[1].clone();
    let Some(SendState::Failed { failure }) = &failed.state else {
        panic!("{failed:?}");
    };
    assert_eq!(failure.code, "invalid_request");
    assert_eq!(*desk.sends()[0].content, *"good", "the others go on");
    desk.restart();
    desk.open("g", Vec::new());
    let key = failed.key.clone();
    desk.want(Intent::Retry { key: key.clone() }).unwrap();
    assert_eq!(desk.view().timeline.last().unwrap().key, key);
    // "good" is on its way, and "bad" waits behind it.
    let key_of = |desk: &Desk, text: &str| {
        let view = desk.view();
        let item = view.timeline.iter().find(|item| *item.text == *text);
        item.unwrap().key.clone()
    };
    let good = key_of(&desk, "good");
    let code = desk.want(Intent::DeleteUnsent { key: good }).unwrap_err().code;
    assert_eq!(code, "unknown_item", "what is on its way cannot be taken back");
}

#[test]
fn what_is_being_deleted_is_not_sent_meanwhile() {
    for disk_is_full in [false, true] {
        let mut desk = open(true);
        desk.send("g", "hello").unwrap();
        desk.answer_where(is_send, Err(ApiError::Unreachable));
        let key = desk.view().timeline[1].key.clone();
        desk.disk_is_slow = true;
        let intent = Intent::DeleteUnsent { key };
        desk.tell(Input::Intent { id: 99, intent });
        desk.wait(Duration::from_secs(3));
        assert!(desk.sends().is_empty());
        desk.disk_is_full = disk_is_full;
        desk.disk_goes_on();
        desk.wait(Duration::from_secs(60));
        let deleted = desk.answer_to(99).unwrap();
        assert_eq!(deleted.is_err(), disk_is_full);
        assert_eq!(desk.sends().len(), usize::from(disk_is_full));
    }
}

#[test]
fn full_sends_the_same_again_and_base_looks_first() {
    for is_full in [true, false] {
        let mut desk = open(is_full);
        desk.send("g", "hello").unwrap();
        let first = desk.sends().remove(0);
        desk.answer_where(is_send, Err(ApiError::Timeout));
        desk.calls.clear();
        desk.wait(Duration::from_secs(2));
        if is_full {
            assert_eq!(desk.sends(), [first]);
            continue;
        }
        assert!(desk.sends().is_empty());
        let asked = desk
            .calls
            .iter()
            .find(|(_, call)| is_page(&call.request))
            .unwrap();
        let Request::Messages { part, .. } = &asked.1.request else {
            panic!()
        };
        assert_eq!(*part, Part::After(message("g", 1, "ana").id));
        // Somebody else wrote the same; and then it is there.
        let of_other = Message {
            content: "hello".into(),
            ..message("g", 2, "ana")
        };
        let own = Message {
            content: "hello".into(),
            ..message("g", 3, "me")
        };
        desk.answer_where(is_page, page(vec![of_other, own]));
        assert!(desk.sends().is_empty(), "it is not sent twice");
        let states = states(&desk);
        assert_eq!(states[2], ("hello".to_owned(), Some(SendState::Sent)));
        assert_eq!(states.len(), 3);
    }
}

#[test]
fn base_sends_again_what_is_not_there() {
    let mut desk = open(false);
    desk.send("g", "hello").unwrap();
    desk.answer_where(is_send, Err(ApiError::Timeout));
    desk.calls.clear();
    desk.wait(Duration::from_secs(2));
    desk.answer_where(is_page, page(Vec::new()));
    assert_eq!(desk.sends().len(), 1);
}

#[test]
fn on_base_the_event_before_the_answer_shows_no_second_message() {
    let mut desk = open(false);
    desk.send("g", "hello").unwrap();
    let key = desk.view().timeline[1].key.clone();
    let event = Message {
        content: "hello".into(),
        ..message("g", 2, "me")
    };
    desk.comes_in(&event);
    assert_eq!(states(&desk)[1], ("hello".to_owned(), Some(SendState::Sent)));
    desk.answer_where(is_send, Ok(Response::Sent(Box::new(event))));
    assert_eq!(desk.view().timeline.len(), 2);
    assert_eq!(desk.view().timeline[1].key, key);
}

#[test]
fn on_base_the_same_text_from_another_device_is_told_apart_by_the_answer() {
    let mut desk = open(false);
    desk.send("g", "hello").unwrap();
    let of = |number| Message {
        content: "hello".into(),
        ..message("g", number, "me")
    };
    desk.comes_in(&of(2));
    desk.answer_where(is_send, Ok(Response::Sent(Box::new(of(3)))));
    let view = desk.view();
    let ids: Vec<_> = view
        .timeline
        .iter()
        .map(|item| item.id.clone().unwrap().to_string())
        .collect();
    assert_eq!(ids, ["m0001", "m0002", "m0003"]);
    assert_ne!(view.timeline[1].key, view.timeline[2].key);
    // The one that was taken for it, refused after all: it is not lost.
    desk.send("g", "again").unwrap();
    let again = Message {
        content: "again".into(),
        ..message("g", 4, "me")
    };
    desk.comes_in(&again);
    desk.answer_where(is_send, Err(refused(Code::Forbidden)));
    let last = desk.view().timeline.last().unwrap().clone();
    assert!(matches!(last.state, Some(SendState::Failed { .. })), "{last:?}");
}

/// A request that the network doubled, of which the later one's event comes first.
#[test]
fn on_base_what_the_server_has_twice_has_two_keys() {
    for (event, answer) in [(2, 3), (3, 2)] {
        let mut desk = open(false);
        desk.send("g", "hello").unwrap();
        let of = |number| Message {
            content: "hello".into(),
            ..message("g", number, "me")
        };
        desk.comes_in(&of(event));
        let key = desk.view().timeline[1].key.clone();
        desk.answer_where(is_send, Ok(Response::Sent(Box::new(of(answer)))));
        let view = desk.view();
        let keys: Vec<_> = view.timeline.iter().map(|item| &item.key).collect();
        assert_eq!(keys.len(), 3, "{keys:?}");
        assert_ne!(keys[1], keys[2]);
        assert!(keys.contains(&&key), "{keys:?}");
    }
}

#[test]
fn unsent_messages_come_back_after_a_restart_without_a_network() {
    let mut desk = open(true);
    desk.go_down();
    desk.send("g", "hello").unwrap();
    desk.restart();
    desk.want(Intent::OpenChat {
        chat_id: chat_id("g"),
    })
    .unwrap();
    let states = states(&desk);
    assert_eq!(states[0].0, "text 1", "cached history is there too");
    assert_eq!(states[1], ("hello".to_owned(), Some(SendState::Sending)));
}

#[test]
fn what_is_being_read_stays_while_others_write_much() {
    let mut desk = open(true);
    let count = |desk: &Desk| desk.view().timeline.len();
    for number in 2..500 {
        desk.comes_in(&message("g", number, "ana"));
    }
    let view = desk.view();
    assert_eq!(
        *view.timeline[0].text, *"text 1",
        "nobody has read further than this"
    );
    assert!(view.open.unwrap().has_newer);
    assert_eq!(view.chats[0].unread, 499);
    // One's own message leads to the end.
    desk.send("g", "mine").unwrap();
    assert_eq!(*desk.view().timeline.last().unwrap().text, *"mine");
    assert!(count(&desk) <= 400);
}

#[test]
fn who_follows_the_newest_has_no_more_than_is_asked_for() {
    let mut desk = open(true);
    desk.want(Intent::Focus { focused: true }).unwrap();
    let follow = |rows| Intent::Follow {
        chat_id: chat_id("g"),
        rows,
    };
    desk.want(follow(Some(60))).unwrap();
    for number in 2..500 {
        desk.comes_in(&message("g", number, "ana"));
    }
    let view = desk.view();
    assert_eq!(view.timeline.len(), 60);
    assert_eq!(*view.timeline.last().unwrap().text, *"text 499");
    let open = view.open.unwrap();
    assert!(open.has_older && !open.has_newer);

    desk.want(follow(None)).unwrap();
    for number in 500..600 {
        desk.comes_in(&message("g", number, "ana"));
    }
    let view = desk.view();
    assert_eq!(
        view.timeline.len(),
        160,
        "who reads further up loses nothing of it"
    );
    desk.want(follow(Some(60))).unwrap();
    desk.want(Intent::Focus { focused: false }).unwrap();
    desk.comes_in(&message("g", 600, "ana"));
    assert_eq!(
        desk.view().timeline.len(),
        161,
        "nobody follows without the focus"
    );
    desk.want(Intent::Focus { focused: true }).unwrap();
    desk.comes_in(&message("g", 601, "ana"));
    assert_eq!(desk.view().timeline.len(), 60);
    desk.want(follow(Some(1))).unwrap();
    desk.comes_in(&message("g", 602, "ana"));
    assert_eq!(
        desk.view().timeline.len(),
        20,
        "what the page asks for is made sense of"
    );

    // The page saw it before the newer ones came in, and tells of it only now.
    desk.want(Intent::Seen {
        chat_id: chat_id("g"),
        key: "m:m0580".into(),
    })
    .unwrap();
    assert_eq!(desk.view().chats[0].unread, 22);
}

#[test]
fn who_follows_again_is_with_the_newest_at_once() {
    let mut desk = open(true);
    desk.want(Intent::Focus { focused: true }).unwrap();
    for number in 2..1_000 {
        desk.comes_in(&message("g", number, "ana"));
    }
    assert!(
        desk.view().open.unwrap().has_newer,
        "what came in waits for who has not read the rest"
    );
    desk.want(Intent::Follow {
        chat_id: chat_id("g"),
        rows: Some(60),
    })
    .unwrap();
    desk.want(Intent::LoadNewer).unwrap();
    desk.comes_in(&message("g", 1_000, "ana"));
    let view = desk.view();
    assert_eq!(*view.timeline.last().unwrap().text, *"text 1000");
    assert!(!view.open.unwrap().has_newer);
}

#[test]
fn what_may_have_arrived_is_looked_for_also_when_the_person_tries_again() {
    let mut desk = open(false);
    desk.send("g", "hello").unwrap();
    desk.answer_where(is_send, Err(ApiError::Timeout));
    desk.wait(Duration::from_secs(3));
    let is_look = |request: &Request| {
        matches!(
            request,
            Request::Messages {
                part: Part::After(_),
                ..
            }
        )
    };
    desk.answer_where(is_look, Err(refused(Code::Forbidden)));
    let failed = desk.view().timeline[1].clone();
    assert!(
        matches!(failed.state, Some(SendState::Failed { .. })),
        "{failed:?}"
    );
    desk.want(Intent::Retry {
        key: failed.key.clone(),
    })
    .unwrap();
    assert_eq!((desk.sends().len(), desk.count(is_look)), (0, 1));
    let arrived = Message {
        content: "hello".into(),
        ..message("g", 2, "me")
    };
    desk.answer_where(is_look, page(vec![arrived]));
    assert_eq!(states(&desk)[1], ("hello".to_owned(), Some(SendState::Sent)));
    assert_eq!((desk.sends().len(), states(&desk).len()), (0, 2));
}
