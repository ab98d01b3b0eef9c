//! Events of the server.

use khaya_wire::{
    Chat as WireChat, Message, Timestamp,
    event::{self, name},
};
use serde::de::DeserializeOwned;

use super::{Chat, stored::Then};
use crate::store::{Edge, Op, Place, Put};

impl Chat {
    pub(super) fn take_event(&mut self, name: &str, data: serde_json::Value) {
        match name {
            name::NEW_MESSAGE => {
                if let Some(event) = parse::<event::MessageEvent>(name, data) {
                    self.take_new_message(event);
                }
            }
            name::MESSAGE_UPDATED => {
                if let Some(event) = parse::<event::MessageEvent>(name, data) {
                    self.take_edit(event.message);
                }
            }
            name::MESSAGE_DELETED => {
                if let Some(event) = parse::<event::MessageDeleted>(name, data) {
                    self.take_deletion(&event);
                }
            }
            name::USER_TYPING => {
                if let Some(event) = parse::<event::Typing>(name, data) {
                    self.take_typing(event);
                }
            }
            name::READ_UPDATED => {
                if let Some(event) = parse::<event::ReadUpdated>(name, data) {
                    self.store(
                        Op::PutRead {
                            chat: event.chat_id,
                            user: event.user_id,
                            message: event.message_id,
                        },
                        Then::Reads,
                    );
                }
            }
            name::CHAT_UPDATED => {
                if let Some(event) = parse::<event::ChatUpdated>(name, data) {
                    self.take_chat(event.chat);
                }
            }
            name::CHAT_REMOVED => {
                if let Some(event) = parse::<event::ChatRemoved>(name, data) {
                    let chat = event.chat_id;
                    self.store(Op::RemoveChat { chat: chat.clone() }, Then::Removed { chat });
                }
            }
            name::SESSION_REVOKED => self.end_revoked_session(),
            _ => tracing::trace!(name, "an event that is not known"),
        }
    }

    /// A message came in by itself.
    fn take_new_message(&mut self, event: event::MessageEvent) {
        let event::MessageEvent { chat_id, message, .. } = event;
        if message.chat_id != chat_id {
            tracing::warn!(chat = %chat_id, "a message of another chat than its event's");
            return;
        }
        self.typing.others_typed(
            chat_id.clone(),
            message.sender_id.clone(),
            false,
            self.now.monotonic,
        );
        if self.chats.get(&chat_id).is_none() {
            // A chat of which nothing is known yet: the list has it, and the message with it.
            self.fetch_soon();
            return;
        }
        tracing::trace!(chat = %chat_id, message = %message.id, "a message came in");
        let message = self.take_for_own(message);
        let place = if self.chats.is_live(&chat_id) {
            Place::Live
        } else {
            Place::Alone
        };
        self.store(
            Op::PutMessages {
                chat: chat_id,
                messages: vec![message],
                place,
            },
            Then::Live,
        );
    }

    /// The store has a message that came in by itself.
    pub(super) fn live_is_stored(&mut self, put: Put) {
        self.outbox.confirm(&put.messages);
        self.row_follows(&put);
        for message in &put.messages {
            if put.new.contains(&message.id) {
                self.notify_of(message);
            }
        }
        self.show_live(&put);
    }

    /// The row of a chat takes over what the store says after a transaction.
    pub(super) fn row_follows(&mut self, put: &Put) {
        if let Some(row) = self.chats.rows.get_mut(&put.chat) {
            row.stored.unread = put.unread;
            if put.newest.is_some() {
                row.stored.newest.clone_from(&put.newest);
            }
        }
    }

    fn take_edit(&mut self, message: Message) {
        self.store(
            Op::Edit {
                chat: message.chat_id.clone(),
                message,
            },
            Then::Page {
                why: super::timeline::Why::Edited,
            },
        );
    }

    fn take_deletion(&mut self, event: &event::MessageDeleted) {
        let known = self.timeline.as_ref().and_then(|timeline| {
            timeline
                .messages
                .iter()
                .find(|message| message.id == event.message_id)
                .cloned()
        });
        let newest = || {
            self.chats
                .get(&event.chat_id)
                .and_then(|chat| chat.newest.clone())
                .filter(|newest| newest.id == event.message_id)
        };
        if let Some(message) = known.or_else(newest) {
            self.take_edit(tombstone(&message, self.now.wall));
        } else {
            // A message that is not in memory: its chat's next page has the tombstone.
            self.fetch_soon();
        }
    }

    fn take_typing(&mut self, event: event::Typing) {
        if Some(&event.user_id) == self.my_id().as_ref() || self.chats.get(&event.chat_id).is_none() {
            return;
        }
        let is_typing = event.is_typing();
        self.typing
            .others_typed(event.chat_id, event.user_id, is_typing, self.now.monotonic);
    }

    fn take_chat(&mut self, chat: WireChat) {
        let is_new = self.chats.get(&chat.id).is_none();
        self.put_chat(chat, false);
        if is_new {
            // Its count and its last message come with the list.
            self.fetch_soon();
        }
    }
}

fn tombstone(message: &Message, now: Timestamp) -> Message {
    Message {
        content: "".into(),
        deleted_at: message.deleted_at.or(Some(now)),
        attachments: None,
        reactions: None,
        ..message.clone()
    }
}

/// Whether a window that ends here has more before it.
pub(super) fn has_more(edge: Edge) -> bool {
    match edge {
        Edge::Stored | Edge::Gap => true,
        Edge::End => false,
    }
}

fn parse<T: DeserializeOwned>(name: &str, data: serde_json::Value) -> Option<T> {
    // Not the error itself: it quotes what it read.
    serde_json::from_value(data)
        .inspect_err(|error| tracing::warn!(name, kind = ?error.classify(), "an event that cannot be read"))
        .ok()
}
