//! What a person may see: the list, a chat, pages of messages, and how far they have read.

use khaya_chat::api::{ApiError, Part};
use khaya_wire::{
    Chat, ChatId, Code, Message, MessageId, Page, Timestamp, UserId, event::name, model::ReadMarker,
};
use serde_json::json;

use super::{EPOCH, PAGE, Sent, Server, can_see, refused};

impl Server {
    /// The messages of a chat that exist for a person, in order.
    pub(crate) fn entitled(&self, chat: &ChatId, user: &UserId) -> Vec<&Message> {
        self.chats[chat]
            .messages
            .iter()
            .filter(|message| can_see(message, user))
            .collect()
    }

    /// Whether a message is there and exists for a person.
    pub(crate) fn is_entitled(&self, chat: &ChatId, message: &MessageId, user: &UserId) -> bool {
        self.chats[chat]
            .first
            .get(message)
            .is_some_and(|message| can_see(message, user))
    }

    pub(crate) fn unread(&self, chat: &ChatId, user: &UserId) -> u64 {
        let read = self.chats[chat].read.get(user);
        self.entitled(chat, user)
            .into_iter()
            .filter(|message| {
                message.sender_id != *user
                    && message.deleted_at.is_none()
                    && read.is_none_or(|(at, id)| message.position() > (*at, id))
            })
            .count() as u64
    }

    pub(super) fn may_see(&self, chat: &ChatId, user: &UserId) -> Result<(), ApiError> {
        match self.chats.get(chat) {
            Some(model) if model.members.contains(user) => Ok(()),
            Some(_) | None => Err(refused(Code::NotFound)),
        }
    }

    /// Two to a page, so that paging is done.
    pub(super) fn list(&self, user: &UserId, cursor: Option<&str>) -> Page<Chat> {
        let mut chats: Vec<_> = self
            .chats
            .iter()
            .filter(|(_, chat)| chat.members.contains(user))
            .map(|(id, _)| self.chat_as(id, user))
            .collect();
        chats.sort_by_key(|chat| (std::cmp::Reverse(chat.updated_at), chat.id.clone()));
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let items: Vec<_> = chats.iter().skip(from).take(2).cloned().collect();
        let end = from + items.len();
        Page {
            items,
            next_cursor: (end < chats.len()).then(|| end.to_string()),
        }
    }

    pub(crate) fn chat_as(&self, id: &ChatId, user: &UserId) -> Chat {
        let model = &self.chats[id];
        let last = self.entitled(id, user).pop().cloned();
        Chat {
            id: id.clone(),
            kind: model.kind,
            name: model.name.clone(),
            topic: Some(model.topic.clone()).filter(|topic| !topic.is_empty()),
            members: self
                .users
                .iter()
                .filter(|user| model.members.contains(&user.id))
                .cloned()
                .collect(),
            updated_at: last
                .as_ref()
                .map_or(Timestamp::from_millis(EPOCH), |last| last.created_at),
            last_message: last.map(|last| self.message_as(&last, user)),
            unread_count: self.unread(id, user),
            my_role: None,
            muted: model.preferences.get(user).and_then(|known| known.muted),
            pinned: model.preferences.get(user).and_then(|known| known.pinned),
            reads: self.is_full.then(|| {
                model
                    .read
                    .iter()
                    .map(|(user, (_, message))| ReadMarker {
                        user_id: user.clone(),
                        message_id: message.clone(),
                    })
                    .collect()
            }),
            seq: self.is_full.then_some(model.seq),
        }
    }

    pub(super) fn message_as(&self, message: &Message, user: &UserId) -> Message {
        Message {
            client_id: message
                .client_id
                .clone()
                .filter(|_| self.is_full && message.sender_id == *user),
            ..message.clone()
        }
    }

    pub(super) fn page(&self, chat: &ChatId, user: &UserId, part: &Part) -> Result<Page<Message>, ApiError> {
        let all = self.entitled(chat, user);
        let place = |id: &MessageId| {
            all.iter()
                .position(|message| message.id == *id)
                .ok_or_else(|| refused(Code::NotFound))
        };
        let (items, next): (&[&Message], _) = match part {
            Part::Newest => {
                let from = all.len().saturating_sub(PAGE);
                (&all[from..], (from > 0).then(|| all[from].id.to_string()))
            }
            Part::Before(id) => {
                let end = place(id)?;
                let from = end.saturating_sub(PAGE);
                (&all[from..end], (from > 0).then(|| all[from].id.to_string()))
            }
            Part::After(id) => {
                let from = place(id)? + 1;
                let end = (from + PAGE).min(all.len());
                (
                    &all[from..end],
                    (end < all.len()).then(|| all[end - 1].id.to_string()),
                )
            }
        };
        Ok(Page {
            items: items
                .iter()
                .map(|message| self.message_as(message, user))
                .collect(),
            next_cursor: next,
        })
    }

    /// What a person can see with this text, newest first. The cursor is how many there were before.
    pub(super) fn search(
        &self,
        user: &UserId,
        words: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Page<Message> {
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let found = self.found(user, words);
        let items: Vec<_> = found
            .iter()
            .skip(from)
            .take(limit)
            .map(|message| self.message_as(message, user))
            .collect();
        let end = from + items.len();
        Page {
            items,
            next_cursor: (end < found.len()).then(|| end.to_string()),
        }
    }

    /// Everything that exists for a person and has this text, newest first.
    pub(crate) fn found(&self, user: &UserId, words: &str) -> Vec<&Message> {
        let chats = self.chats.iter().filter(|(_, chat)| chat.members.contains(user));
        let mut found: Vec<_> = chats
            .flat_map(|(id, _)| self.entitled(id, user))
            .filter(|message| message.deleted_at.is_none() && message.content.contains(words))
            .collect();
        found.sort_by(|a, b| b.position().cmp(&a.position()));
        found
    }

    pub(super) fn mark_read(
        &mut self,
        chat: &ChatId,
        user: &UserId,
        message: &MessageId,
        sent: &mut Vec<Sent>,
    ) -> Result<(), ApiError> {
        let place = self
            .entitled(chat, user)
            .into_iter()
            .find(|known| known.id == *message)
            .map(|known| (known.created_at, known.id.clone()))
            .ok_or_else(|| refused(Code::NotFound))?;
        let model = self.chats.get_mut(chat).unwrap();
        let read = model.read.entry(user.clone()).or_insert_with(|| place.clone());
        if *read < place {
            *read = place;
        }
        let event = json!({ "chatId": chat, "userId": user, "messageId": read.1 });
        for (socket, known) in &self.sockets {
            if model.members.contains(&known.user) {
                sent.push((*socket, name::READ_UPDATED, event.clone()));
            }
        }
        Ok(())
    }
}
