//! What a change makes of a message or a chat: for the view while the server has not answered, and for what is
//! stored once it has.

use khaya_wire::{Chat, Message, Timestamp, UserId, model::Reaction};

use super::Change;

/// The message as it is after the change; the same where the change is not about messages.
#[must_use]
pub(crate) fn to_message(change: &Change, mut message: Message, me: &UserId, now: Timestamp) -> Message {
    if message.deleted_at.is_some() {
        return message;
    }
    match change {
        Change::Edit { text, .. } => {
            message.content = text.clone();
            message.edited_at = Some(now);
        }
        Change::Delete { .. } => message = tombstone(message, now),
        Change::React { emoji, add, .. } => react(&mut message, me, emoji, *add),
        Change::Pin { pinned, .. } => message.pinned = Some(*pinned),
        Change::Prefer { .. }
        | Change::Describe { .. }
        | Change::AddMember { .. }
        | Change::RemoveMember { .. }
        | Change::SetRole { .. }
        | Change::Leave
        | Change::DeleteChat => {}
    }
    message
}

/// The chat as it is after the change; `None` when it is there no more.
#[must_use]
pub(crate) fn to_chat(change: &Change, mut chat: Chat) -> Option<Chat> {
    match change {
        Change::Prefer { muted, pinned } => {
            chat.muted = muted.or(chat.muted);
            chat.pinned = pinned.or(chat.pinned);
        }
        Change::Describe { name, topic } => {
            if let Some(name) = name {
                chat.name.clone_from(name);
            }
            if let Some(topic) = topic {
                chat.topic = Some(topic.clone()).filter(|topic| !topic.is_empty());
            }
        }
        Change::AddMember { user } => {
            if !chat.members.iter().any(|member| member.id == user.id) {
                chat.members.push((**user).clone());
            }
        }
        Change::RemoveMember { user } => chat.members.retain(|member| member.id != *user),
        Change::Leave | Change::DeleteChat => return None,
        Change::SetRole { .. }
        | Change::Edit { .. }
        | Change::Delete { .. }
        | Change::React { .. }
        | Change::Pin { .. } => {}
    }
    Some(chat)
}

/// What is left of a message that was deleted.
#[must_use]
pub(crate) fn tombstone(message: Message, at: Timestamp) -> Message {
    Message {
        content: "".into(),
        deleted_at: message.deleted_at.or(Some(at)),
        attachments: None,
        reactions: None,
        pinned: None,
        ..message
    }
}

fn react(message: &mut Message, me: &UserId, emoji: &str, add: bool) {
    let mut reactions = message.reactions.take().unwrap_or_default();
    match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
        Some(reaction) => {
            reaction.user_ids.retain(|user| user != me);
            if add {
                reaction.user_ids.push(me.clone());
            }
        }
        None if add => reactions.push(Reaction {
            emoji: emoji.to_owned(),
            user_ids: vec![me.clone()],
        }),
        None => {}
    }
    reactions.retain(|reaction| !reaction.user_ids.is_empty());
    message.reactions = Some(reactions).filter(|reactions| !reactions.is_empty());
}
