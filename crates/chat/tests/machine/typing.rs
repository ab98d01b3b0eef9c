//! Typing, both ways.

use std::time::Duration;

use khaya_chat::Intent;
use serde_json::{Value, json};

use crate::desk::{Desk, chat_id, message};

fn types(desk: &mut Desk, active: bool) {
    desk.want(Intent::Typing {
        chat_id: chat_id("g"),
        active,
    })
    .unwrap();
}

fn told(desk: &mut Desk) -> Vec<Value> {
    std::mem::take(&mut desk.emitted)
        .into_iter()
        .filter(|(name, _)| *name == "user_typing")
        .map(|(_, data)| data["isTyping"].clone())
        .collect()
}

fn open(is_full: bool) -> Desk {
    let mut desk = Desk::connected(is_full);
    desk.open("g", Vec::new());
    desk
}

#[test]
fn is_told_at_most_every_three_seconds() {
    let mut desk = open(true);
    let mut times = 0;
    for _ in 0..100 {
        types(&mut desk, true);
        times += told(&mut desk).len();
        desk.wait(Duration::from_millis(100));
    }
    assert_eq!(times, 4, "at 0, 3, 6 and 9 s of 10");
}

#[test]
fn ends_with_what_ends_it() {
    let ends: [fn(&mut Desk); 5] = [
        |desk| types(desk, false),
        |desk| desk.send("g", "text").unwrap(),
        |desk| desk.want(Intent::Focus { focused: false }).unwrap(),
        |desk| {
            let chat_id = chat_id("d");
            desk.want(Intent::OpenChat { chat_id }).unwrap();
        },
        |desk| desk.wait(Duration::from_secs(6)),
    ];
    for (number, end) in ends.into_iter().enumerate() {
        for is_full in [true, false] {
            let mut desk = open(is_full);
            types(&mut desk, true);
            assert_eq!(told(&mut desk), [json!(true)]);
            end(&mut desk);
            // A Base server may take any as typing: it is told of none that is over.
            let expected: &[Value] = if is_full { &[json!(false)] } else { &[] };
            assert_eq!(told(&mut desk), expected, "{number}, full: {is_full}");
            types(&mut desk, false);
            assert!(told(&mut desk).is_empty(), "{number}: once");
        }
    }
}

#[test]
fn others_are_shown_until_they_stop_or_fall_silent() {
    let mut desk = open(true);
    let typing = |active: bool| json!({"chatId": "g", "userId": "ana", "isTyping": active});
    let shown = |desk: &Desk| desk.view().open.unwrap().typing;
    desk.event("user_typing", typing(true));
    assert_eq!(shown(&desk), ["ANA"]);
    desk.event("user_typing", typing(false));
    assert!(shown(&desk).is_empty());
    desk.event("user_typing", json!({"chatId": "g", "userId": "ana"}));
    desk.wait(Duration::from_millis(5_900));
    assert_eq!(shown(&desk), ["ANA"], "no isTyping means true");
    desk.wait(Duration::from_millis(100));
    assert!(shown(&desk).is_empty(), "after six seconds");
    desk.event("user_typing", typing(true));
    desk.comes_in(&message("g", 1, "ana"));
    assert!(shown(&desk).is_empty(), "what was typed is here");
    desk.event("user_typing", json!({"chatId": "g", "userId": "me"}));
    assert!(shown(&desk).is_empty(), "oneself elsewhere");
}
