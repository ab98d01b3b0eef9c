//! Who is told of what, and when no more.

use khaya_chat::{Intent, api::Response, intent::Quiet};
use khaya_wire::{ChatKind, Message, Page};

use crate::desk::{Desk, chat, chat_id, is_list, message};

#[test]
fn others_messages_are_told_once_and_while_nobody_looks() {
    let mut desk = Desk::connected(true);
    desk.comes_in(&message("g", 1, "ana"));
    desk.comes_in(&message("g", 1, "ana"));
    desk.comes_in(&message("g", 2, "me"));
    desk.want(Intent::Focus { focused: true }).unwrap();
    desk.comes_in(&message("g", 3, "ana"));
    let told: Vec<_> = desk
        .notices
        .iter()
        .map(|notice| (&*notice.key, &*notice.title, notice.text.as_deref()))
        .collect();
    assert_eq!(told, [("m0001", "ANA · chat g", Some("text 1"))]);
    assert_eq!(desk.view().unread, 2);
}

#[test]
fn what_only_some_may_read_is_not_written_on_the_screen() {
    let mut desk = Desk::connected(true);
    desk.comes_in(&Message {
        visible_to: Some(vec!["me".parse().unwrap()]),
        ..message("d", 1, "ana")
    });
    assert_eq!(desk.notices[0].text, None);
    assert_eq!(desk.notices[0].title, "ANA");
}

#[test]
fn a_muted_chat_is_silent_and_not_counted() {
    let mut desk = Desk::connected(true);
    let mut muted = chat("g", ChatKind::Group);
    muted.muted = Some(true);
    desk.event("chat_updated", serde_json::json!({ "chat": muted }));
    desk.comes_in(&message("g", 1, "ana"));
    assert!(desk.notices.is_empty());
    let view = desk.view();
    assert_eq!(view.unread, 0);
    assert!(view.chats.iter().any(|row| row.unread == 1 && row.muted));
}

#[test]
fn what_came_while_away_is_told_in_one_and_the_first_sight_of_a_team_is_not() {
    let with = |unread: u64, number: i64| {
        let mut chat = chat("g", ChatKind::Group);
        chat.unread_count = unread;
        chat.last_message = Some(message("g", number, "ana"));
        vec![chat]
    };
    let mut desk = Desk::new();
    desk.sign_in(false);
    desk.answer_list(with(7, 7));
    assert!(desk.notices.is_empty(), "history");
    desk.go_down();
    desk.come_up();
    desk.wait(std::time::Duration::from_secs(1));
    desk.answer_list(with(10, 10));
    assert_eq!(desk.notices.len(), 1);
    assert_eq!(
        (desk.notices[0].count, desk.notices[0].text.as_deref()),
        (3, None)
    );
    // The same again, over a restart too.
    desk.restart();
    let again = Page {
        items: with(10, 10),
        next_cursor: None,
    };
    desk.answer_where(is_list, Ok(Response::Chats(again)));
    assert_eq!(desk.notices.len(), 1);
}

#[test]
fn is_withdrawn_when_read_here_or_elsewhere() {
    let mut desk = Desk::connected(true);
    desk.open("g", Vec::new());
    desk.comes_in(&message("g", 1, "ana"));
    desk.want(Intent::Seen {
        chat_id: chat_id("g"),
        key: "m:m0001".into(),
    })
    .unwrap();
    assert_eq!(desk.withdrawn, [chat_id("g")]);
    desk.comes_in(&message("d", 2, "ana"));
    assert_eq!(desk.view().unread, 1);
    desk.event(
        "read_updated",
        serde_json::json!({"chatId": "d", "userId": "me", "messageId": "m0002"}),
    );
    assert_eq!(desk.withdrawn, [chat_id("g"), chat_id("d")]);
    assert_eq!(desk.view().unread, 0);
    // From a notice, of a chat that is not open.
    desk.comes_in(&message("d", 3, "ana"));
    assert!(desk.notices.last().unwrap().may_reply);
    desk.want(Intent::MarkRead {
        chat_id: chat_id("d"),
    })
    .unwrap();
    assert_eq!(desk.withdrawn, [chat_id("g"), chat_id("d"), chat_id("d")]);
    assert_eq!(desk.view().unread, 0);
    let nowhere = desk.want(Intent::MarkRead {
        chat_id: chat_id("x"),
    });
    assert_eq!(nowhere.unwrap_err().code, "not_found");
}

#[test]
fn quiet_hours_are_of_the_clock_on_the_wall_and_mentions_may_break_them() {
    // The desk's clock stands at 08:00 UTC.
    let quiet = |hours, utc_offset, but_mentions| Quiet {
        do_not_disturb: false,
        hours: Some(hours),
        utc_offset,
        but_mentions,
    };
    let naming = Message {
        content: "@me, look".into(),
        ..message("g", 2, "ana")
    };
    for (quiet, told) in [
        (Quiet::default(), 2),
        (quiet((7 * 60, 9 * 60), 0, false), 0),
        (quiet((22 * 60, 9 * 60), 0, false), 0),
        (quiet((22 * 60, 7 * 60), 0, false), 2),
        (quiet((22 * 60, 7 * 60), -120, false), 0),
        (quiet((7 * 60, 9 * 60), 0, true), 1),
        (
            Quiet {
                do_not_disturb: true,
                but_mentions: true,
                ..Quiet::default()
            },
            1,
        ),
    ] {
        let mut desk = Desk::connected(true);
        desk.want(Intent::Quiet(quiet)).unwrap();
        desk.comes_in(&message("g", 1, "ana"));
        desk.comes_in(&naming);
        assert_eq!(desk.notices.len(), told, "{quiet:?}");
        assert!(
            desk.view()
                .chats
                .iter()
                .any(|row| row.mentioned && row.unread == 2)
        );
    }
}
