//! People, chats and messages as a server tells them, with nothing in them that a test does not ask for.

use khaya_wire::{Chat, ChatId, ChatKind, Message, MessageId, Timestamp, User, UserId};

pub(crate) fn user(id: &str) -> User {
    User {
        id: UserId::new(id).unwrap(),
        username: format!("{id}-name"),
        name: id.to_uppercase(),
        role: "member".into(),
        avatar_file_id: None,
        presence: None,
    }
}

/// A group in which nothing has been said.
pub(crate) fn group(id: &str, name: &str, members: &[&str]) -> Chat {
    Chat {
        id: ChatId::new(id).unwrap(),
        kind: ChatKind::Group,
        name: name.into(),
        topic: None,
        members: members.iter().map(|id| user(id)).collect(),
        last_message: None,
        unread_count: 0,
        updated_at: Timestamp::from_millis(0),
        my_role: None,
        muted: None,
        pinned: None,
        reads: None,
        seq: None,
    }
}

/// Message `m` and its number, sent in that second.
pub(crate) fn message(number: i64, chat: &str, from: &str, text: &str) -> Message {
    Message {
        id: MessageId::new(format!("m{number:05}")).unwrap(),
        chat_id: ChatId::new(chat).unwrap(),
        sender_id: UserId::new(from).unwrap(),
        content: text.into(),
        created_at: Timestamp::from_millis(number * 1000),
        client_id: None,
        edited_at: None,
        deleted_at: None,
        reply_to: None,
        visible_to: None,
        visible_to_roles: None,
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    }
}
